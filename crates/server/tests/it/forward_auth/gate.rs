//! A proxy that asks menjin, an upstream behind it that writes down who reached it, and strangers with everything they can
//! think of. The same for every proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use menjin_server::NewRole;
use menjin_server::store::{Actor, RoleName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{OTHER_APPID, TestServer};

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a stranger would like to be.
const FORGED: &str = "forged";

/// What reached the upstream.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) method: String,
    path: String,
    pub(crate) headers: Vec<(String, String)>,
    body: String,
}

impl Reached {
    /// The values of all headers that some back end may take for `name`.
    fn taken_for(&self, name: &str) -> Vec<&str> {
        let same = |other: &str| other.to_ascii_lowercase().replace('_', "-") == name;
        self.headers.iter().filter(|(other, _)| same(other)).map(|(_, value)| value.as_str()).collect()
    }

    /// Fails unless it says who really came, and nothing that a stranger wrote.
    pub(crate) fn is_by(&self, user: &str, session: &str) {
        assert_eq!(self.taken_for("x-menjin-user"), [user], "{self:?}");
        assert_eq!(self.taken_for("x-menjin-session"), [session], "{self:?}");
        assert_eq!(self.taken_for("x-menjin-client"), ["shop"], "{self:?}");
        let number = self.taken_for("x-menjin-number");
        assert!(matches!(number.as_slice(), [one] if one.parse::<i64>().is_ok()), "{self:?}");
        for (name, value) in &self.headers {
            let name = name.to_ascii_lowercase().replace('_', "-");
            let is_identity = name.starts_with("x-menjin-") || name.starts_with("remote-");
            assert!(!(is_identity && value.contains(FORGED)), "{name}: {value} of {self:?}");
        }
    }
}

type Book = Arc<Mutex<Vec<Reached>>>;

/// A back end that believes the headers.
pub(crate) struct Upstream {
    pub(crate) address: String,
    book: Book,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let book = Book::default();
        let router = Router::new().fallback(write_down).with_state(Arc::clone(&book));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, book }
    }

    /// Whoever came since it was asked last.
    pub(crate) fn reached(&self) -> Vec<Reached> {
        std::mem::take(&mut *self.book.lock().unwrap())
    }
}

async fn write_down(State(book): State<Book>, request: Request) -> Response {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    let upgrades = request.headers().get("upgrade").cloned();
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let headers = headers.collect();
    let body = match upgrades {
        None => axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap(),
        Some(_) => axum::body::Bytes::new(),
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    book.lock().unwrap().push(Reached { method, path, headers, body });
    match upgrades {
        None => "welcome".into_response(),
        Some(upgrade) => {
            (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade".parse().unwrap()), ("upgrade", upgrade)])
                .into_response()
        }
    }
}

/// What a proxy answered: its status, 0 where it just closed; its head, and what came with it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// A proxy.
pub(crate) struct Gate {
    port: u16,
    pub(crate) upstream: Upstream,
}

impl Gate {
    /// The gate, once it lets in who may come.
    pub(crate) async fn ready(port: u16, upstream: Upstream, token: &str) -> Self {
        let gate = Self { port, upstream };
        let start = tokio::time::Instant::now();
        while gate.get("/", &bearer(token)).await.status != 200 {
            assert!(start.elapsed() < PATIENCE, "the proxy lets nobody in: {:?}", gate.get("/", &bearer(token)).await);
            tokio::task::yield_now().await;
        }
        gate.upstream.reached();
        gate
    }

    /// Sends these bytes, and hears the answer's head.
    pub(crate) async fn say(&self, bytes: &[u8]) -> Heard {
        self.say_until(bytes, |heard| heard.windows(4).any(|it| it == b"\r\n\r\n")).await
    }

    /// The same, until the proxy closes or enough is heard.
    async fn say_until(&self, bytes: &[u8], is_enough: impl Fn(&[u8]) -> bool) -> Heard {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // A proxy may answer and close before it has read everything.
        drop(stream.write_all(bytes).await);
        let (mut heard, mut part) = (Vec::new(), [0; 4096]);
        while !is_enough(&heard) {
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await.expect("no answer");
            match read {
                Ok(0) | Err(_) => break,
                Ok(read) => heard.extend_from_slice(&part[..read]),
            }
        }
        let text = String::from_utf8_lossy(&heard).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Heard { status, text }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> Heard {
        self.say(head(method, path, headers).as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Heard {
        self.ask("GET", path, headers).await
    }

    /// Fails if anything reached the upstream as somebody else.
    fn only_is_by(&self, user: &str, session: &str) {
        for reached in self.upstream.reached() {
            reached.is_by(user, session);
        }
    }

    /// Fails if it was let in, or if anything reached the upstream.
    pub(crate) fn is_closed(&self, heard: &Heard, what: &str) {
        assert!(!(200..400).contains(&heard.status) && heard.status != 101, "{what}: {heard:?}");
        let reached = self.upstream.reached();
        assert!(reached.is_empty(), "{what}: {reached:?}");
    }
}

fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n{headers}\r\n")
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// All spellings of all headers that say who comes.
fn spellings() -> Vec<String> {
    let own = ["User", "Number", "Session", "Client", "Scope", "Roles", "Assertion"];
    let others = ["User", "Groups", "Number", "Session", "Client", "Scope", "Name", "Email"];
    let own = own.iter().flat_map(|name| {
        ["X-Menjin-", "X_Menjin_", "X-Menjin_", "X_Menjin-", "x-menjin-", "X_MENJIN_", "x_Menjin-"]
            .map(|before| format!("{before}{name}"))
    });
    own.chain(others.iter().flat_map(|name| ["Remote-", "Remote_", "REMOTE_"].map(|before| format!("{before}{name}"))))
        .collect()
}

/// Everything that strangers try, at a gate for `shop-api` in its root.
pub(crate) async fn holds_against_strangers(t: &TestServer, gate: &Gate) {
    let phone = t.phone("alice").await;
    let (token, user, session) = (phone.access_token(), phone.user_id(), phone.session_id());
    let good = bearer(&token);
    refuses_who_has_no_good_token(t, gate, &token).await;
    let each: Vec<String> = spellings().iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
    let forged = format!("{}X-Menjin-User: forged-twice\r\n", each.concat());
    gate.is_closed(&gate.get("/", &forged).await, "forged headers and no token");
    for name in spellings() {
        let heard = gate.get("/", &format!("{name}: {FORGED}\r\n{good}")).await;
        for reached in gate.upstream.reached() {
            reached.is_by(&user, &session);
        }
        assert!(heard.status == 200 || heard.status == 400, "{name}: {heard:?}");
    }
    gate.get("/", &format!("{forged}{good}")).await;
    gate.only_is_by(&user, &session);
    loses_nothing_hop_by_hop(gate, &token, (&user, &session)).await;
    nobody_is_anybody_in_the_public_part(gate).await;
    lets_every_method_in_alike(gate, &token, (&user, &session)).await;
    for path in ["/orders?audience=club&headers=remote&require=x", "/a/../b", "/%2e%2e/x", "//x", "/x;y=z", "/a%2fb"] {
        gate.is_closed(&gate.get(path, "").await, path);
        let heard = gate.get(path, &good).await;
        let reached = gate.upstream.reached();
        assert!(heard.status == 200 || reached.is_empty(), "{path}: {heard:?}");
        for reached in reached {
            reached.is_by(&user, &session);
        }
    }
    let lies = "X-Original-URI: /public\r\nX-Original-Method: OPTIONS\r\nX-Forwarded-Uri: /auth?audience=club\r\n\
        X-Forwarded-Method: OPTIONS\r\nX-Forwarded-Host: menjin\r\nX-HTTP-Method-Override: OPTIONS\r\n\
        X-Forwarded-For: 127.0.0.1\r\nX-Envoy-Original-Path: /\r\nX-Rewrite-URL: /healthz\r\n";
    gate.is_closed(&gate.get("/", lies).await, "headers about the way");
    gate.get("/", &format!("{lies}{good}")).await;
    gate.only_is_by(&user, &session);
    upgrades_only_who_may_come(gate, &token, (&user, &session)).await;
    for size in [9_000, 40_000, 200_000] {
        let long = format!("X-Long: {}\r\n", "a".repeat(size));
        gate.is_closed(&gate.get("/", &long).await, "a long header");
        gate.get("/", &format!("{long}{good}")).await;
        gate.only_is_by(&user, &session);
        gate.is_closed(&gate.get("/", &bearer(&"a".repeat(size))).await, "a long token");
    }
    phone.post("/v1/logout", serde_json::json!({})).await;
    gate.is_closed(&gate.get("/", &good).await, "a session that has ended");
}

async fn refuses_who_has_no_good_token(t: &TestServer, gate: &Gate, token: &str) {
    let heard = gate.get("/", "").await;
    assert_eq!(heard.status, 401, "{heard:?}");
    assert!(heard.text.to_ascii_lowercase().contains("www-authenticate: bearer realm=\"menjin\"\r\n"), "{heard:?}");
    gate.is_closed(&heard, "no token");
    let heard = gate.get("/", &bearer("a.b.c")).await;
    assert!(heard.text.contains("error_description=\"token_invalid\""), "{heard:?}");
    gate.is_closed(&heard, "a bad token");
    let mut club = t.phone_of("bob");
    club.login_to("club", OTHER_APPID, serde_json::json!({})).await.ok(200);
    let elsewhere = club.access_token();
    let good = bearer(token);
    let odd: BTreeMap<&str, String> = [
        ("another audience", bearer(&elsewhere)),
        ("two tokens", format!("{good}{good}")),
        ("a good token and a bad one", format!("{good}{}", bearer("a.b.c"))),
        ("a bad token and a good one", format!("{}{good}", bearer("a.b.c"))),
        ("two schemes", format!("Authorization: Basic YTpi\r\n{good}")),
        ("no scheme", format!("Authorization: {token}\r\n")),
        ("nothing", "Authorization:\r\n".to_owned()),
        ("a scheme alone", "Authorization: Bearer\r\n".to_owned()),
        ("two in one", format!("Authorization: Bearer {token}, Bearer {token}\r\n")),
        ("more behind it", format!("Authorization: Bearer {token} x\r\n")),
        ("another scheme", format!("Authorization: Basic {token}\r\n")),
        ("odd bytes", format!("Authorization: Bearer {token}\u{e9}\r\n")),
        ("another header", format!("X-Authorization: Bearer {token}\r\nProxy-Authorization: Bearer {token}\r\n")),
        ("a cookie", format!("Cookie: token={token}; menjin={token}\r\n")),
        ("a spelling", format!("Authorization_: Bearer {token}\r\n")),
    ]
    .into();
    for (what, headers) in odd {
        gate.is_closed(&gate.get("/", &headers).await, what);
    }
    gate.is_closed(&gate.get(&format!("/?access_token={token}&token={token}"), "").await, "a token in the query");
}

/// What `Connection` names is taken away hop by hop: of the token nobody must be left, and of menjin's words none.
async fn loses_nothing_hop_by_hop(gate: &Gate, token: &str, (user, session): (&str, &str)) {
    let named =
        ["X-Menjin-User", "x-menjin-session", "X-Menjin-Number, x-menjin-client, x-menjin-roles", "authorization"];
    for name in named {
        let good = bearer(token);
        let whole = format!("GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close, {name}\r\n{good}\r\n");
        let heard = gate.say(whole.as_bytes()).await;
        let reached = gate.upstream.reached();
        let may_refuse = name == "authorization" && heard.status == 401 && reached.is_empty();
        assert!(may_refuse || (heard.status == 200 && reached.len() == 1), "{name}: {heard:?}");
        for reached in reached {
            reached.is_by(user, session);
        }
    }
}

/// Beside the protected part of the shipped files there is one for everybody.
async fn nobody_is_anybody_in_the_public_part(gate: &Gate) {
    let each: Vec<String> = spellings().iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    for headers in [each.concat(), format!("{}{upgrade}", each.concat())] {
        let whole = format!("GET /public/x HTTP/1.1\r\nHost: example.com\r\n{headers}\r\n");
        let heard = gate.say(whole.as_bytes()).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        let reached = gate.upstream.reached();
        assert_eq!(reached.len(), 1);
        let forged: Vec<_> = reached[0].headers.iter().filter(|(_, value)| value.contains(FORGED)).collect();
        assert!(forged.is_empty(), "{forged:?}");
    }
    let heard = gate.get("/public/../x", "").await;
    let reached = gate.upstream.reached();
    assert!(reached.is_empty(), "{heard:?} {reached:?}");
}

async fn lets_every_method_in_alike(gate: &Gate, token: &str, (user, session): (&str, &str)) {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "X-ODD"] {
        let body = if ["POST", "PUT", "PATCH"].contains(&method) { "Content-Length: 3\r\n" } else { "" };
        let ask = async |headers: &str| {
            let mut whole =
                format!("{method} /orders HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n{body}{headers}\r\n");
            whole.push_str(if body.is_empty() { "" } else { "a=1" });
            gate.say(whole.as_bytes()).await
        };
        gate.is_closed(&ask("").await, method);
        let heard = ask(&bearer(token)).await;
        let reached = gate.upstream.reached();
        // Some proxies have no such method.
        assert!(
            heard.status == 200 || (reached.is_empty() && ["TRACE", "PROPFIND", "X-ODD"].contains(&method)),
            "{method}: {heard:?}"
        );
        for reached in reached {
            assert_eq!(
                (reached.method.as_str(), reached.body.as_str()),
                (method, if body.is_empty() { "" } else { "a=1" })
            );
            reached.is_by(user, session);
        }
    }
    gate.is_closed(&gate.ask("CONNECT", "example.com:80", "").await, "CONNECT");
    // Some proxies answer it themselves, whoever asks.
    gate.ask("OPTIONS", "*", "").await;
    assert_eq!(gate.upstream.reached().len(), 0);
    gate.is_closed(&gate.get("http://example.com/x", "").await, "a whole address");
}

async fn upgrades_only_who_may_come(gate: &Gate, token: &str, (user, session): (&str, &str)) {
    let upgrade = "GET /socket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    gate.is_closed(&gate.say(format!("{upgrade}\r\n").as_bytes()).await, "an upgrade");
    let heard = gate.say(format!("{upgrade}{}X-Menjin-User: {FORGED}\r\n\r\n", bearer(token)).as_bytes()).await;
    assert_eq!(heard.status, 101, "{heard:?}");
    let reached = gate.upstream.reached();
    assert_eq!(reached.len(), 1);
    reached[0].is_by(user, session);
    // Whoever leads the back end to speak another protocol writes to it past the proxy, names of others included.
    for odd in ["h2c", "H2C", "websocket, h2c", "h2c\r\nUpgrade: websocket", "foo, h2c"] {
        let asked = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade, HTTP2-Settings\r\n\
            HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
        let heard = gate.say(format!("{asked}Upgrade: {odd}\r\n{}\r\n", bearer(token)).as_bytes()).await;
        assert!([101, 200, 400, 403].contains(&heard.status), "{odd}: {heard:?}");
        for reached in gate.upstream.reached() {
            let upgrades = reached.taken_for("upgrade");
            assert!(upgrades.iter().all(|it| it.eq_ignore_ascii_case("websocket")), "{odd}: {reached:?}");
            assert_eq!(heard.status == 101, !upgrades.is_empty(), "{odd}: {heard:?}");
            reached.is_by(user, session);
        }
    }
}

/// Beside the protected part of the shipped files there is one for those who may read reports.
pub(crate) async fn keeps_reports_for_their_readers(t: &TestServer, gate: &Gate) {
    let (mut reader, other) = (t.phone("erin").await, t.phone("frank").await);
    let auditor = RoleName { name: "auditor".to_owned(), audience: None };
    let allows = NewRole { permissions: vec!["reports:*".to_owned()], ..NewRole::default() };
    t.menjin.put_role(&Actor::command(), &auditor, allows).await.unwrap();
    let name = reader.user_id();
    let user = name.parse().unwrap();
    t.menjin.grant_role(&Actor::command(), user, "auditor", Some("shop-api")).await.unwrap();
    reader.refresh().await.ok(200);
    for path in ["/reports", "/reports/7", "/reports/?audience=club&require=scope:x", "/reports-old"] {
        let heard = gate.get(path, "").await;
        assert_eq!(heard.status, 401, "{path}: {heard:?}");
        gate.is_closed(&heard, path);
        let heard = gate.get(path, &bearer(&reader.access_token())).await;
        assert_eq!(heard.status, 200, "{path}: {heard:?}");
        let reached = gate.upstream.reached();
        assert_eq!(reached.len(), 1, "{path}");
        reached[0].is_by(&name, &reader.session_id());
        assert_eq!(reached[0].taken_for("x-menjin-roles"), ["auditor"], "{path}");
        is_told_why(gate, path, &other.access_token()).await;
    }
    let good = bearer(&other.access_token());
    assert_eq!(gate.get("/", &good).await.status, 200, "the rest is theirs");
    for path in ODD_WAYS_TO_REPORTS {
        let heard = gate.get(path, &good).await;
        for reached in gate.upstream.reached() {
            assert!(!leads_to_reports(&reached.path), "{path} came as {}: {heard:?}", reached.path);
        }
    }
    t.menjin.revoke_role(&Actor::command(), user, "auditor", Some("shop-api")).await.unwrap();
    let heard = gate.get("/reports", &bearer(&reader.access_token())).await;
    assert_eq!(heard.status, 401, "the role is gone, at once: {heard:?}");
    gate.is_closed(&heard, "an outdated token");
    reader.refresh().await.ok(200);
    is_told_why(gate, "/reports", &reader.access_token()).await;
}

/// Fails unless whoever lacks the permission hears menjin's own refusal.
async fn is_told_why(gate: &Gate, path: &str, token: &str) {
    let question = head("GET", path, &format!("{}Accept-Language: en\r\n", bearer(token)));
    let heard = gate.say_until(question.as_bytes(), |_| false).await;
    assert_eq!(heard.status, 403, "{path}: {heard:?}");
    assert!(heard.text.to_ascii_lowercase().contains("content-type: application/problem+json"), "{path}: {heard:?}");
    assert!(heard.text.contains("\"code\":\"forbidden\""), "{path}: {heard:?}");
    gate.is_closed(&heard, path);
}

const ODD_WAYS_TO_REPORTS: [&str; 13] = [
    "//reports",
    "///reports/7",
    "/./reports",
    "/x/../reports/7",
    "/x//../reports",
    "/x/%2e%2e/reports",
    "/x/..%2freports",
    "/%72eports/7",
    "/%2freports",
    "/reports%2f7",
    "/reports;x/7",
    "/public/../reports",
    "/public/%2e%2e/reports",
];

/// Whether a back end may take the path for one of those that are kept.
fn leads_to_reports(path: &str) -> bool {
    let mut segments = Vec::new();
    for segment in path.to_ascii_lowercase().replace("%2f", "/").replace("%2e", ".").replace("%72", "r").split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments.first().is_some_and(|first| first.starts_with("reports"))
}
