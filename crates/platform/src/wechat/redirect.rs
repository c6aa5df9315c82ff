//! Sign-in outside mini programs: the page where WeChat asks a person, and the code that comes of it (`sns/oauth2`).
//!
//! The tokens that WeChat gives for the person are used for their profile at once, and dropped: nothing here renews them.
//!
//! <https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>
//! <https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/Wechat_Login.html>

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::answer::{TextOrNumber, ask, lacks, without_token};
use super::{WeChat, WeChatKind};
use crate::answer::faceless;
use crate::exchanged::unionid;
use crate::http::{Call, PROFILE_WITHIN};
use crate::{Error, Identity, OpenId, Profile, Redirect, RedirectCode, Redirected, UnionId};

/// The only scope that opens nothing but the openid.
const BASE: &str = "snsapi_base";
const WITH_PROFILE: [&str; 2] = ["snsapi_userinfo", "snsapi_login"];

#[derive(Deserialize)]
struct Granted {
    access_token: Option<SecretString>,
    openid: Option<String>,
    unionid: Option<String>,
    scope: Option<String>,
    is_snapshotuser: Option<TextOrNumber>,
}

#[derive(Deserialize)]
struct UserInfo {
    openid: Option<String>,
    unionid: Option<String>,
    nickname: Option<String>,
    headimgurl: Option<String>,
}

/// Whom a code named, and what it opens beside.
pub(super) struct Met {
    pub(super) identity: Identity,
    access_token: SecretString,
    opens_profile: bool,
}

#[async_trait]
impl Redirect for WeChat {
    /// WeChat reads the parameters in exactly this order.
    fn authorize_url(&self, to: &Url, state: &str, silent: bool) -> Url {
        let (path, scope) = if self.kind == WeChatKind::Website {
            ("/connect/qrconnect", "snsapi_login")
        } else if silent {
            ("/connect/oauth2/authorize", BASE)
        } else {
            ("/connect/oauth2/authorize", "snsapi_userinfo")
        };
        let mut url = self.open_url.clone();
        url.set_path(&format!("{}{path}", self.open_url.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs([
            ("appid", self.appid.as_str()),
            ("redirect_uri", to.as_str()),
            ("response_type", "code"),
            ("scope", scope),
            ("state", state),
        ]);
        url.set_fragment(Some("wechat_redirect"));
        url
    }

    async fn redeem(&self, code: &RedirectCode, _to: &Url) -> Result<Redirected, Error> {
        self.code_to_person(code.expose()).await
    }
}

impl WeChat {
    /// Exchanges the code, and asks for the profile where it opens that. The person is proved by then: a profile that
    /// does not come is only missing.
    pub(super) async fn code_to_person(&self, code: &str) -> Result<Redirected, Error> {
        let Met { mut identity, access_token, opens_profile } = self.code_to_token(code).await?;
        if !opens_profile {
            return Ok(Redirected { identity, profile: None });
        }
        let profile = match self.user_info(&identity.openid, &access_token).await {
            Ok((unionid, profile)) => {
                identity.unionid = identity.unionid.or(unionid);
                Some(profile)
            }
            Err(error) => {
                faceless(&error);
                None
            }
        };
        Ok(Redirected { identity, profile })
    }

    /// Exchanges the code, once. The AppSecret travels in the query, as WeChat wants it.
    pub(super) async fn code_to_token(&self, code: &str) -> Result<Met, Error> {
        let secret = self.secret.expose();
        let query =
            [("appid", self.appid.as_str()), ("secret", secret), ("code", code), ("grant_type", "authorization_code")];
        let call = Call { path: "/sns/oauth2/access_token", query: &query, body: None };
        let granted: Granted = ask(&self.caller, call, &[secret, code]).await.map_err(without_token)?;
        token(granted)
    }

    async fn user_info(
        &self,
        openid: &OpenId,
        access_token: &SecretString,
    ) -> Result<(Option<UnionId>, Profile), Error> {
        let token = access_token.expose_secret();
        let query = [("access_token", token), ("openid", openid.as_str()), ("lang", "zh_CN")];
        let call = Call { path: "/sns/userinfo", query: &query, body: None };
        let info: UserInfo = ask(&self.caller.within(PROFILE_WITHIN), call, &[token, openid.as_str()]).await?;
        if info.openid.as_deref() != Some(openid.as_str()) {
            return Err(lacks("the profile is somebody else's"));
        }
        let profile = Profile {
            nickname: info.nickname.unwrap_or_default(),
            avatar_url: info.headimgurl.unwrap_or_default(),
            ..Profile::default()
        };
        Ok((unionid(info.unionid)?, profile))
    }
}

fn token(granted: Granted) -> Result<Met, Error> {
    if granted.is_snapshotuser.is_some_and(|flag| flag.number() != Some(0)) {
        return Err(Error::Snapshot);
    }
    let openid = granted.openid.and_then(|text| OpenId::parse(text).ok()).ok_or_else(|| lacks("openid is missing"))?;
    let access_token = granted.access_token.ok_or_else(|| lacks("access_token is missing"))?;
    let scope = granted.scope.unwrap_or_default();
    let opens_profile = scope.split([',', ' ']).any(|scope| WITH_PROFILE.contains(&scope));
    let identity = Identity { openid, unionid: unionid(granted.unionid)?, session_key: None };
    Ok(Met { identity, access_token, opens_profile })
}
