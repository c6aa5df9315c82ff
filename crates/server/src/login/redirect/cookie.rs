//! What a browser carries of a sign-in that it has begun: one sealed cookie for each, so that tabs don't disturb each other.
//!
//! The cookie's name holds the state that comes back, and the content opens under that state alone.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::AppendHeaders;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};

use super::asked::is_state;
use crate::apps::App;
use crate::entropy::sha256;
use crate::seal::Sealed;
use crate::state::Menjin;

/// How long somebody may take at the platform.
pub(super) const LIFE: Duration = Duration::from_mins(10);
/// So many may be under way in one browser; the oldest goes.
const MOST: usize = 4;
/// A browser holds no more of ours; what else is under the name is not looked at.
const LOOKED_AT: usize = 32;
const NAME: &str = "menjin-start-";
/// A browser takes such a cookie from this very host alone, by https and for all paths (RFC 6265bis §4.1.3.2).
const PREFIX: &str = "__Host-";

/// A sign-in under way.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    /// In this app.
    #[serde(rename = "a")]
    pub(super) app: String,
    /// SHA-256 of the page that it leads to.
    #[serde(rename = "r")]
    redirect_uri: [u8; 32],
    /// What the page wants to see again.
    #[serde(rename = "s")]
    pub(super) state: String,
    /// What the exchange must prove.
    #[serde(rename = "c")]
    pub(super) challenge: String,
    /// Its end, in milliseconds.
    #[serde(rename = "u")]
    until: i64,
}

impl Start {
    pub(super) fn new(app: &App, redirect_uri: &str, (state, challenge): (&str, &str), until: Timestamp) -> Self {
        Self {
            app: app.id.clone(),
            redirect_uri: sha256(redirect_uri.as_bytes()),
            state: state.to_owned(),
            challenge: challenge.to_owned(),
            until: until.millis(),
        }
    }

    /// Whether this is the page that it leads to.
    pub(super) fn leads_to(&self, uri: &str) -> bool {
        self.redirect_uri == sha256(uri.as_bytes())
    }
}

/// A browser's cookies of ours, and what shall become of them.
pub(super) struct Jar<'m> {
    menjin: &'m Menjin,
    /// State and sealed text.
    held: Vec<(String, String)>,
    changes: Vec<HeaderValue>,
}

impl<'m> Jar<'m> {
    pub(super) fn of(menjin: &'m Menjin, headers: &HeaderMap) -> Self {
        let prefix = name(menjin, "");
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let held = pairs.filter_map(|(name, value)| {
            let state = name.strip_prefix(prefix.as_str()).filter(|state| is_state(state))?;
            Some((state.to_owned(), value.to_owned()))
        });
        Self { menjin, held: held.take(LOOKED_AT).collect(), changes: Vec::new() }
    }

    /// What was begun with this state, if there is one such cookie and it is in time.
    pub(super) fn find(&self, state: &str, now: Timestamp) -> Option<Start> {
        let mut found = self.held.iter().filter(|(held, _)| held == state);
        let (Some((_, sealed)), None) = (found.next(), found.next()) else { return None };
        self.open(state, sealed).filter(|start| now.millis() < start.until)
    }

    /// Adds one, and drops the oldest and those that can't be read until there is room.
    pub(super) fn put(&mut self, state: &str, start: &Start) {
        let held = std::mem::take(&mut self.held);
        let until = |(state, sealed): &(String, String)| self.open(state, sealed).map(|start| start.until);
        let mut others: Vec<_> = held.into_iter().map(|it| (until(&it), it.0)).collect();
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(MOST);
        let unreadable = others.iter().take_while(|(until, _)| until.is_none()).count();
        for (_, other) in others.drain(..too_many.max(unreadable)) {
            self.remove(&other);
        }
        let plain = serde_json::to_vec(start).expect("texts and numbers are JSON");
        let sealed = self.menjin.sealer.seal(Sealed::Start, state.as_bytes(), &plain, &*self.menjin.entropy);
        self.set(state, &URL_SAFE_NO_PAD.encode(sealed), LIFE);
    }

    pub(super) fn remove(&mut self, state: &str) {
        self.set(state, "", Duration::ZERO);
    }

    /// For the answer.
    pub(super) fn changes(self) -> AppendHeaders<Vec<(header::HeaderName, HeaderValue)>> {
        AppendHeaders(self.changes.into_iter().map(|value| (header::SET_COOKIE, value)).collect())
    }

    fn open(&self, state: &str, sealed: &str) -> Option<Start> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let plain = self.menjin.sealer.open(Sealed::Start, state.as_bytes(), &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// `Lax`: the platform's page leads back by a link, which brings `Strict` cookies along nowhere.
    fn set(&mut self, state: &str, value: &str, life: Duration) {
        let secure = if is_https(self.menjin) { "; Secure" } else { "" };
        let (name, seconds) = (name(self.menjin, state), life.as_secs());
        let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        self.changes.extend(HeaderValue::try_from(cookie));
    }
}

fn name(menjin: &Menjin, state: &str) -> String {
    let prefix = if is_https(menjin) { PREFIX } else { "" };
    format!("{prefix}{NAME}{state}")
}

fn is_https(menjin: &Menjin) -> bool {
    menjin.issuer.starts_with("https://")
}
