//! A problem as the client reads it: `application/problem+json` (RFC 9457) in the client's language.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

use super::Problem;
use super::words::{Language, below, catalogue};

/// Who reads the answer.
pub(crate) struct Reader<'a> {
    /// Their `Accept-Language`.
    pub(crate) accept_language: Option<&'a str>,
    /// The request that failed.
    pub(crate) request_id: &'a str,
    /// Whether an old client called, which looks for a `message` (design §4.11).
    pub(crate) wants_message: bool,
    /// The path of `server.public_url`.
    pub(crate) path: &'a str,
}

/// The answer to a request that failed with `problem`.
pub(crate) fn answer(problem: &Problem, reader: &Reader<'_>) -> Response<Body> {
    let spec = problem.spec();
    let language = Language::accepted(reader.accept_language);
    let detail = detail(problem, language, reader);
    let mut body = for_programs(problem, reader);
    body.insert("type".into(), format!("{}/problems/{}", reader.path, spec.code).into());
    body.insert("title".into(), words(spec.code, language, false).into());
    body.insert("status".into(), spec.status.as_u16().into());
    if reader.wants_message {
        body.insert("message".into(), detail.clone().into());
    }
    body.insert("detail".into(), detail.into());
    let response = Response::new(Body::from(Value::Object(body).to_string()));
    let mut response = headers(problem, language.tag(), response);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// What a person reads of a problem.
pub(crate) struct Told {
    /// Of the words.
    pub(crate) language: &'static str,
    /// What it is called.
    pub(crate) title: &'static str,
    /// What happened and what to do.
    pub(crate) detail: String,
}

/// The words of a problem, for a page.
pub(crate) fn for_people(problem: &Problem, reader: &Reader<'_>) -> Told {
    let language = Language::accepted(reader.accept_language);
    let title = words(problem.spec().code, language, false);
    Told { language: language.tag(), title, detail: detail(problem, language, reader) }
}

/// Gives an answer the status and the headers of its problem, whatever form it has.
pub(crate) fn headers(problem: &Problem, language: &'static str, mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = problem.spec().status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    if let Some(seconds) = problem.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Problem::VersionMismatch { current: Some(version) } = problem
        && let Ok(tag) = HeaderValue::try_from(format!("\"{version}\""))
    {
        headers.insert(header::ETAG, tag);
    }
    if let Some(challenge) = challenge(problem) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What programs decide by, whatever form the answer has.
pub(crate) fn for_programs(problem: &Problem, reader: &Reader<'_>) -> Map<String, Value> {
    let spec = problem.spec();
    let (problem, header) = told_apart(problem);
    let mut members = Map::new();
    members.insert("code".into(), spec.code.into());
    members.insert("action".into(), spec.action.as_str().into());
    members.insert("request_id".into(), reader.request_id.into());
    if let Some(said) = problem.platform_said() {
        members.insert("platform".into(), json!({"errcode": said.errcode, "errmsg": said.errmsg}));
    }
    if let Problem::Replaced(by) = problem {
        let device = json!({"class": by.class.as_str(), "name": by.name});
        members.insert("replaced_by".into(), json!({"device": device, "at": by.at}));
    }
    if let Problem::BadField { field, .. } = problem {
        members.insert("field".into(), field.as_str().into());
    }
    if let Some(header) = header {
        members.insert("header".into(), header.into());
    }
    members
}

/// What is wrong, and the header that held it where there were two.
fn told_apart(problem: &Problem) -> (&Problem, Option<&'static str>) {
    if let Problem::InHeader(header, problem) = problem { (problem, Some(header)) } else { (problem, None) }
}

/// What happened, in a few words that may be shown to a person; for a developer's mistake, which one.
pub(crate) fn short(problem: &Problem, reader: &Reader<'_>) -> String {
    let language = Language::accepted(reader.accept_language);
    if matches!(problem, Problem::BadField { .. } | Problem::BadJson(_) | Problem::BadForm(_)) {
        return detail(problem, language, reader);
    }
    words(problem.spec().code, language, false).to_owned()
}

/// RFC 6750 §3: a request without a token gets the bare challenge, a bad token its error, a token of too little scope what
/// it lacks; a 401 about a login code asks for a login.
fn challenge(problem: &Problem) -> Option<HeaderValue> {
    let spec = problem.spec();
    if matches!(problem, Problem::TokenMissing) {
        return Some(HeaderValue::from_static("Bearer realm=\"menjin\""));
    }
    // Whoever comes with an app's secret is asked for another app's, not for a token.
    if matches!(problem, Problem::ClientInvalid | Problem::NotGranted(_)) {
        return Some(HeaderValue::from_static("Basic realm=\"menjin\", charset=\"UTF-8\""));
    }
    if let Problem::InsufficientScope(scope) = problem {
        // What may stand in a scope (RFC 6749 §3.3): no quote, so it can't end the parameter.
        let scope: String = scope.chars().filter(|c| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~')).collect();
        let lacks = format!("Bearer realm=\"menjin\", error=\"insufficient_scope\", scope=\"{scope}\"");
        return HeaderValue::from_str(&lacks).ok();
    }
    if spec.status != axum::http::StatusCode::UNAUTHORIZED {
        return None;
    }
    let error = if matches!(problem, Problem::CodeUsed | Problem::CodeInvalid(_) | Problem::PasswordWrong) {
        "invalid_grant"
    } else {
        "invalid_token"
    };
    let held = told_apart(problem).1.map(|header| format!(" in {header}")).unwrap_or_default();
    let code = spec.code;
    HeaderValue::from_str(&format!("Bearer realm=\"menjin\", error=\"{error}\", error_description=\"{code}{held}\""))
        .ok()
}

fn words(code: &str, language: Language, detail: bool) -> &'static str {
    let Some(words) = catalogue().get(code) else { return "" };
    if detail { words.detail_in(language) } else { words.title_in(language) }
}

fn detail(problem: &Problem, language: Language, reader: &Reader<'_>) -> String {
    if let (inner, Some(header)) = told_apart(problem) {
        let text = detail(inner, language, reader);
        return match language {
            Language::Chinese => format!("{text}（指请求头 {header} 中的令牌）"),
            Language::English => format!("{text} This is about the token in {header}."),
        };
    }
    let text = match (problem, language) {
        (Problem::PlatformUnavailable, Language::Chinese) => {
            "平台没有给出可用的应答，本次 code 可能已被消费：请重新调用 wx.login 后再登录。"
        }
        (Problem::PlatformUnavailable, Language::English) => {
            "The platform gave no usable answer and may have consumed the code: call wx.login again and sign in with the fresh code."
        }
        // Old clients have no idempotency key.
        (Problem::CodeUsed, Language::Chinese) if reader.wants_message => {
            "登录 code 只能使用一次：请重新调用 wx.login 并用新的 code 登录。"
        }
        (Problem::CodeUsed, Language::English) if reader.wants_message => {
            "A login code works once: call wx.login and sign in with the fresh code."
        }
        (Problem::SignInLost(_), Language::Chinese) => {
            "数据库未能写入，而本次 code 已被消费：请重新调用 wx.login 后再登录。"
        }
        (Problem::SignInLost(_), Language::English) => {
            "The database could not be written, and the code is spent: call wx.login again and sign in with the fresh code."
        }
        (Problem::OtherAudience, Language::Chinese) => {
            "该应用的令牌属于另一个后端：请使用与调用方 audience 相同的应用（`menjin app list` 可查看）。"
        }
        (Problem::OtherAudience, Language::English) => {
            "The app's tokens are for another back end: name an app that has the caller's audience; `menjin app list` shows each."
        }
        (Problem::OtherReauthRequired, Language::Chinese) => {
            "另一账号（`access_token`）的登录不是近期的：请重新登录那个账号，再用新的令牌重试。"
        }
        (Problem::OtherReauthRequired, Language::English) => {
            "The sign-in to the other account, that of `access_token`, is too old: sign in to that one again, then repeat with its new token."
        }
        (Problem::FormRefused, Language::Chinese) => {
            "它不是由此次登录所打开的页面提交的，没有执行任何操作：请重新打开页面后重试。"
        }
        (Problem::FormRefused, Language::English) => {
            "It was not sent by a page that this sign-in has open, and nothing was done: load the page again, and repeat."
        }
        (Problem::OldTokenExpired { .. }, Language::Chinese) => "令牌已过期：请重新登录。",
        (Problem::OldTokenExpired { .. }, Language::English) => "The token has expired: sign in again.",
        _ => words(problem.spec().code, language, true),
    };
    let text = below(reader.path, text);
    if let Problem::BadField { field, fault } = problem {
        return text.replace("{field}", field).replace("{why}", &fault.words(language));
    }
    if let Problem::BadJson(fault) | Problem::BadForm(fault) = problem {
        text.replace("{why}", &fault.words(language))
    } else {
        text
    }
}
