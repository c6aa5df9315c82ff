//! Sign-in outside mini programs: a person is asked on a page of WeChat's (`page`), and the app's server trades the code that
//! comes of it (`sns`). Here: what was asked for, what the person decided, and what is remembered of both.
//!
//! <https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>
//! <https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/Wechat_Login.html>

mod address;
pub(super) mod page;
pub(super) mod sns;

use serde::Deserialize;

use crate::apps::{App, AppKind};
use crate::people;
use crate::platform::Platform;
use crate::wechat::codes::Codes;
use crate::world::World;
pub(crate) use address::{BadRequest, Request};
use sns::Tokens;

/// Of codes for websites and native apps; an official account's live five minutes as all others do.
const LONG_LIFE: i64 = 10 * 60;

/// What a person does when they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// They agree.
    Allow,
    /// They decline.
    Deny,
    /// WeChat has opened the page as a snapshot, and gives a virtual user without asking.
    Snapshot,
}

/// What a code stands for.
#[derive(Clone, Debug)]
pub(crate) struct OauthCode {
    person: String,
    appid: String,
    pub(super) openid: String,
    scope: &'static str,
    virtual_user: bool,
}

#[derive(Debug)]
pub(crate) struct Oauth {
    codes: Codes<OauthCode>,
    long_codes: Codes<OauthCode>,
    tokens: Tokens,
}

impl Default for Oauth {
    fn default() -> Self {
        Self { codes: Codes::default(), long_codes: Codes::living(LONG_LIFE), tokens: Tokens::default() }
    }
}

impl Oauth {
    /// Whom a code was made for, good or not.
    pub(super) fn openid_of(&self, code: &str) -> Option<&str> {
        self.codes.peek(code).or_else(|| self.long_codes.peek(code)).map(|code| code.openid.as_str())
    }
}

/// Where the browser goes next; nowhere when somebody declines a website, whose page then stays as it is.
pub(crate) fn decide(
    world: &mut World,
    request: &Request,
    (person, decision): (&str, Decision),
) -> Result<Option<String>, BadRequest> {
    let app = request.checked(world)?.clone();
    let code = match decision {
        Decision::Allow => Some(code(world, &app, (person, request.scope), false)),
        Decision::Snapshot => Some(code(world, &app, (person, request.scope), true)),
        Decision::Deny if app.kind == AppKind::Website => return Ok(None),
        Decision::Deny => None,
    };
    Ok(Some(request.way_back(code.as_deref())))
}

/// What WeChat's SDK gives a native app once the person has agreed in WeChat.
pub(crate) fn send_auth(world: &mut World, appid: &str, person: &str) -> Option<String> {
    let app = world.apps.of(Platform::WeChat, appid).filter(|app| app.kind == AppKind::Native)?.clone();
    Some(code(world, &app, (person, "snsapi_userinfo"), false))
}

fn code(world: &mut World, app: &App, (person, scope): (&str, &'static str), virtual_user: bool) -> String {
    let now = world.now();
    let code = format!("0{}", world.entropy.alphanumeric(31));
    let openid = if virtual_user {
        // Of nobody: another one than the person has.
        people::openid(&format!("\u{0}virtual\u{0}{person}"), &app.appid)
    } else {
        world.people.meet_as(person, app).openid
    };
    let grant = OauthCode { person: person.to_owned(), appid: app.appid.clone(), openid, scope, virtual_user };
    let oauth = &mut world.wechat.oauth;
    let codes = if app.kind == AppKind::OfficialAccount { &mut oauth.codes } else { &mut oauth.long_codes };
    codes.issue(code.clone(), grant, now);
    code
}
