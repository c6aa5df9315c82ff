//! The steps of the tour, each with what must come of it.

use anyhow::{Context as _, ensure};
use menjin_server::{Clock as _, SystemClock};
use menjin_token::{Expect, KeySet, Typ, dangerous};
use serde_json::{Value, json};

use super::wire::{Answer, Call, Wire};
use crate::dev::DEMO;

/// What a phone keeps.
struct Pair {
    access: String,
    refresh: String,
    session: String,
}

impl Pair {
    fn of(answer: &Answer) -> anyhow::Result<Self> {
        Ok(Self {
            access: answer.text("/access_token")?.to_owned(),
            refresh: answer.text("/refresh_token")?.to_owned(),
            session: answer.text("/session_id")?.to_owned(),
        })
    }
}

pub(super) async fn walk(wire: &mut Wire) -> anyhow::Result<()> {
    let code = ask_for_a_code(wire).await?;
    let first = sign_in(wire, &code).await?;
    let issuer = look_into_the_token(wire, &first)?;
    verify(wire, &first, &issuer).await?;
    ask_who_i_am(wire, &first).await?;
    let second = refresh(wire, &first).await?;
    let second = refresh_again(wire, &first, &second).await?;
    list_sessions(wire, &second).await?;
    be_kicked(wire, &second).await?;
    be_refused(wire, &second).await
}

async fn ask_for_a_code(wire: &mut Wire) -> anyhow::Result<String> {
    wire.step("手机：wx.login() 拿到 code", "The phone asks WeChat for a code: wx.login()")?;
    let answer = wire.call(Call::post("/dev/wx/login", json!({ "person": "tour" })), 200).await?;
    let code = answer.text("/code")?.to_owned();
    wire.seen("code 五分钟有效，只能用一次。", "A code lives five minutes and works once.")?;
    Ok(code)
}

async fn sign_in(wire: &mut Wire, code: &str) -> anyhow::Result<Pair> {
    wire.step("小程序：用 code 换会话", "The mini program trades the code for a session")?;
    let device = json!({ "id": "menjin-tour", "class": "phone", "name": "menjin tour" });
    let path = format!("/v1/login/{DEMO}");
    let answer = wire.call(Call::post(&path, json!({ "code": code, "device": device })), 200).await?;
    let pair = Pair::of(&answer)?;
    wire.seen(
        "menjin 问了微信一次，找到或新建用户，开了会话。session_key 不出服务器。",
        "menjin asked WeChat once, found or made the user and opened a session. The session_key stays on the server.",
    )?;
    Ok(pair)
}

/// Returns the issuer that the token names.
fn look_into_the_token(wire: &mut Wire, pair: &Pair) -> anyhow::Result<String> {
    wire.step("访问令牌里有什么", "What stands in the access token")?;
    let (header, claims) = dangerous::decode_unverified(&pair.access)?;
    let issuer = claims.pointer("/iss").and_then(Value::as_str).context("the token names no issuer")?.to_owned();
    Wire::show(&json!({ "header": header, "claims": claims }))?;
    ensure!(header.pointer("/typ") == Some(&json!("at+jwt")), "the token is not of the kind at+jwt");
    ensure!(claims.pointer("/sid") == Some(&json!(pair.session)), "the token belongs to another session");
    wire.seen(
        "谁都能读，但没人能改：sub 是用户，sid 是会话，aud 是你的后端。",
        "Anybody can read it and nobody can change it: sub is the user, sid the session, aud your back end.",
    )?;
    Ok(issuer)
}

async fn verify(wire: &mut Wire, pair: &Pair, issuer: &str) -> anyhow::Result<()> {
    wire.step("后端：用公钥自己验证", "The back end verifies it by itself, with the public keys")?;
    let answer = wire.call(Call::get("/.well-known/jwks.json"), 200).await?;
    let keys = KeySet::parse(answer.body().to_string().as_bytes())?;
    let expect =
        Expect { typ: Typ::AccessToken, issuer: Some(issuer), audience: Some(DEMO), leeway: std::time::Duration::ZERO };
    menjin_token::verify(&pair.access, &keys, &expect, SystemClock.now())?;
    wire.seen(
        "签名、签发者、受众、时间都对。验证不用再问 menjin。",
        "Signature, issuer, audience and times are good. No request to menjin is needed for that.",
    )?;
    Ok(())
}

async fn ask_who_i_am(wire: &mut Wire, pair: &Pair) -> anyhow::Result<()> {
    wire.step("小程序：我是谁", "The mini program asks who is signed in")?;
    let answer = wire.call(Call::get("/v1/me").by(&pair.access), 200).await?;
    ensure!(answer.text("/session/id")? == pair.session, "the answer is about another session");
    wire.seen("openid 不会出现在这里；user.id 永远不变。", "No openid here; user.id never changes.")?;
    Ok(())
}

async fn refresh(wire: &mut Wire, first: &Pair) -> anyhow::Result<Pair> {
    wire.step("访问令牌快过期了：刷新", "The access token will soon expire: refresh")?;
    let body = json!({ "refresh_token": first.refresh });
    let second = Pair::of(&wire.call(Call::post("/v1/token/refresh", body), 200).await?)?;
    ensure!(second.refresh != first.refresh, "the refresh token did not rotate");
    ensure!(second.session == first.session, "the session changed");
    wire.seen(
        "同一个会话，新的一对令牌；旧的刷新令牌作废。",
        "The same session and a new pair; the old refresh token is spent.",
    )?;
    Ok(second)
}

async fn refresh_again(wire: &mut Wire, first: &Pair, second: &Pair) -> anyhow::Result<Pair> {
    wire.step("应答丢了：再发一次旧的刷新令牌", "The answer was lost: send the spent refresh token again")?;
    let body = json!({ "refresh_token": first.refresh });
    let again = Pair::of(&wire.call(Call::post("/v1/token/refresh", body), 200).await?)?;
    ensure!(again.refresh == second.refresh, "the repeated refresh made another refresh token");
    wire.seen(
        "30 秒内重发，拿到的是同一个新令牌，不会被锁在门外；比它更旧的再出现，就当作盗用。",
        "Within 30 seconds it gets the same new one, so nobody is locked out; an older one counts as theft.",
    )?;
    Ok(again)
}

async fn list_sessions(wire: &mut Wire, pair: &Pair) -> anyhow::Result<()> {
    wire.step("我在哪些设备登录了", "Where am I signed in?")?;
    let answer = wire.call(Call::get("/v1/me/sessions").by(&pair.access), 200).await?;
    let sessions =
        answer.body().pointer("/sessions").and_then(Value::as_array).context("the answer has no sessions")?;
    let current = sessions.iter().find(|session| session.pointer("/current") == Some(&json!(true)));
    let id = current.and_then(|session| session.pointer("/id"));
    ensure!(id == Some(&json!(pair.session)), "this session is not in the list");
    wire.seen("每次登录一行，可以单独结束。", "One line a sign-in; each can be ended by itself.")?;
    Ok(())
}

async fn be_kicked(wire: &mut Wire, pair: &Pair) -> anyhow::Result<()> {
    wire.step("管理员：踢下线", "An operator ends the session")?;
    wire.call(Call::post("/dev/kick", json!({ "session_id": pair.session })), 204).await?;
    wire.seen(
        "令牌还没过期，但 menjin 一秒内就不认了。",
        "The token has not expired, and yet menjin refuses it within a second.",
    )?;
    Ok(())
}

async fn be_refused(wire: &mut Wire, pair: &Pair) -> anyhow::Result<()> {
    wire.step("小程序：再用同一个令牌", "The mini program uses the same token once more")?;
    let answer = wire.call(Call::get("/v1/me").by(&pair.access), 401).await?;
    let code = answer.text("/code")?;
    ensure!(code == "session_kicked", "expected session_kicked and got {code}");
    wire.seen(
        "401 说明原因（code）和下一步（action）：重新登录。",
        "The 401 says why (code) and what to do (action): sign in again.",
    )?;
    Ok(())
}
