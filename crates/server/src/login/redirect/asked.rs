//! The parameters of both pages, each at most once, and bounded.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use url::form_urlencoded;

use super::cookie::{LIFE, Start};
use crate::apps::App;
use crate::problem::{Fault, Problem};

/// Of the page's own state, which stands in the cookie and comes back in an address.
const LONGEST_STATE: usize = 512;
const METHODS: [&str; 1] = ["S256"];
const YES_OR_NO: [&str; 2] = ["true", "false"];

/// An address's query.
pub(super) struct Asked<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Asked<'q> {
    pub(super) fn parse(query: Option<&'q str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect())
    }

    /// A parameter's value; one without a value counts as left out.
    pub(super) fn once(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_ref());
        let first = values.next();
        if values.next().is_some() {
            return Err(Problem::field(name, Fault::Twice));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    fn needed(&self, name: &str) -> Result<&str, Problem> {
        self.once(name)?.ok_or_else(|| Problem::field(name, Fault::Missing))
    }
}

/// What an app's page asks for.
#[derive(Debug)]
pub(super) struct Begin<'q> {
    redirect_uri: &'q str,
    state: &'q str,
    challenge: &'q str,
    pub(super) silent: bool,
}

impl<'q> Begin<'q> {
    pub(super) fn read(app: &App, asked: &'q Asked<'q>) -> Result<Self, Problem> {
        let redirect_uri = asked.needed("redirect_uri")?;
        if !app.redirect_uris.iter().any(|uri| uri == redirect_uri) {
            return Err(Problem::field("redirect_uri", Fault::NotRegistered));
        }
        let state = asked.needed("state")?;
        if state.len() > LONGEST_STATE {
            return Err(Problem::field("state", Fault::TooLong(LONGEST_STATE)));
        }
        if state.chars().any(char::is_control) {
            return Err(Problem::field("state", Fault::Unprintable));
        }
        let challenge = asked.needed("code_challenge")?;
        if asked.needed("code_challenge_method")? != "S256" {
            return Err(Problem::field("code_challenge_method", Fault::NotOneOf(&METHODS)));
        }
        if URL_SAFE_NO_PAD.decode(challenge).map(|bytes| bytes.len()) != Ok(32) {
            return Err(Problem::field("code_challenge", Fault::NotPkce));
        }
        let silent = match asked.once("silent")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::field("silent", Fault::NotOneOf(&YES_OR_NO))),
        };
        Ok(Self { redirect_uri, state, challenge, silent })
    }

    pub(super) fn into_start(self, app: &App, now: Timestamp) -> Start {
        Start::new(app, self.redirect_uri, (self.state, self.challenge), now.plus(LIFE))
    }
}

/// Whether `start` could have given this to a platform.
pub(super) fn is_state(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
