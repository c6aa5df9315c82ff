//! Obtain, refresh and verify as djangorestframework-jwt 1.11 answers them (design §2, S5): its paths, its JSON, its words.
//!
//! Lives here: its shapes. Does not: a rule. Behind each token stands a session, so that a kick, a ban or a new password ends its
//! refreshes, too.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::Entry;
use crate::config::{Compat, TokenFrom};
use crate::extract::{Client, authorization, body};
use crate::form;
use crate::limits::Allowed;
use crate::login::sign_in_by_password;
use crate::people::Person;
use crate::problem::Problem;
use crate::session::{DjangoToken, NotDjango, OldToken};
use crate::state::Menjin;
use crate::store::{Device, DeviceClass, EndReason};

const REQUIRED: &str = "This field is required.";
const CANT_LOG_IN: &str = "Unable to log in with provided credentials.";
const EXPIRED: &str = "Signature has expired.";
const UNDECODABLE: &str = "Error decoding signature.";

/// What the package refuses, as it says so.
pub(super) enum Refused {
    /// Members that can't stand, each with its words; `non_field_errors` for the whole.
    Fields(Map<String, Value>),
    /// The request as such.
    Request(StatusCode, String),
    /// What the package does not know: as everywhere else here, and `detail` is where its clients look.
    Ours(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Ours(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Fields(fields) => (StatusCode::BAD_REQUEST, Value::Object(fields)),
            Self::Request(status, detail) => (status, json!({"detail": detail})),
            Self::Ours(problem) => return problem.into_response(),
        };
        (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
    }
}

fn refused(words: &str) -> Refused {
    Refused::Fields(Map::from_iter([("non_field_errors".to_owned(), json!([words]))]))
}

pub(super) type Answer = Result<Response, Refused>;

fn token(token: &str) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(json!({"token": token}))).into_response()
}

/// A name and a password for a token.
pub(super) async fn obtain(
    State(menjin): State<Menjin>,
    Extension(Entry(index)): Extension<Entry>,
    (allowed, client): (Allowed, Client),
    request: Request,
) -> Answer {
    let sent = Sent::of(request, &menjin).await?;
    let [username, password] = sent.texts(["username", "password"])?;
    let compat = &menjin.config.compat[index];
    let app = menjin.apps.by_id(&compat.app).ok_or(Problem::AppUnknown)?;
    let failures = allowed.before_sign_in(&app.id)?;
    let (ip, user_agent) = (client.ip_text(), client.user_agent);
    let device = Device { class: DeviceClass::Other, ip, user_agent, ..Device::default() };
    let credentials = (username.as_str(), &SecretString::from(password));
    let signed_in = match sign_in_by_password(&menjin, &app, credentials, device, failures).await {
        Ok(signed_in) => signed_in,
        // Django's own back end says the same of those who may not sign in.
        Err(Problem::PasswordWrong | Problem::Ended(EndReason::UserDisabled) | Problem::BadField { .. }) => {
            return Err(refused(CANT_LOG_IN));
        }
        Err(problem) => return Err(problem.into()),
    };
    let now = menjin.clock.now();
    let username = menjin.store.password_of(signed_in.user.id).await.map_err(Problem::from)?;
    let django = DjangoToken {
        named: OldToken { user: signed_in.user.number, session: signed_in.pair.session_id },
        username: username.map_or_else(String::new, |row| row.username),
        orig_iat: (!compat.refresh_lifetime.is_zero()).then(|| now.secs()),
    };
    Ok(token(&menjin.old_forms.mint_django(index, &django, now)?))
}

/// Whether a token is good: the same one again.
pub(super) async fn verify(
    State(menjin): State<Menjin>,
    Extension(Entry(index)): Extension<Entry>,
    _allowed: Allowed,
    request: Request,
) -> Answer {
    let presented = presented(&menjin, index, request).await?;
    believed(&menjin, index, &presented).await?;
    Ok(token(&presented))
}

/// A token for a later one, as long as its sign-in is not too long ago.
pub(super) async fn refresh(
    State(menjin): State<Menjin>,
    Extension(Entry(index)): Extension<Entry>,
    _allowed: Allowed,
    request: Request,
) -> Answer {
    let presented = presented(&menjin, index, request).await?;
    let django = believed(&menjin, index, &presented).await?;
    let Some(orig_iat) = django.orig_iat else { return Err(refused("orig_iat field is required.")) };
    let limit = i64::try_from(menjin.config.compat[index].refresh_lifetime.as_secs()).unwrap_or(i64::MAX);
    let now = menjin.clock.now();
    if now.secs() > orig_iat.saturating_add(limit) {
        return Err(refused("Refresh has expired."));
    }
    Ok(token(&menjin.old_forms.mint_django(index, &django, now)?))
}

/// Any other method.
pub(super) async fn no_such_method(method: Method) -> impl IntoResponse {
    let refused = Refused::Request(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{method}\" not allowed."));
    ([(header::ALLOW, "POST")], refused)
}

/// What a token says whose session lives.
async fn believed(menjin: &Menjin, index: usize, token: &str) -> Result<DjangoToken, Refused> {
    let django = menjin.old_forms.read_django(index, token, menjin.clock.now()).map_err(|not| match not {
        NotDjango::Expired => refused(EXPIRED),
        NotDjango::Undecodable => refused(UNDECODABLE),
        NotDjango::Nobody => refused("Invalid payload."),
    })?;
    let person = match Person::in_session(menjin, django.named.session).await {
        Ok(person) => person,
        Err(Problem::Ended(EndReason::UserDisabled)) => return Err(refused("User account is disabled.")),
        // The package has no word for a session that is over; its clients sign in again on this one.
        Err(Problem::Ended(_) | Problem::Replaced(_)) => return Err(refused(EXPIRED)),
        Err(problem) => return Err(problem.into()),
    };
    let is_theirs = person.user.number == django.named.user && person.session.app == menjin.config.compat[index].app;
    if is_theirs { Ok(django) } else { Err(refused(UNDECODABLE)) }
}

/// The token of a request, from where the entry lets one stand.
async fn presented(menjin: &Menjin, index: usize, request: Request) -> Result<String, Refused> {
    let Compat { token_from, .. } = &menjin.config.compat[index];
    let takes = |from: TokenFrom| token_from.contains(&from);
    let in_header = authorization(request.headers(), false).filter(|_| takes(TokenFrom::Header)).map(str::to_owned);
    let query = request.uri().query().filter(|_| takes(TokenFrom::Query)).unwrap_or_default();
    let in_query = pairs(query.as_bytes()).remove("token").map(|token| bare(&token));
    let elsewhere = match (in_header, in_query) {
        (Some(_), Some(_)) => return Err(refused("The token stands in two places.")),
        (header, query) => header.or(query),
    };
    let sent = Sent::of(request, menjin).await?;
    let in_body = takes(TokenFrom::Body) && sent.0.contains_key("token");
    match elsewhere {
        Some(_) if in_body => Err(refused("The token stands in two places.")),
        Some(token) => Ok(token),
        None if takes(TokenFrom::Body) => {
            let [token] = sent.texts(["token"])?;
            Ok(bare(&token))
        }
        None => Err(Refused::Fields(Map::from_iter([("token".to_owned(), json!([REQUIRED]))]))),
    }
}

/// Some clients send what stands in the header.
fn bare(token: &str) -> String {
    token.strip_prefix("JWT ").unwrap_or(token).trim().to_owned()
}

/// The members of a body: JSON, form or multipart.
struct Sent(Map<String, Value>);

impl Sent {
    async fn of(request: Request, menjin: &Menjin) -> Result<Self, Refused> {
        let content_type = essence(request.headers());
        let boundary = form::boundary(request.headers());
        let bytes = body(request, menjin).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        match content_type.as_str() {
            "application/json" => Self::of_json(&bytes),
            "application/x-www-form-urlencoded" => {
                Ok(Self(pairs(&bytes).into_iter().map(|(name, text)| (name, Value::String(text))).collect()))
            }
            "multipart/form-data" => Self::of_parts(&bytes, boundary),
            _ => {
                let detail = format!("Unsupported media type \"{content_type}\" in request.");
                Err(Refused::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }

    /// Of one name the last counts, and a file before any text, as Django has it. What comes as a file is no text.
    fn of_parts(bytes: &[u8], boundary: Result<String, Problem>) -> Result<Self, Refused> {
        let parts = boundary.and_then(|boundary| form::parts(bytes, &boundary)).map_err(|_| {
            let detail = "Multipart form parse error - the body is no whole form".to_owned();
            Refused::Request(StatusCode::BAD_REQUEST, detail)
        })?;
        let (files, texts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.is_file);
        let texts = texts.into_iter().map(|it| (it.name, String::from_utf8_lossy(it.content).into_owned().into()));
        let files = files.into_iter().map(|it| (it.name, Value::Object(Map::new())));
        Ok(Self(texts.chain(files).map(|(name, value)| (name.trim().to_owned(), value)).collect()))
    }

    fn of_json(bytes: &[u8]) -> Result<Self, Refused> {
        let found = match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => return Ok(Self(members)),
            Ok(Value::Null) => return Err(refused("No data provided")),
            Ok(Value::Array(_)) => "list",
            Ok(Value::String(_)) => "str",
            Ok(Value::Bool(_)) => "bool",
            Ok(Value::Number(number)) => {
                if number.is_f64() {
                    "float"
                } else {
                    "int"
                }
            }
            Err(error) => {
                let detail = format!("JSON parse error - line {} column {}", error.line(), error.column());
                return Err(Refused::Request(StatusCode::BAD_REQUEST, detail));
            }
        };
        Err(refused(&format!("Invalid data. Expected a dictionary, but got {found}.")))
    }

    /// The texts of these members, as its `CharField` takes them: numbers, too, and without spaces around them.
    fn texts<const N: usize>(&self, names: [&str; N]) -> Result<[String; N], Refused> {
        let mut faults = Map::new();
        let texts = names.map(|name| {
            let text = self.text(name);
            text.unwrap_or_else(|words| {
                faults.insert(name.to_owned(), json!([words]));
                String::new()
            })
        });
        if faults.is_empty() { Ok(texts) } else { Err(Refused::Fields(faults)) }
    }

    fn text(&self, name: &str) -> Result<String, &'static str> {
        let text = match self.0.get(name) {
            None => return Err(REQUIRED),
            Some(Value::Null) => return Err("This field may not be null."),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return Err("Not a valid string."),
        };
        if text.is_empty() {
            return Err("This field may not be blank.");
        }
        if text.contains('\0') { Err("Null characters are not allowed.") } else { Ok(text) }
    }
}

fn essence(headers: &HeaderMap) -> String {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A form's members; of one that stands twice the last, as Django has it.
fn pairs(bytes: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(bytes).into_owned().collect()
}
