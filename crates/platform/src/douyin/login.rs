//! `apps/v2/jscode2session`: a `tt.login` code becomes an identity. Asked once, whatever happens.

use serde::Serialize;

use super::{Douyin, wire};
use crate::answer::heard;
use crate::exchanged::Exchanged;
use crate::http::Call;
use crate::{Error, Identity, JsCode};

#[derive(Serialize)]
struct Request<'a> {
    appid: &'a str,
    secret: &'a str,
    code: &'a str,
}

impl Douyin {
    /// Exchanges the code.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        const PATH: &str = "/api/apps/v2/jscode2session";
        let (secret, code) = (self.secret.expose(), code.expose());
        let request = Request { appid: self.appid.as_str(), secret, code };
        let body = serde_json::to_vec(&request).expect("three texts are JSON");
        let body = heard(PATH, self.caller.send(Call { path: PATH, query: &[], body: Some(body) }).await)?;
        wire::data::<Exchanged>(PATH, &body, &[secret, code])?.identity()
    }
}
