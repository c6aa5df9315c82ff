//! The bare login: the platform is asked, seven rows are written durably, one ES256 signature is made. No sealing, no
//! limits, no refresh secret, no log: what stands in menjin's place is a fixed text of the same length.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_guard::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use super::Plan;
use super::writer::{Opening, Writer};
use crate::menjin::{APPID, SECRET};

/// What a login needs.
pub(super) struct Login {
    platform: reqwest::Client,
    url: String,
    writer: Writer,
    key: EcdsaKeyPair,
    random: SystemRandom,
    headers: HeaderMap,
    answer: Answer,
    token_head: String,
    claims: Claims,
}

#[derive(Deserialize)]
pub(super) struct Request {
    code: String,
}

#[derive(Deserialize)]
struct Identity {
    openid: String,
    session_key: String,
}

/// menjin's answer, member by member.
#[derive(Clone, Serialize, Deserialize)]
struct Answer {
    token_type: String,
    access_token: String,
    expires_in: u64,
    refresh_token: String,
    refresh_expires_in: u64,
    session_id: String,
    is_new_user: bool,
    user: User,
    need: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct User {
    id: String,
    number: i64,
    nickname: Option<String>,
    avatar_url: Option<String>,
    phone_masked: Option<String>,
    created_at: String,
}

/// The claims of menjin's token.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    jti: String,
    sid: String,
    client_id: String,
    auth_time: i64,
    amr: Vec<String>,
}

/// Why a login failed; each is logged nowhere and fails the bench.
pub(super) struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", self.0)).into_response()
    }
}

/// One write: everything in one transaction, after the platform has answered.
pub(super) async fn login(
    State(login): State<Arc<Login>>,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Failed> {
    login.answer(&request.code, None).await
}

/// Two writes, as menjin's: the code is claimed durably before the platform hears of it.
pub(super) async fn claim_and_login(
    State(login): State<Arc<Login>>,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Failed> {
    let digest = login.writer.claim(&request.code, SystemClock.now()).await?;
    login.answer(&request.code, Some(digest)).await
}

impl Login {
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Self> {
        let answer: Answer = serde_json::from_str(&plan.login.body).context("menjin's answer to a login")?;
        let mut segments = answer.access_token.split('.');
        let token_head = segments.next().context("a token without a head")?.to_owned();
        let claims = URL_SAFE_NO_PAD.decode(segments.next().context("a token without claims")?)?;
        let platform = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(64)
            .build()?;
        Ok(Self {
            platform,
            url: format!("http://{}/sns/jscode2session", plan.platform),
            writer: Writer::start(&plan.database)?,
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            random: SystemRandom::new(),
            headers: plan.login.headers()?,
            claims: serde_json::from_slice(&claims).context("menjin's claims")?,
            token_head,
            answer,
        })
    }

    async fn answer(&self, code: &str, claimed: Option<[u8; 32]>) -> Result<impl IntoResponse + use<>, Failed> {
        let identity = self.identity(code).await?;
        let now = SystemClock.now();
        let Identity { openid, session_key } = identity;
        let opening = Opening { code: code.to_owned(), claimed, openid, session_key, now };
        let number = self.writer.open(opening).await?;
        let mut answer = self.answer.clone();
        answer.access_token = self.access_token(now.secs())?;
        answer.user.number = number;
        Ok((self.headers.clone(), Json(answer)))
    }

    async fn identity(&self, code: &str) -> anyhow::Result<Identity> {
        let query = [("appid", APPID), ("secret", SECRET), ("js_code", code), ("grant_type", "authorization_code")];
        let answer = self.platform.get(&self.url).query(&query).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    fn access_token(&self, now: i64) -> anyhow::Result<String> {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random)?;
        let claims = Claims {
            jti: URL_SAFE_NO_PAD.encode(random),
            iat: now,
            auth_time: now,
            exp: now + 900,
            ..self.claims.clone()
        };
        let mut token = format!("{}.{}", self.token_head, URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?));
        let signature = self.key.sign(&self.random, token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Ok(token)
    }
}
