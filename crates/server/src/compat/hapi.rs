//! `POST /users/wxLogin {code, encryptedData, iv}`: answers the bare JWT as text, as the hapi system did (design §2, S7).

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use secrecy::SecretString;
use serde::Deserialize;

use super::Entry;
use crate::extract::{Client, Json};
use crate::limits::Allowed;
use crate::login::{LoginRequest, sign_in};
use crate::problem::Problem;
use crate::session::OldToken;
use crate::state::Menjin;

/// What old mini programs send.
#[derive(Deserialize)]
pub(super) struct WxLogin {
    code: SecretString,
    #[serde(rename = "encryptedData")]
    encrypted_data: Option<SecretString>,
    iv: Option<String>,
}

pub(super) async fn login(
    State(menjin): State<Menjin>,
    Extension(Entry(index)): Extension<Entry>,
    allowed: Allowed,
    client: Client,
    Json(old): Json<WxLogin>,
) -> Result<impl IntoResponse, Problem> {
    let app = menjin.apps.by_id(&menjin.config.compat[index].app).ok_or(Problem::AppUnknown)?;
    let request = LoginRequest { encrypted_data: old.encrypted_data, iv: old.iv, ..LoginRequest::with_code(old.code) };
    let failures = allowed.before_sign_in(&app.id)?;
    let entered = sign_in(&menjin, app, (request, client), None, failures).await;
    let signed_in = entered.map_err(in_old_words)?.signed_in;
    let named = OldToken { user: signed_in.user.number, session: signed_in.pair.session_id };
    let token = menjin.old_forms.mint(index, &named, menjin.clock.now())?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], token))
}

/// A fault names the member as the old client spells it.
fn in_old_words(problem: Problem) -> Problem {
    let Problem::BadField { field, fault } = problem else { return problem };
    Problem::field(if field == "encrypted_data" { "encryptedData".to_owned() } else { field }, fault)
}
