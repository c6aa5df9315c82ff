//! `/v1/me/…`: what the platform proves of somebody who is signed in, and what they show of themselves.

mod decrypt;
mod hostile_pictures;
mod keys;
mod nickname;
mod other_platforms;
mod phone;
mod pictures;

use menjin_sim::CallFilter;
use serde_json::{Value, json};

use crate::harness::{APPID, Actor, Answer, TestServer};

/// What a call of `wx` gives the mini program on this person's phone.
async fn wx(t: &TestServer, call: &str, person: &str) -> Value {
    t.control(&format!("wx/{call}"), json!({"person": person, "appid": APPID})).await
}

/// The encrypted half of what `wx` gave, as the mini program sends it on.
fn sealed(given: &Value) -> Value {
    json!({"encrypted_data": given["encryptedData"], "iv": given["iv"]})
}

/// Any data, encrypted by this person's phone.
async fn encrypt(t: &TestServer, person: &str, data: Value) -> Value {
    sealed(&t.control("wx/encrypt", json!({"person": person, "appid": APPID, "data": data})).await)
}

fn calls(t: &TestServer, path: &str) -> usize {
    t.sim.calls(&CallFilter { path: Some(path.to_owned()), ..CallFilter::default() }).len()
}

/// A form with parts: what stands in each one's headers, and its content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

const BOUNDARY: &str = "----WebKitFormBoundaryAbCd1234";

/// As `wx.uploadFile` sends a file that `chooseAvatar` gave.
pub(crate) async fn upload(phone: &Actor<'_>, t: &TestServer, file: &[u8]) -> Answer {
    let headers = "Content-Disposition: form-data; name=\"avatar\"; filename=\"tmp_1.png\"\r\nContent-Type: image/png";
    send_form(t, &phone.access_token(), form(&[(headers, file)])).await
}

async fn send_form(t: &TestServer, token: &str, body: Vec<u8>) -> Answer {
    let url = format!("{}/v1/me/avatar", t.url);
    let asked = client().post(url).bearer_auth(token).header("accept-language", "en");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    Answer::read(asked.header("content-type", kind).body(body).send().await.unwrap()).await
}

/// A request for an address as it was answered.
pub(crate) async fn fetch(address: &str) -> (reqwest::StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
    let answer = client().get(address).send().await.unwrap();
    (answer.status(), answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The address of somebody's picture in an answer.
pub(crate) fn address(body: &Value) -> String {
    body["user"]["avatar_url"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/pictures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}
