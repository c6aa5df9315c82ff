//! QQ Connect (QQ 互联): people of QQ on a website. One website's appid and key, and QQ's servers.
//!
//! <https://wiki.connect.qq.com/>. Lives here: the three steps of a sign-in; `wire` reads what comes back, in whichever of
//! three forms. Does not: QQ mini programs (`qq`), whose people are the same by their unionid.

mod errcodes;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};
use url::Url;

pub use self::errcodes::ERRCODES;
use self::wire::{Answer, text};
use crate::answer::{answered, code_is_spent, faceless, heard, lacks, refused, shown};
use crate::http::{Call, Caller, NotReady, PROFILE_WITHIN};
use crate::{
    AppId, AppSecret, Error, Explained, Identity, JsCode, OpenId, Platform, Profile, Redirect, RedirectCode,
    Redirected, UnionId,
};

/// Where QQ Connect is, for browsers and servers.
pub const BASE_URL: &str = "https://graph.qq.com";

/// The website may not have unionids; people have to be asked for without them.
const NO_UNIONID: i64 = 100_048;

/// What a website needs to be known to QQ Connect.
#[derive(Debug, Clone)]
pub struct QqConnectConfig {
    /// From the console: digits.
    pub appid: AppId,
    /// The console's "APP Key".
    pub secret: AppSecret,
    /// [`BASE_URL`], or a simulator; browsers go there too.
    pub base_url: Url,
    /// For each exchange, connecting included.
    pub deadline: Duration,
}

/// One website at QQ Connect.
#[derive(Debug)]
pub struct QqConnect {
    appid: AppId,
    secret: AppSecret,
    base_url: Url,
    caller: Caller,
}

impl QqConnect {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: QqConnectConfig) -> Result<Self, NotReady> {
        let QqConnectConfig { appid, secret, base_url, deadline } = config;
        let caller = Caller::new(&base_url, deadline)?.reading_refusals();
        Ok(Self { appid, secret, base_url, caller })
    }

    /// Trades the code for the person's access token.
    async fn token(&self, code: &RedirectCode, to: &Url) -> Result<Zeroizing<String>, Error> {
        let query = [
            ("grant_type", "authorization_code"),
            ("client_id", self.appid.as_str()),
            ("client_secret", self.secret.expose()),
            ("code", code.expose()),
            ("redirect_uri", to.as_str()),
            ("fmt", "json"),
        ];
        let granted = ask(&self.caller, "/oauth2.0/token", &query, &[self.secret.expose(), code.expose()]).await?;
        text(&granted, "access_token").map(Zeroizing::new).ok_or_else(|| lacks("access_token is missing"))
    }

    /// Who the token is about, once more without a unionid where the website may have none.
    async fn identity(&self, token: &str) -> Result<Identity, Error> {
        let query = [("access_token", token), ("unionid", "1"), ("fmt", "json")];
        let mut named = ask(&self.caller, "/oauth2.0/me", &query, &[token]).await;
        if named.as_ref().is_err_and(|error| error.errcode() == Some(NO_UNIONID)) {
            named = ask(&self.caller, "/oauth2.0/me", &[query[0], query[2]], &[token]).await;
        }
        let named = named?;
        if text(&named, "client_id").as_deref() != Some(self.appid.as_str()) {
            return Err(lacks("the token is another app's"));
        }
        let openid = text(&named, "openid").and_then(|text| OpenId::parse(text).ok());
        let unionid = text(&named, "unionid").map(|text| UnionId::parse(text).map_err(|_| lacks("unionid is not one")));
        Ok(Identity {
            openid: openid.ok_or_else(|| lacks("openid is missing"))?,
            unionid: unionid.transpose()?,
            session_key: None,
        })
    }

    async fn profile(&self, token: &str, openid: &OpenId) -> Result<Profile, Error> {
        let query = [("access_token", token), ("oauth_consumer_key", self.appid.as_str()), ("openid", openid.as_str())];
        let shown =
            ask(&self.caller.within(PROFILE_WITHIN), "/user/get_user_info", &query, &[token, openid.as_str()]).await?;
        let pictures = ["figureurl_qq_2", "figureurl_qq_1", "figureurl_qq", "figureurl_2", "figureurl_1"];
        let gender = match text(&shown, "gender").as_deref() {
            Some("男") => 1,
            Some("女") => 2,
            _ => 0,
        };
        Ok(Profile {
            nickname: text(&shown, "nickname").unwrap_or_default(),
            avatar_url: pictures.iter().find_map(|name| text(&shown, name)).unwrap_or_default(),
            gender,
            ..Profile::default()
        })
    }
}

async fn ask(
    caller: &Caller,
    path: &'static str,
    query: &[(&'static str, &str)],
    confidential: &[&str],
) -> Result<Map<String, Value>, Error> {
    let body = heard(path, caller.send(Call { path, query, body: None }).await)?;
    let answer = Answer::read(&body).ok_or_else(|| lacks("the body is no JSON, no callback and no query string"))?;
    let errcode = answer.errcode()?;
    answered(path, errcode);
    if errcode == 0 {
        return Ok(answer.members);
    }
    Err(refused(explain(errcode), errcode, shown(&answer.errmsg(), confidential)))
}

/// What is known about an error number.
fn explain(errcode: i64) -> Option<&'static Explained> {
    ERRCODES.iter().find(|explained| explained.errcode == errcode)
}

#[async_trait]
impl Platform for QqConnect {
    fn name(&self) -> &'static str {
        "qq"
    }

    fn explain(&self, error: &Error) -> Option<&'static Explained> {
        explain(error.errcode()?)
    }

    /// Websites have no codes of `qq.login`: their people come by redirect.
    async fn login(&self, _code: &JsCode) -> Result<Identity, Error> {
        Err(Error::Unsupported)
    }

    fn redirect(&self) -> Option<&dyn Redirect> {
        Some(self)
    }
}

#[async_trait]
impl Redirect for QqConnect {
    fn authorize_url(&self, to: &Url, state: &str, _silent: bool) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}/oauth2.0/authorize", self.base_url.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs([
            ("response_type", "code"),
            ("client_id", self.appid.as_str()),
            ("redirect_uri", to.as_str()),
            ("state", state),
            ("scope", "get_user_info"),
        ]);
        url
    }

    async fn redeem(&self, code: &RedirectCode, to: &Url) -> Result<Redirected, Error> {
        let token = self.token(code, to).await?;
        let identity = self.identity(&token).await.map_err(code_is_spent)?;
        let profile = self.profile(&token, &identity.openid).await.inspect_err(faceless).ok();
        Ok(Redirected { identity, profile })
    }
}
