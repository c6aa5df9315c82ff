//! `POST /v1/login/{app}`.

mod answer;
mod data;
mod device;
mod exchange;
mod faults;
mod limits;
mod once;
mod people;
mod phone;

use serde_json::{Value, json};

use crate::harness::{APPID, TestServer};

/// What a call of `wx` gives the mini program on this person's phone.
async fn wx(t: &TestServer, call: &str, person: &str) -> Value {
    t.control(&format!("wx/{call}"), json!({"person": person, "appid": APPID})).await
}

/// Any data, encrypted by this person's phone; a `session_key` of their own may be named.
async fn encrypt(t: &TestServer, person: &str, data: Value, session_key: Option<&str>) -> Value {
    let mut asked = json!({"person": person, "appid": APPID, "data": data});
    if let Some(key) = session_key {
        asked["session_key"] = key.into();
    }
    sealed(&t.control("wx/encrypt", asked).await)
}

/// The encrypted half of what `wx` gave, as the mini program sends it on.
fn sealed(given: &Value) -> Value {
    json!({"encrypted_data": given["encryptedData"], "iv": given["iv"]})
}

/// The signed half.
fn signed(given: &Value) -> Value {
    json!({"raw_data": given["rawData"], "signature": given["signature"]})
}

/// A person with a face and a name, who has opened the app.
fn named(t: &TestServer, person: &str, nickname: &str) {
    t.code(person);
    t.sim.change_person(person, |it| {
        it.nickname = Some(nickname.to_owned());
        it.avatar_url = Some(format!("https://thirdwx.qlogo.cn/mmopen/{person}/132"));
    });
}
