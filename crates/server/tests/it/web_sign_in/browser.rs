//! A browser: it keeps cookies, shows addresses, and goes where a test sends it. And the page's half of PKCE.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_sim::Decision;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::PAGE;
use crate::harness::{Answer, TestServer};

/// What the page keeps while somebody is at the platform.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The page's state: a link back into itself, as routers make them.
pub(crate) const STATE: &str = "r4nd0m /orders?id=1&x=汉字";

pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// One browser, at one node.
pub(crate) struct Browser<'s> {
    pub(crate) server: &'s TestServer,
    pub(crate) cookies: BTreeMap<String, String>,
    http: reqwest::Client,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) status: u16,
    pub(crate) location: Option<Url>,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl<'s> Browser<'s> {
    pub(crate) fn at(server: &'s TestServer) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(20));
        Self { server, cookies: BTreeMap::new(), http: http.build().unwrap() }
    }

    /// Goes to a path or address of menjin's, which this browser finds at `at`.
    pub(crate) async fn visit_at(&mut self, at: &TestServer, address: &str) -> Visit {
        self.visit_with(at, address, (Method::GET, "en")).await
    }

    pub(crate) async fn visit(&mut self, address: &str) -> Visit {
        self.visit_at(self.server, address).await
    }

    pub(crate) async fn visit_with(&mut self, at: &TestServer, address: &str, how: (Method, &str)) -> Visit {
        let whole = Url::parse(&at.url).unwrap().join(address).unwrap();
        // Whatever name menjin goes by, this is where it listens.
        let url = format!("{}{}?{}", at.url, whole.path(), whole.query().unwrap_or_default());
        let (method, language) = how;
        let mut request = self.http.request(method, url).header("accept-language", language);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        let location = headers.get("location").map(|to| Url::parse(to.to_str().unwrap()).unwrap());
        Visit { status, location, headers, text: answer.text().await.unwrap() }
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The address with which a page of `app` begins, as it should be.
    pub(crate) fn begin(app: &str) -> Url {
        let mut url = Url::parse(&format!("http://menjin/v1/login/{app}/start")).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("redirect_uri", PAGE),
            ("state", STATE),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
        ]);
        url
    }

    /// Begins, and is led to the platform.
    pub(crate) async fn start(&mut self, app: &str) -> Url {
        let visit = self.visit(Self::begin(app).as_str()).await;
        assert_eq!(visit.status, 302, "{}", visit.text);
        visit.location.unwrap()
    }

    /// What the person makes of the platform's page; the address that it leads back to.
    pub(crate) fn decide(&self, at_platform: &Url, person: &str, decision: Decision) -> String {
        self.server.sim.authorize(at_platform.as_str(), person, decision).unwrap().expect("the platform leads back")
    }

    /// Begins, and comes back from the platform: the callback's address.
    pub(crate) async fn return_as(&mut self, app: &str, person: &str) -> String {
        let at_platform = self.start(app).await;
        self.decide(&at_platform, person, Decision::Allow)
    }

    /// The whole way to the app's page: the code that it finds.
    pub(crate) async fn arrive(&mut self, app: &str, person: &str) -> String {
        let back = self.return_as(app, person).await;
        self.visit(&back).await.code()
    }

    /// The page exchanges a code.
    pub(crate) async fn exchange(&self, app: &str, code: &str) -> Answer {
        self.exchange_with(app, json!({"code": code, "code_verifier": VERIFIER})).await
    }

    pub(crate) async fn exchange_with(&self, app: &str, body: Value) -> Answer {
        self.server.anon().post(&format!("/v1/login/{app}"), body).await
    }

    /// The whole of a sign-in.
    pub(crate) async fn sign_in(&mut self, app: &str, person: &str) -> Value {
        let code = self.arrive(app, person).await;
        self.exchange(app, &code).await.ok(200)
    }
}

impl Visit {
    /// A parameter of the app's page, to which this visit led.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> Option<String> {
        let location = self.location.as_ref().unwrap_or_else(|| panic!("led nowhere: {}", self.text));
        assert!(location.as_str().starts_with(&format!("{PAGE}&")), "{location}");
        assert_eq!(self.status, 303);
        location.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The code, with the page's own state and no error.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.told("error_description"), None);
        assert_eq!(self.told("state").as_deref(), Some(STATE));
        self.told("code").unwrap()
    }

    /// The page is told of an error, with its own state and no code.
    #[track_caller]
    pub(crate) fn error(&self, error: &str, code: &str) {
        let told = ["error", "error_description", "state", "code"].map(|name| self.told(name));
        let expected = [Some(error), Some(code), Some(STATE), None];
        assert_eq!(told.each_ref().map(Option::as_deref), expected);
    }

    /// A page of menjin's own, which leads nowhere.
    #[track_caller]
    pub(crate) fn page(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{:?} {}", self.location, self.text);
        assert_eq!(self.location, None);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8");
        assert!(self.text.contains(&format!("<small>{code} · ")), "{}", self.text);
        assert!(!self.text.contains("href") && !self.text.contains("<script"), "{}", self.text);
    }
}
