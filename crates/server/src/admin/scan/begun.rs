//! What a browser carries of a scan that an operator has begun: a sealed cookie, which opens under the state that comes back alone.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::held::cookie_of;
use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::HeldDigest;

/// How long somebody may take at the platform.
pub(super) const LIFE: Duration = Duration::from_mins(10);

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To sign in.
    SignIn,
    /// To prove oneself once more, in this sign-in.
    Confirm(HeldDigest),
    /// To link the identity that comes back to whose sign-in this is.
    Link(HeldDigest),
}

/// A scan under way.
#[derive(Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) purpose: Purpose,
    /// What proves that the code was made for this browser.
    pub(super) verifier: String,
    /// Where to go afterwards.
    pub(super) next: String,
    /// Its end, in milliseconds.
    until: i64,
}

impl Begun {
    pub(super) fn new(purpose: Purpose, verifier: &str, next: &str, now: Timestamp) -> Self {
        Self { purpose, verifier: verifier.to_owned(), next: next.to_owned(), until: now.plus(LIFE).millis() }
    }

    /// What this browser has begun with this state, if it is in time.
    pub(super) fn of(menjin: &Menjin, headers: &HeaderMap, state: &str, now: Timestamp) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie_of(headers, name(menjin))?).ok()?;
        let plain = menjin.sealer.open(Sealed::Scan, state.as_bytes(), &sealed).ok()?;
        let begun: Self = serde_json::from_slice(&plain).ok()?;
        (now.millis() < begun.until).then_some(begun)
    }

    /// The cookie that carries it, in the place of an earlier one.
    pub(super) fn cookie(&self, menjin: &Menjin, state: &str) -> Result<HeaderValue, Problem> {
        let plain = serde_json::to_vec(self).map_err(|error| Problem::Internal(error.into()))?;
        let sealed = menjin.sealer.seal(Sealed::Scan, state.as_bytes(), &plain, &*menjin.entropy);
        cookie(menjin, &URL_SAFE_NO_PAD.encode(sealed), LIFE)
    }
}

/// It is over.
pub(super) fn no_cookie(menjin: &Menjin) -> Result<HeaderValue, Problem> {
    cookie(menjin, "", Duration::ZERO)
}

/// `Lax`: whoever comes back comes from the platform's page, and `Strict` cookies stay behind.
fn cookie(menjin: &Menjin, value: &str, life: Duration) -> Result<HeaderValue, Problem> {
    let secure = if menjin.config.admin.is_https() { "; Secure" } else { "" };
    let (name, seconds) = (name(menjin), life.as_secs());
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).map_err(|error| Problem::Internal(error.into()))
}

fn name(menjin: &Menjin) -> &'static str {
    if menjin.config.admin.is_https() { "__Host-menjin-scan" } else { "menjin-scan" }
}
