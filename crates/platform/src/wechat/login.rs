//! `sns/jscode2session`: a `wx.login` code becomes an identity. Asked once, whatever happens.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html>

use super::WeChat;
use super::answer::{ask, without_token};
use crate::exchanged::Exchanged;
use crate::http::Call;
use crate::{Error, Identity, JsCode};

impl WeChat {
    /// Exchanges the code. The AppSecret travels in the query, as WeChat wants it.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", self.secret.expose()),
            ("js_code", code.expose()),
            ("grant_type", "authorization_code"),
        ];
        let call = Call { path: "/sns/jscode2session", query: &query, body: None };
        let exchanged: Exchanged =
            ask(&self.caller, call, &[self.secret.expose(), code.expose()]).await.map_err(without_token)?;
        exchanged.identity()
    }
}
