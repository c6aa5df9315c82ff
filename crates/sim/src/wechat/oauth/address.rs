//! The address that a browser is sent to WeChat with: read as strictly as WeChat does, and the way back from it.
//!
//! <https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>

use axum::extract::Query;
use axum::http::Uri;

use crate::apps::{App, AppKind};
use crate::asking::way_back;
use crate::platform::Platform;
use crate::world::World;

pub(super) const IN_WECHAT: &str = "/connect/oauth2/authorize";
pub(super) const BY_PICTURE: &str = "/connect/qrconnect";
/// These, in this order; what else there is may stand anywhere.
const ORDER: [&str; 5] = ["appid", "redirect_uri", "response_type", "scope", "state"];

/// What is wrong with the address: WeChat's number, and what its page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadRequest(pub(crate) i64, pub(crate) &'static str);

const OUT_OF_ORDER: BadRequest = BadRequest(10_000, "参数错误：请按文档的顺序拼接链接");
const REDIRECT_URI: BadRequest = BadRequest(10_003, "redirect_uri 域名与后台配置不一致");
const NO_RIGHT: BadRequest = BadRequest(10_005, "Scope 参数错误或没有 Scope 权限");
const NO_SCOPE: BadRequest = BadRequest(10_010, "scope 不能为空");
const NO_REDIRECT_URI: BadRequest = BadRequest(10_011, "redirect_uri 不能为空");
const NO_APPID: BadRequest = BadRequest(10_012, "appid 不能为空");
const BAD_APPID: BadRequest = BadRequest(10_012, "AppID 参数错误");
const BAD_STATE: BadRequest = BadRequest(10_013, "state 参数错误：只能是字母和数字，最多 128 字节");
const BAD_TYPE: BadRequest = BadRequest(10_000, "response_type 必须是 code");

/// What an app asks of a person.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(super) appid: String,
    redirect_uri: String,
    pub(super) scope: &'static str,
    state: String,
    by_picture: bool,
}

impl Request {
    /// Reads a whole address, or one without scheme and host.
    pub(crate) fn read(address: &str) -> Result<Self, BadRequest> {
        let uri: Uri = address.parse().map_err(|_| OUT_OF_ORDER)?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| OUT_OF_ORDER)?;
        let places = ORDER.map(|name| pairs.iter().position(|(found, value)| found == name && !value.is_empty()));
        let [appid, redirect_uri, response_type, scope, state] = places;
        let text = |place: Option<usize>, missing| place.map(|place| pairs[place].1.clone()).ok_or(missing);
        let (appid, redirect_uri) = (text(appid, NO_APPID)?, text(redirect_uri, NO_REDIRECT_URI)?);
        let (scope, state) = (text(scope, NO_SCOPE)?, text(state, BAD_STATE).unwrap_or_default());
        let present: Vec<usize> = places.into_iter().flatten().collect();
        if !present.is_sorted() {
            return Err(OUT_OF_ORDER);
        }
        if text(response_type, BAD_TYPE)? != "code" {
            return Err(BAD_TYPE);
        }
        if state.len() > 128 || !state.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BAD_STATE);
        }
        let by_picture = match uri.path().rsplit_once("/connect/") {
            Some((_, "qrconnect")) => true,
            Some((_, "oauth2/authorize")) => false,
            Some(_) | None => return Err(OUT_OF_ORDER),
        };
        let scope = match (scope.as_str(), by_picture) {
            ("snsapi_base", false) => "snsapi_base",
            ("snsapi_userinfo", false) => "snsapi_userinfo",
            ("snsapi_login", true) => "snsapi_login",
            _ => return Err(NO_RIGHT),
        };
        Ok(Self { appid, redirect_uri, scope, state, by_picture })
    }

    /// The app, if it is of the kind that is asked for here and may come back to that domain.
    pub(crate) fn checked<'a>(&self, world: &'a World) -> Result<&'a App, BadRequest> {
        let app = world.apps.of(Platform::WeChat, &self.appid).ok_or(BAD_APPID)?;
        let kind = if self.by_picture { AppKind::Website } else { AppKind::OfficialAccount };
        if app.kind != kind {
            return Err(NO_RIGHT);
        }
        if app.takes_back(&self.redirect_uri) { Ok(app) } else { Err(REDIRECT_URI) }
    }

    /// Whether WeChat asks the person at all.
    pub(super) fn is_silent(&self) -> bool {
        self.scope == "snsapi_base"
    }

    /// With a code, or without one when the person has declined.
    pub(super) fn way_back(&self, code: Option<&str>) -> String {
        let code = code.map(|code| ("code", code.to_owned()));
        let parameters: Vec<_> = code.into_iter().chain([("state", self.state.clone())]).collect();
        way_back(&self.redirect_uri, &parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback&response_type=code&scope=snsapi_base&state=abc";

    #[test]
    fn an_address_is_read_strictly() {
        assert!(Request::read(GOOD).is_ok());
        let bad = |from: &str, to: &str| Request::read(&GOOD.replace(from, to)).unwrap_err();
        assert_eq!(bad("appid=wx1&", ""), NO_APPID);
        assert_eq!(bad("response_type=code", "response_type=token"), BAD_TYPE);
        assert_eq!(bad("snsapi_base", "snsapi_login"), NO_RIGHT);
        assert_eq!(bad("state=abc", "state=a-b"), BAD_STATE);
        assert_eq!(bad("appid=wx1&", "state=abc&appid=wx1&"), OUT_OF_ORDER);
        assert_eq!(bad("redirect_uri=", "redirect_url="), NO_REDIRECT_URI);
    }

    #[test]
    fn a_code_comes_back_before_a_fragment_and_behind_what_stood_there() {
        let request = |to: &str| Request { redirect_uri: to.to_owned(), ..Request::read(GOOD).unwrap() };
        assert_eq!(request("http://a/b").way_back(Some("0c")), "http://a/b?code=0c&state=abc");
        assert_eq!(request("http://a/b?x=1#y").way_back(Some("0c")), "http://a/b?x=1&code=0c&state=abc#y");
        assert_eq!(request("http://a/b").way_back(None), "http://a/b?state=abc");
    }
}
