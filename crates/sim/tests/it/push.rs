//! Pushes, as an app's server gets them: asked first, in four forms, repeated, and wrong in every way that is offered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::any;
use base64::Engine as _;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::net::TcpListener;

use crate::harness::{Answer, Platforms, SHOP, START, hex};

const TOKEN: &str = "pamtest";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFA";

#[derive(Clone, Debug)]
struct Got {
    query: HashMap<String, String>,
    content_type: String,
    body: String,
}

/// An app's server: answers the question, keeps what it gets, and says what it is told to, `success` at the end.
#[derive(Clone, Default)]
struct Server {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Vec<(u16, String)>>>,
}

impl Server {
    async fn start() -> (Self, String) {
        let server = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let url = format!("http://{}/push", listener.local_addr().expect("it is bound"));
        let router = axum::Router::new().route("/push", any(receive)).with_state(server.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (server, url)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no test panics in it").clone()
    }

    fn last(&self) -> Got {
        self.got().pop().expect("something came")
    }

    fn will_answer(&self, answers: &[(u16, &str)]) {
        *self.answers.lock().expect("no test panics in it") =
            answers.iter().rev().map(|(status, text)| (*status, (*text).to_owned())).collect();
    }
}

async fn receive(
    State(server): State<Server>,
    method: Method,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    if method == Method::GET {
        let signed = signature(&[TOKEN, &query["timestamp"], &query["nonce"]]) == query["signature"];
        return if signed {
            (StatusCode::OK, query["echostr"].clone())
        } else {
            (StatusCode::FORBIDDEN, String::new())
        };
    }
    let content_type = headers["content-type"].to_str().expect("ASCII").to_owned();
    server.got.lock().expect("no test panics in it").push(Got { query, content_type, body });
    let answer = server.answers.lock().expect("no test panics in it").pop();
    let (status, text) = answer.unwrap_or_else(|| (200, "success".to_owned()));
    (StatusCode::from_u16(status).expect("a status"), text)
}

fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    hex(&Sha1::digest(sorted.concat()))
}

impl Got {
    fn is_signed(&self) -> bool {
        signature(&[TOKEN, &self.query["timestamp"], &self.query["nonce"]]) == self.query["signature"]
    }

    fn is_sealed(&self) -> bool {
        let expected = signature(&[TOKEN, &self.query["timestamp"], &self.query["nonce"], &self.encrypted()]);
        self.query.get("msg_signature") == Some(&expected)
    }

    fn encrypted(&self) -> String {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json) => json["Encrypt"].as_str().expect("it is encrypted").to_owned(),
            Err(_) => element(&self.body, "Encrypt"),
        }
    }

    /// The bytes inside, padding and all.
    fn plain(&self) -> Vec<u8> {
        let key: [u8; 32] = base64::engine::general_purpose::STANDARD
            .decode(format!("{AES_KEY}="))
            .expect("a key")
            .try_into()
            .expect("of 32 bytes");
        let iv: [u8; 16] = key[..16].try_into().expect("half of it");
        let sealed = base64::engine::general_purpose::STANDARD.decode(self.encrypted()).expect("base64");
        cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into())
            .decrypt_padded_vec::<NoPadding>(&sealed)
            .expect("whole blocks")
    }

    /// Message and appid.
    fn opened(&self) -> (String, String) {
        let plain = self.plain();
        let padding = usize::from(*plain.last().expect("not empty"));
        let length = u32::from_be_bytes(plain[16..20].try_into().expect("four bytes"));
        let end = 20 + usize::try_from(length).expect("it is short");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        (text(&plain[20..end]), text(&plain[end..plain.len() - padding]))
    }
}

fn element(xml: &str, name: &str) -> String {
    let inner = xml.split_once(&format!("<{name}>")).expect(name).1.split_once(&format!("</{name}>")).expect(name).0;
    inner.trim_start_matches("<![CDATA[").trim_end_matches("]]>").to_owned()
}

async fn with(format: &str, mode: &str) -> (Platforms, Server) {
    let platforms = Platforms::start().await;
    let (server, url) = Server::start().await;
    let settings = json!({ "url": url, "token": TOKEN, "aes_key": AES_KEY, "format": format, "mode": mode });
    platforms.control("/_sim/push/settings", settings).await;
    (platforms, server)
}

fn revoke() -> Value {
    json!({ "person": "alice", "event": "user_authorization_revoke", "revoke_info": "6,8" })
}

async fn push(platforms: &Platforms, more: Value) -> Value {
    let mut body = revoke();
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    platforms.control("/_sim/push", body).await
}

#[tokio::test]
async fn an_event_comes_in_clear_as_json_and_as_xml() {
    for format in ["json", "xml"] {
        let (platforms, server) = with(format, "plain").await;
        let pushed = push(&platforms, json!({})).await;
        assert_eq!(pushed, json!({ "accepted": true, "attempts": [{ "status": 200, "answer": "success" }] }));
        let got = server.last();
        assert!(got.is_signed() && !got.query.contains_key("msg_signature"), "{got:?}");
        let members: Value = if format == "xml" {
            assert_eq!(got.content_type, "text/xml");
            let names = ["ToUserName", "FromUserName", "MsgType", "Event", "OpenID", "AppID", "RevokeInfo"];
            let mut members: Value =
                names.map(|name| (name.to_owned(), Value::from(element(&got.body, name)))).into_iter().collect();
            assert!(got.body.contains("<CreateTime>1795233600</CreateTime>"), "{}", got.body);
            members["CreateTime"] = json!(START);
            members
        } else {
            assert_eq!(got.content_type, "application/json");
            serde_json::from_str(&got.body).expect("JSON")
        };
        let openid = platforms.sim.openid(SHOP, "alice");
        assert_eq!((&members["OpenID"], &members["RevokeInfo"]), (&json!(openid), &json!("6,8")));
        assert_eq!((&members["MsgType"], &members["CreateTime"]), (&json!("event"), &json!(START)));
        assert_eq!(members["FromUserName"], *got.query["openid"], "{got:?}");
        assert_ne!(members["FromUserName"], members["OpenID"], "the person is OpenID");
        assert!(members["ToUserName"].as_str().is_some_and(|name| name.starts_with("gh_") && name.len() == 15));
    }
}

#[tokio::test]
async fn a_secure_event_is_sealed_as_json_and_as_xml() {
    for format in ["json", "xml"] {
        let (platforms, server) = with(format, "secure").await;
        push(&platforms, json!({})).await;
        let got = server.last();
        assert!(got.is_signed() && got.is_sealed(), "{got:?}");
        assert_eq!(got.query["encrypt_type"], "aes");
        assert!(!got.body.contains("RevokeInfo"), "{}", got.body);
        let (message, appid) = got.opened();
        assert_eq!(appid, SHOP);
        let revoked =
            if format == "xml" { "<RevokeInfo><![CDATA[6,8]]></RevokeInfo>" } else { r#""RevokeInfo":"6,8""# };
        assert!(message.contains(revoked), "{message}");
    }
}

#[tokio::test]
async fn in_compatible_mode_it_comes_in_clear_and_sealed() {
    let (platforms, server) = with("json", "compatible").await;
    push(&platforms, json!({})).await;
    let got = server.last();
    assert!(got.body.contains("RevokeInfo") && got.is_sealed() && got.opened().0.contains("RevokeInfo"), "{got:?}");
}

#[tokio::test]
async fn settings_are_saved_only_for_a_url_that_answers() {
    let platforms = Platforms::start().await;
    let (_server, url) = Server::start().await;
    let save = async |settings: Value| platforms.post("/_sim/push/settings", settings).await;
    save(json!({ "url": url, "token": "another" })).await.complaint(409, "did not answer with echostr: 403");
    let push: Answer = platforms.post("/_sim/push", revoke()).await;
    push.complaint(400, "no push settings");
    save(json!({ "url": "http://192.0.2.1/", "token": TOKEN })).await.complaint(409, "not on this machine");
    save(json!({ "url": url, "token": TOKEN, "mode": "secure" })).await.complaint(409, "EncodingAESKey");
    assert_eq!(save(json!({ "url": url, "token": TOKEN })).await.status, StatusCode::OK);
    let listed = platforms.get("/_sim/push/settings").await.json();
    assert_eq!((&listed["settings"][0]["appid"], &listed["settings"][0]["mode"]), (&json!(SHOP), &json!("plain")));
}

#[tokio::test]
async fn what_is_not_accepted_comes_three_times_signed_anew_and_is_the_same_event() {
    let (platforms, server) = with("json", "secure").await;
    server.will_answer(&[(500, ""), (200, "no"), (200, "")]);
    let pushed = push(&platforms, json!({})).await;
    assert_eq!((&pushed["accepted"], pushed["attempts"].as_array().map(Vec::len)), (&json!(true), Some(3)));
    let got = server.got();
    assert_ne!(got[0].query["nonce"], got[1].query["nonce"]);
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|it| it.opened() == got[0].opened() && it.is_sealed()), "{got:?}");
    server.will_answer(&[(500, ""), (500, ""), (500, ""), (500, "")]);
    let pushed = push(&platforms, json!({})).await;
    assert_eq!((&pushed["accepted"], pushed["attempts"].as_array().map(Vec::len)), (&json!(false), Some(3)));
}

#[tokio::test]
async fn nobody_at_the_url_is_an_attempt_without_a_status() {
    let platforms = Platforms::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let settings = json!({ "url": url, "token": TOKEN, "verify": false });
    platforms.control("/_sim/push/settings", settings).await;
    // It is bound, and never answers.
    let silent = push(&platforms, json!({ "tries": 1, "timeout_ms": 50 })).await;
    assert_eq!(silent["attempts"], json!([{ "status": null, "answer": "no answer in time" }]));
}

#[tokio::test]
async fn every_twist_is_wrong_in_its_own_way() {
    let (platforms, server) = with("json", "secure").await;
    let twisted = async |twist: &str| {
        push(&platforms, json!({ "twist": twist, "tries": 1 })).await;
        server.last()
    };
    let bad = twisted("bad_signature").await;
    assert!(!bad.is_signed() && !bad.is_sealed(), "{bad:?}");
    let other = twisted("wrong_appid").await;
    assert!(other.is_sealed() && other.opened().1 != SHOP, "{other:?}");
    let blanks = twisted("stray_blanks").await;
    assert!(blanks.is_sealed() && blanks.opened().0.contains(r#""RevokeInfo":" 6,8 ""#), "{blanks:?}");
    let clear = twisted("unencrypted").await;
    assert!(clear.is_signed() && clear.body.contains("RevokeInfo") && !clear.query.contains_key("msg_signature"));
    let tampered = twisted("tampered").await;
    assert!(tampered.is_signed() && !tampered.is_sealed(), "{tampered:?}");
    let padding = twisted("bad_padding").await;
    assert!(padding.is_sealed() && padding.plain().ends_with(&[0]), "{padding:?}");
    let length = twisted("bad_length").await;
    let claimed = u32::from_be_bytes(length.plain()[16..20].try_into().expect("four bytes"));
    assert!(length.is_sealed() && usize::try_from(claimed).expect("it is short") > length.plain().len());
    let entities = twisted("entities").await;
    assert!(entities.content_type == "text/xml" && entities.body.contains("<!ENTITY"), "{entities:?}");
}

#[tokio::test]
async fn a_replay_is_the_same_request_twice_and_an_old_one_is_well_signed() {
    let (platforms, server) = with("json", "secure").await;
    push(&platforms, json!({ "twist": "replay", "tries": 1 })).await;
    assert_eq!(server.got().len(), 1, "one try leaves no second one");
    push(&platforms, json!({ "twist": "replay" })).await;
    let got = server.got();
    assert_eq!((got.len(), &got[1].query, &got[1].body), (3, &got[2].query, &got[2].body));
    push(&platforms, json!({ "age": 3600 })).await;
    let old = server.last();
    assert!(old.is_sealed() && old.query["timestamp"] == (START - 3600).to_string(), "{old:?}");
}

#[tokio::test]
async fn any_event_can_be_sent_about_nobody() {
    let (platforms, server) = with("json", "plain").await;
    let members = json!({ "debug_str": "hello", "FromUserName": "o1", "AppID": null });
    platforms.control("/_sim/push", json!({ "event": "debug_demo", "members": members })).await;
    let got: Value = serde_json::from_str(&server.last().body).expect("JSON");
    assert_eq!(
        (&got["Event"], &got["debug_str"], &got["FromUserName"]),
        (&json!("debug_demo"), &json!("hello"), &json!("o1"))
    );
    assert!(got.get("OpenID").is_none() && got.get("AppID").is_none(), "{got}");
}
