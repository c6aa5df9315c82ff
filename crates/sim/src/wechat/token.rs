//! Access tokens of an app: `cgi-bin/token` and `cgi-bin/stable_token`, two spaces that do not affect each other.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getAccessToken.html>
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html>

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::apps::Apps;
use crate::entropy::Entropy;
use crate::gateway::Asked;
use crate::platform::Platform;
use crate::wechat::errors::Refusal;
use crate::wechat::quota::{Counted, Window};
use crate::wechat::{json, posted};
use crate::world::World;

const LIFE: i64 = 7200;
/// How long the former token goes on working, and how early the stable one is renewed.
const OVERLAP: i64 = 300;
/// Forced renewals that come sooner than this after another change nothing.
const FORCED_APART: i64 = 30;
/// Expired tokens are remembered for a day, to tell 42001 from 40001.
const REMEMBERED: i64 = 86_400;

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Issued>,
    /// Oldest first, to be swept.
    order: VecDeque<(i64, String)>,
    latest: HashMap<(Space, String), String>,
    forced_at: HashMap<String, i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Space {
    Plain,
    Stable,
}

#[derive(Debug)]
struct Issued {
    appid: String,
    expires_at: i64,
    /// Another one took its place before its time: after its end it is "not latest" rather than expired.
    superseded: bool,
}

#[derive(Serialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

/// A new token at every call; the former one serves five minutes more.
pub(crate) fn token(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = credentials(&world.apps, asked.query("appid"), asked.query("secret"))?;
    client_credential(asked.query("grant_type"))?;
    let now = world.now();
    let counted = Counted { call: "token", subject: appid.clone(), window: Window::Day };
    world.wechat.counters.count(counted, world.policy.quotas.token_day, now)?;
    world.wechat.tokens.supersede(Space::Plain, &appid, now + OVERLAP);
    let access_token = world.wechat.tokens.issue(Space::Plain, &appid, &mut world.entropy, now);
    Ok(json(&Granted { access_token, expires_in: LIFE }))
}

/// The same token until its last five minutes, unless a new one is forced.
pub(crate) fn stable_token(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let body = posted(asked)?;
    let appid = credentials(&world.apps, asked.member("appid"), asked.member("secret"))?;
    client_credential(asked.member("grant_type"))?;
    let now = world.now();
    count_stable(world, &appid, now)?;
    if body.get("force_refresh").and_then(Value::as_bool) == Some(true) {
        force(world, &appid, now)?;
    }
    let tokens = &mut world.wechat.tokens;
    let (access_token, expires_in) = match tokens.current(Space::Stable, &appid, now) {
        Some((token, left)) if left > OVERLAP => (token, left),
        Some(_) | None => {
            // An old one is left to run out by itself, within the five minutes.
            (tokens.issue(Space::Stable, &appid, &mut world.entropy, now), LIFE)
        }
    };
    Ok(json(&Granted { access_token, expires_in }))
}

fn count_stable(world: &mut World, appid: &str, now: i64) -> Result<(), Refusal> {
    let quotas = world.policy.quotas;
    for (window, limit) in [(Window::Minute, quotas.stable_token_minute), (Window::Day, quotas.stable_token_day)] {
        world.wechat.counters.count(Counted { call: "stable_token", subject: appid.to_owned(), window }, limit, now)?;
    }
    Ok(())
}

/// Kills the current token at once; too soon after the last time, nothing happens.
fn force(world: &mut World, appid: &str, now: i64) -> Result<(), Refusal> {
    let wechat = &mut world.wechat;
    if wechat.tokens.forced_at.get(appid).is_some_and(|last| now < last + FORCED_APART) {
        return Ok(());
    }
    let counted = Counted { call: "forced_token", subject: appid.to_owned(), window: Window::Day };
    wechat.counters.count(counted, world.policy.quotas.forced_token_day, now)?;
    wechat.tokens.forced_at.insert(appid.to_owned(), now);
    wechat.tokens.supersede(Space::Stable, appid, now);
    Ok(())
}

/// The appid, if it comes with its secret.
fn credentials(apps: &Apps, appid: Option<&str>, secret: Option<&str>) -> Result<String, Refusal> {
    let appid = appid.ok_or(Refusal::AppidMissing)?;
    let secret = secret.ok_or(Refusal::SecretMissing)?;
    let app = apps.of(Platform::WeChat, appid).ok_or(Refusal::InvalidAppid)?;
    if secret == app.secret { Ok(app.appid.clone()) } else { Err(Refusal::InvalidSecret) }
}

fn client_credential(grant_type: Option<&str>) -> Result<(), Refusal> {
    if grant_type == Some("client_credential") { Ok(()) } else { Err(Refusal::InvalidGrantType) }
}

/// The app whose good token the query holds.
pub(crate) fn authorized(world: &World, asked: &Asked) -> Result<String, Refusal> {
    let token = asked.query("access_token").ok_or(Refusal::AccessTokenMissing)?;
    world.wechat.tokens.check(token, world.now()).map(str::to_owned)
}

impl Tokens {
    /// The app of a token, good or not.
    pub(crate) fn appid_of(&self, token: &str) -> Option<&str> {
        self.issued.get(token).map(|issued| issued.appid.as_str())
    }

    fn check(&self, token: &str, now: i64) -> Result<&str, Refusal> {
        match self.issued.get(token) {
            Some(issued) if now < issued.expires_at => Ok(&issued.appid),
            Some(issued) if !issued.superseded => Err(Refusal::AccessTokenExpired),
            Some(_) | None => Err(Refusal::InvalidCredential),
        }
    }

    /// The latest token of a space and the seconds that it has left, if any.
    fn current(&self, space: Space, appid: &str, now: i64) -> Option<(String, i64)> {
        let token = self.latest.get(&(space, appid.to_owned()))?;
        let left = self.issued.get(token)?.expires_at - now;
        (left > 0).then(|| (token.clone(), left))
    }

    /// The latest token of a space is to end by then.
    fn supersede(&mut self, space: Space, appid: &str, end: i64) {
        let former = self.latest.get(&(space, appid.to_owned())).and_then(|token| self.issued.get_mut(token));
        if let Some(former) = former.filter(|former| end < former.expires_at) {
            former.expires_at = end;
            former.superseded = true;
        }
    }

    fn issue(&mut self, space: Space, appid: &str, entropy: &mut Entropy, now: i64) -> String {
        self.sweep(now);
        let token = format!("99_{}", entropy.alphanumeric(133));
        self.order.push_back((now, token.clone()));
        self.latest.insert((space, appid.to_owned()), token.clone());
        self.issued
            .insert(token.clone(), Issued { appid: appid.to_owned(), expires_at: now + LIFE, superseded: false });
        token
    }

    fn sweep(&mut self, now: i64) {
        while let Some((_, token)) = self.order.pop_front_if(|(made_at, _)| now >= *made_at + LIFE + REMEMBERED) {
            self.issued.remove(&token);
        }
    }
}
