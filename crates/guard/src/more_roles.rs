//! Roles and permissions that a token has not room for: menjin tells them once for each token, to whoever holds it.
//!
//! Does not: tell when they change. What does outdates the token, as any other (`ended`).

use http::{Method, StatusCode};
use menjin_token::Claims;
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::Refusal;
use crate::menjin::{Trouble, answer, bare_client};

const PLACE: [&str; 3] = ["v1", "me", "roles"];

/// Where they are asked for.
pub(crate) struct MoreRoles {
    url: Url,
    client: Client,
}

/// What menjin says.
#[derive(Deserialize)]
struct Said {
    roles: Vec<String>,
    permissions: Vec<String>,
}

impl MoreRoles {
    pub(crate) fn new(mut base: Url) -> Result<Self, reqwest::Error> {
        let client = bare_client(&base).build()?;
        if let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty().extend(PLACE);
        }
        Ok(Self { url: base, client })
    }

    /// Adds to the claims what the token says that there is; how many bytes that was.
    pub(crate) async fn add(&self, token: &str, claims: &mut Claims) -> Result<usize, Refusal> {
        let request = self.client.request(Method::GET, self.url.clone()).bearer_auth(token);
        let asked: Result<_, Trouble> = async {
            let answer = answer(request).await?;
            if answer.status == StatusCode::UNAUTHORIZED {
                return Ok(None);
            }
            let answer = answer.ok()?;
            answer.json::<Said>().map(|said| Some((said, answer.body.len())))
        }
        .await;
        match asked {
            Ok(Some((said, len))) => {
                (claims.roles, claims.permissions) = (said.roles, said.permissions);
                Ok(len)
            }
            // menjin knows already that it is over or outdated; what a refresh meets says which.
            Ok(None) => Err(Refusal::Expired),
            Err(trouble) => {
                tracing::warn!(error = %trouble, "menjin can't be asked for roles that a token has not room for");
                Err(Refusal::KeysUnavailable)
            }
        }
    }
}
