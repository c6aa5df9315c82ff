//! A stand-in for WeChat on a free port: one answer for all, and a record of what was asked.
//!
//! Not here: connections that break (`network.rs`), which need a bare socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use menjin_platform::wechat::{WeChat, WeChatConfig};
use menjin_platform::{AccessToken, AppId, AppSecret, Error, Identity, JsCode, OpenId, Platform as _, SessionKey};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const APPID: &str = "wx4f4bc4dec97d474b";
pub(crate) const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e700";
pub(crate) const OPENID: &str = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";
/// A key pair of nobody's, the simulator's for made-up apps.
pub(crate) const APP_PRIVATE_KEY: &str = include_str!("../../../sim/src/keys/app_private_key.txt").trim_ascii_end();
pub(crate) const APP_PUBLIC_KEY: &str = include_str!("../../../sim/src/keys/app_public_key.txt").trim_ascii_end();
pub(crate) const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

/// What WeChat was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: String,
    pub(crate) access_token: Option<String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A running stand-in.
pub(crate) struct Stub {
    pub(crate) url: Url,
    pub(crate) wechat: WeChat,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Answers everything as `sns/*` does: 200, `text/plain`, this body.
    pub(crate) async fn answering(body: &str) -> Self {
        Self::answering_with(200, "text/plain", body).await
    }

    pub(crate) async fn answering_with(status: u16, content_type: &'static str, body: &str) -> Self {
        let asked = Arc::default();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, content_type, body: body.to_owned(), asked: Arc::clone(&asked) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(note_and_answer).with_state(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url: Url::parse(&base_url).unwrap(), wechat: wechat(&base_url, Duration::from_secs(5)), asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) async fn login(&self) -> Result<Identity, Error> {
        self.wechat.login(&code()).await
    }
}

async fn note_and_answer(State(answer): State<Answer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let whole = Url::parse(&format!("http://stub{}", parts.uri)).unwrap();
    let content_type = parts.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    answer.asked.lock().unwrap().push(Asked {
        method: parts.method.to_string(),
        path: whole.path().to_owned(),
        query: whole.query_pairs().into_owned().collect(),
        content_type: content_type.unwrap_or_default(),
        access_token: parts.headers.get("access-token").map(|value| value.to_str().unwrap().to_owned()),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    (answer.status, [(CONTENT_TYPE, answer.content_type)], answer.body).into_response()
}

pub(crate) fn wechat(base_url: &str, deadline: Duration) -> WeChat {
    let base_url = Url::parse(base_url).unwrap();
    let config = WeChatConfig::new(AppId::parse(APPID).unwrap(), AppSecret::new(SECRET));
    WeChat::new(WeChatConfig { base_url, deadline, ..config }).unwrap()
}

pub(crate) fn code() -> JsCode {
    JsCode::parse("0a3c0dec0dec0dec0dec0dec0dec0dec").unwrap()
}

pub(crate) fn token() -> AccessToken {
    AccessToken::new("71_70ken70ken70ken", Duration::from_hours(2))
}

pub(crate) fn openid() -> OpenId {
    OpenId::parse(OPENID).unwrap()
}

pub(crate) fn session_key() -> SessionKey {
    SessionKey::parse(SESSION_KEY).unwrap()
}
