//! An operator as a browser without scripts plays them: a cookie, forms, an authenticator app.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use menjin_server::store::{Actor, OperatorRole};
use menjin_token::Timestamp;
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::harness::{Answer, TestServer};

pub(crate) const PASSWORD: &str = "four words make one";

/// Somebody at a browser.
pub(crate) struct Hand<'t> {
    pub(crate) t: &'t TestServer,
    pub(crate) http: reqwest::Client,
    pub(crate) cookie: Option<String>,
    pub(crate) name: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) language: &'static str,
    pub(crate) url: String,
}

impl<'t> Hand<'t> {
    /// Nobody yet.
    pub(crate) fn new(t: &'t TestServer) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let (name, url) = (String::new(), t.admin_url.clone());
        Self { t, http, cookie: None, name, secret: Vec::new(), language: "en", url }
    }

    /// An operator who has opened their link, and is signed in.
    pub(crate) async fn of(t: &'t TestServer, name: &str, role: OperatorRole) -> Self {
        let link = t.menjin.create_operator(&Actor::command(), name, role).await.unwrap();
        let mut hand = Self { name: name.to_owned(), ..Self::new(t) };
        hand.welcome(&link.link).await;
        hand
    }

    /// Opens a link, and sets password and second factor.
    pub(crate) async fn welcome(&mut self, link: &str) {
        let page = self.get(path_of(link)).await;
        assert_eq!(page.status, 200, "{}", page.text);
        self.learn(between(&page.text, "<code id=\"secret\">", "</code>"));
        let code = self.code();
        let held = link.split_once("link=").unwrap().1.to_owned();
        let fields = [("link", held.as_str()), ("password", PASSWORD), ("again", PASSWORD), ("code", &code)];
        let answer = self.post("/admin/welcome", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }

    /// Puts a second factor into the authenticator app.
    pub(crate) fn learn(&mut self, secret: &str) {
        self.secret = unbase32(secret);
    }

    /// The code that the authenticator app shows.
    pub(crate) fn code(&self) -> String {
        self.code_at(self.t.menjin_now())
    }

    fn code_at(&self, now: Timestamp) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &(now.secs() / 30).to_be_bytes());
        let at = usize::from(tag.as_ref()[19] & 15);
        let word: [u8; 4] = tag.as_ref()[at..at + 4].try_into().unwrap();
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }

    /// A code that was not used before.
    pub(crate) fn next_code(&self) -> String {
        self.t.advance(Duration::from_secs(30));
        self.code()
    }

    /// Signs in with what they know, and the code that the app shows next.
    pub(crate) async fn sign_in(&mut self) {
        let (name, code) = (self.name.clone(), self.next_code());
        let answer = self.try_sign_in(&name, PASSWORD, &code).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }

    pub(crate) async fn try_sign_in(&mut self, name: &str, password: &str, code: &str) -> Answer {
        let fields = [("name", name), ("password", password), ("code", code), ("next", "/admin/account")];
        self.post("/admin/sign-in", &fields).await
    }

    /// Proves themselves once more.
    pub(crate) async fn confirm(&mut self) {
        let (token, code) = (self.form_token().await, self.next_code());
        let fields = [("form_token", token.as_str()), ("password", PASSWORD), ("code", &code)];
        let answer = self.post("/admin/confirm", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }

    /// What their forms carry.
    pub(crate) async fn form_token(&mut self) -> String {
        let page = self.get("/admin/account").await;
        assert_eq!(page.status, 200, "{}", page.text);
        between(&page.text, "name=\"form_token\" value=\"", "\"").to_owned()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    /// A form of a page of menjin's own.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let own = [("origin", self.url.clone()), ("sec-fetch-site", "same-origin".to_owned())];
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.form(path, fields, &own).await
    }

    /// A form that comes with these headers.
    pub(crate) async fn form(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.iter().copied().chain([kind]).collect();
        self.send(Method::POST, path, Some(body), &headers).await
    }

    /// A call as the console's scripts make it.
    pub(crate) async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let headers = [("x-menjin-console", "1"), ("content-type", "application/json")];
        self.send(method, path, body.map(|body| body.to_string()), &headers).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = request.header("accept-language", self.language);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::read(request.body(body.unwrap_or_default()).send().await.unwrap()).await;
        self.keep(&answer);
        answer
    }

    /// Keeps cookies as a browser does.
    fn keep(&mut self, answer: &Answer) {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        let held = self.cookie.clone().unwrap_or_default();
        let held = held.split("; ").filter_map(|pair| pair.split_once('='));
        all.extend(held.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for set in answer.headers.get_all("set-cookie") {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                all.remove(name);
            } else {
                all.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        self.cookie = (!text.is_empty()).then_some(text);
    }
}

/// Path and query of a link.
pub(crate) fn path_of(link: &str) -> &str {
    &link[link.find("/admin/").unwrap()..]
}

/// The text between two others.
#[track_caller]
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {text}"));
    rest.split_once(after).unwrap().0
}

fn unbase32(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b' ') {
        let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        held = held << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 255).unwrap());
        }
    }
    bytes
}
