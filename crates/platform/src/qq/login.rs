//! `sns/jscode2session` of QQ: a `qq.login` code becomes an identity. Asked once, whatever happens.

use super::{Qq, explain};
use crate::answer::ask;
use crate::exchanged::Exchanged;
use crate::http::Call;
use crate::{Error, Identity, JsCode};

impl Qq {
    /// Exchanges the code. The AppSecret travels in the query, as QQ wants it.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", self.secret.expose()),
            ("js_code", code.expose()),
            ("grant_type", "authorization_code"),
        ];
        let call = Call { path: "/sns/jscode2session", query: &query, body: None };
        let exchanged: Exchanged = ask(&self.caller, call, &[self.secret.expose(), code.expose()], explain).await?;
        exchanged.identity()
    }
}
