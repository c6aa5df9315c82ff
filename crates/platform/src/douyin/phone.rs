//! `get_phonenumber_info`: a phone code becomes a number, encrypted with the public key that is registered in the console.
//!
//! <https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/guide/open-capabilities/sensitive-data-process>

use async_trait::async_trait;
use serde::Serialize;

use super::{Douyin, wire};
use crate::answer::{heard, lacks};
use crate::http::Call;
use crate::watermarked::{phone_number, watermark};
use crate::{AccessToken, Error, OpenId, Phone, PhoneCode, PhoneNumber};

#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
}

#[async_trait]
impl Phone for Douyin {
    /// Douyin does not look at the openid: whose code it is, only the code itself tells.
    async fn phone(&self, token: &AccessToken, code: &PhoneCode, _openid: &OpenId) -> Result<PhoneNumber, Error> {
        const PATH: &str = "/api/apps/v1/get_phonenumber_info/";
        let body = serde_json::to_vec(&Request { code: code.expose() }).expect("a text is JSON");
        let call = Call { path: PATH, query: &[], body: Some(body) };
        let body = heard(PATH, self.open.send_with(call, ("access-token", token.expose())).await)?;
        let encrypted: String = wire::data(PATH, &body, &[token.expose(), code.expose()])?;
        self.number(&encrypted).ok_or_else(|| {
            lacks("the phone number can't be decrypted: private_key of the app must belong to the public key in Douyin's console")
        })
    }
}

impl Douyin {
    fn number(&self, encrypted: &str) -> Option<PhoneNumber> {
        let plain = self.private_key.as_ref()?.decrypt(encrypted)?;
        let json = serde_json::from_slice(&plain).ok()?;
        let is_ours = watermark(&json).ok()?.appid == self.appid;
        phone_number(&json).ok().filter(|_| is_ours)
    }
}
