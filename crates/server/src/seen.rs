//! `GET /.well-known/menjin/seen`: how a request looks to menjin when it has come through whatever stands in front of it.
//!
//! For `menjin doctor` alone, which shows that it has the master key; for all others there is no such route.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::extract::Client;
use crate::problem::Problem;
use crate::seal::{Sealed, Sealer};
use crate::state::Menjin;

/// Where it is, below `server.public_url`.
pub const SEEN: &str = "/.well-known/menjin/seen";
/// The header that says who asks.
pub const QUESTION: &str = "menjin-question";

/// A question of another time is none: seconds, either way. Clocks that differ more are told apart by the platform's.
const WINDOW: i64 = 30 * 60;
/// What a stranger writes is not repeated without end.
const LONGEST: usize = 512;

pub(crate) fn routes() -> Router<Menjin> {
    Router::new().route(SEEN, get(seen))
}

/// What menjin makes of a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The issuer of its tokens.
    pub issuer: String,
    /// Who opened the connection.
    pub peer: Option<String>,
    /// Whose limits the request counts for.
    pub client: Option<String>,
    /// What came as `X-Forwarded-For`, all lines of it.
    pub forwarded: String,
    /// What came as `Host`.
    pub host: Option<String>,
    /// Its clock.
    pub time: i64,
}

/// The header's value, good for some minutes; only a menjin with the same master key understands it.
pub fn question(config: &Config, now: Timestamp) -> anyhow::Result<String> {
    let sealer = Sealer::new(&config.master_keys()?);
    let at = now.secs().to_be_bytes();
    Ok(URL_SAFE_NO_PAD.encode(sealer.seal(Sealed::Question, b"", &at, &SystemEntropy::default())))
}

async fn seen(State(menjin): State<Menjin>, client: Client, request: Request) -> Result<impl IntoResponse, Problem> {
    let now = menjin.clock.now();
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = text(QUESTION).is_some_and(|question| is_question(question, &menjin.sealer, now).is_ok());
    if !is_ours {
        return Err(Problem::RouteUnknown);
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    let seen = Seen {
        issuer: menjin.issuer.clone(),
        peer: peer.map(|peer| peer.to_string()),
        client: client.ip_text(),
        forwarded: forwarded.collect::<Vec<_>>().join(", ").chars().take(LONGEST).collect(),
        host: text("host").map(|host| host.chars().take(LONGEST).collect()),
        time: now.secs(),
    };
    Ok(([("cache-control", "no-store")], axum::Json(seen)))
}

fn is_question(question: &str, sealer: &Sealer, now: Timestamp) -> anyhow::Result<()> {
    let opened = sealer.open(Sealed::Question, b"", &URL_SAFE_NO_PAD.decode(question)?)?;
    let at = i64::from_be_bytes(opened.as_slice().try_into().context("a time")?);
    anyhow::ensure!(now.secs().abs_diff(at) <= WINDOW.unsigned_abs(), "of another time");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(key: char) -> Config {
        let key = format!("1{}", key.to_string().repeat(63));
        Config::parse(&format!("secret_key = \"{key}\""), Path::new("")).unwrap()
    }

    #[test]
    fn a_question_is_of_the_same_master_key_and_of_now() {
        let now = Timestamp::from_secs(1_800_000_000);
        let asked = question(&config('a'), now).unwrap();
        let sealer = Sealer::new(&config('a').master_keys().unwrap());
        let after = |secs| Timestamp::from_secs(now.secs() + secs);
        assert!([0, WINDOW, -WINDOW].iter().all(|secs| is_question(&asked, &sealer, after(*secs)).is_ok()));
        assert!([WINDOW + 1, -WINDOW - 1].iter().all(|secs| is_question(&asked, &sealer, after(*secs)).is_err()));
        let stranger = question(&config('b'), now).unwrap();
        let cookie = URL_SAFE_NO_PAD.encode(sealer.seal(Sealed::Start, b"", &[0; 8], &SystemEntropy::default()));
        for other in [stranger.as_str(), &cookie, "", "AAAA", "?"] {
            assert!(is_question(other, &sealer, now).is_err(), "{other}");
        }
    }
}
