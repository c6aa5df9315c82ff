//! The run: people sign in by every way there is, well and badly, refresh, are robbed, sign out; the platform and the
//! store fail; keys change. What was issued, sent or sealed meanwhile is noted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_server::config::{AppKind, MasterKey, PlatformName, Secret};
use menjin_server::seal::{Sealed, Sealer};
use menjin_server::store::Actor;
use menjin_server::{ByPassword, NewApp};
use menjin_sim::{Fault, FaultKind, Phone, SessionKeyPolicy};
use reqwest::Method;
use serde_json::{Value, json};

use super::needles::{Class, Needle, binary, text};
use crate::harness::{APP_SECRET, APPID, Answer, CLIENT_SECRET, MASTER_KEY, Setup, TestServer};
use crate::rows::Rows;

const COMPAT_SECRET: &str = "the-old-servers-jwt-secret-of-32-bytes-or-more";
/// Of an app that is registered by command.
const REGISTERED_APP_SECRET: &str = "fedcba98765432100123456789abcdef";
const OLD_PATH: &str = "/users/wxLogin";
/// Everything sealed: its table, what seals it, what finds it, and what it is called here.
const SEALED: [(Sealed, &str, &str); 8] = [
    (Sealed::AppSecret, "SELECT id, app_secret FROM apps WHERE app_secret IS NOT NULL", "a registered app's AppSecret"),
    (Sealed::SigningKey, "SELECT kid, private FROM signing_keys", "a private key"),
    (Sealed::GrantSecret, "SELECT id, secret FROM grants", "a grant's secret"),
    (Sealed::DataKey, "SELECT name, sealed FROM data_keys", "a data key"),
    (Sealed::PlatformToken, "SELECT app, sealed FROM platform_tokens", "a platform's access token"),
    (Sealed::SessionKey, "SELECT session_key_row, session_key FROM identities", "a session_key"),
    (Sealed::SessionKey, "SELECT id, sealed FROM session_keys", "a superseded session_key"),
    (Sealed::Phone, "SELECT id, sealed FROM phones", "a phone number"),
];

pub(super) struct Run {
    t: TestServer,
    needles: Vec<Needle>,
}

impl Run {
    pub(super) async fn start() -> Self {
        let toml = format!("[[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"{COMPAT_SECRET}\"\n");
        let t = TestServer::with(Setup { toml, ..Setup::default() }).await;
        t.freeze();
        t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
        let mut run = Self { t, needles: Vec::new() };
        for (what, secret) in
            [("an AppSecret", APP_SECRET), ("a client secret", CLIENT_SECRET), ("a compat secret", COMPAT_SECRET)]
        {
            run.note(Class::Kept, what, secret);
        }
        run.needles.extend(binary(Class::Kept, "the master key", &master_key()));
        for (at, person) in ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "mallory"].iter().enumerate() {
            run.person(person, &format!("1380000{at}{at}{at}{at}"));
        }
        run.a_registered_app().await;
        run
    }

    /// Its secrets: the platform's, and those that it proves itself by.
    async fn a_registered_app(&mut self) {
        let new = |id: &str, kind, platform| {
            let (name, audience, scopes, open_account) = (None, None, Vec::new(), None);
            let by_password = ByPassword::default();
            NewApp { id: id.to_owned(), kind, name, audience, scopes, platform, open_account, by_password }
        };
        let wechat = Some((PlatformName::Wechat, "wx00000000000000c3".to_owned(), Secret::new(REGISTERED_APP_SECRET)));
        self.t.menjin.add_app(&Actor::command(), new("kiosk", AppKind::MiniProgram, wechat)).await.unwrap();
        self.note(Class::Kept, "a registered app's AppSecret", REGISTERED_APP_SECRET);
        let back_end = self.t.menjin.add_app(&Actor::command(), new("reports", AppKind::Backend, None)).await.unwrap();
        let another = self.t.menjin.add_app_secret(&Actor::command(), "reports").await.unwrap().client_secret;
        for secret in [back_end.client_secret.unwrap(), another] {
            self.note(Class::Kept, "a registered app's client secret", &secret);
        }
    }

    pub(super) async fn everything(&mut self) {
        self.sign_ins_that_bring_data().await;
        self.sign_ins_that_bring_nonsense().await;
        self.repeats_and_devices().await;
        self.a_life_of_refreshes_and_a_theft().await;
        self.endings().await;
        self.the_old_form().await;
        self.a_failing_platform().await;
        self.note_what_is_sealed().await;
        self.new_keys().await;
        self.a_failing_store().await;
        self.secrets_in_wrong_places().await;
        self.note_what_is_sealed().await;
    }

    /// All that was noted, and the tokens that were issued.
    pub(super) fn needles(&self) -> Vec<Needle> {
        let mut needles = self.needles.clone();
        let mut pairs = 0;
        for answer in self.t.answers().into_iter().filter(|it| it.status == 200) {
            let old = answer.header("content-type").starts_with("text/plain").then_some(answer.text.as_str());
            for token in answer.json["access_token"].as_str().into_iter().chain(old) {
                needles.extend(text(Class::Issued, "an access token", token));
                let signature = token.rsplit('.').next().unwrap();
                needles.extend(text(Class::Issued, "an access token's signature", signature));
                let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
                needles.extend(binary(Class::Issued, "an access token's signature", &bytes));
            }
            let Some(token) = answer.json["refresh_token"].as_str() else { continue };
            let bare = token.strip_prefix("mjr_").unwrap();
            needles.extend(text(Class::Issued, "a refresh token", bare));
            let bytes = URL_SAFE_NO_PAD.decode(bare).unwrap();
            let mac = binary(Class::Issued, "a refresh token's MAC", &bytes[bytes.len() - 32..]);
            needles.extend(mac);
            pairs += 1;
        }
        assert!(pairs > 15, "{pairs} pairs were issued");
        needles
    }

    pub(super) fn into_server(self) -> TestServer {
        self.t
    }

    fn note(&mut self, class: Class, what: &'static str, secret: &str) {
        self.needles.extend(text(class, what, secret));
    }

    fn person(&mut self, person: &str, number: &str) {
        let nickname = format!("{person} 的昵称很长");
        let avatar = format!("https://thirdwx.qlogo.cn/mmopen/{person}/132");
        self.t.sim.change_person(person, |it| {
            it.phone = Phone { number: number.to_owned(), country_code: "86".to_owned() };
            it.nickname = Some(nickname.clone());
            it.avatar_url = Some(avatar.clone());
        });
        self.note(Class::Kept, "a phone number", number);
        self.note(Class::Personal, "a nickname", &nickname);
        self.note(Class::Personal, "an avatar", &avatar);
        let (openid, unionid) = (self.t.sim.openid(APPID, person), self.t.sim.unionid("company", person));
        self.note(Class::Named, "an openid", &openid);
        self.note(Class::Named, "a unionid", &unionid);
    }

    fn code(&mut self, person: &str) -> String {
        let code = self.t.code(person);
        self.note(Class::Kept, "a login code", &code);
        code
    }

    fn phone_code(&mut self, person: &str) -> String {
        let code = self.t.sim.phone_code(APPID, person);
        self.note(Class::Kept, "a phone code", &code);
        code
    }

    fn note_session_key(&mut self, person: &str) {
        if let Some(key) = self.t.sim.session_key(APPID, person) {
            self.note(Class::Kept, "a session_key", &key);
        }
    }

    /// What a call of `wx` gives, its parts noted and under the names of our own routes.
    async fn wx(&mut self, call: &str, person: &str) -> Value {
        let given = self.t.control(&format!("wx/{call}"), json!({"person": person, "appid": APPID})).await;
        self.note_session_key(person);
        let mut parts = json!({});
        for (theirs, ours, what) in [
            ("encryptedData", "encrypted_data", "encrypted data"),
            ("iv", "iv", "an iv"),
            ("rawData", "raw_data", "raw data"),
            ("signature", "signature", "a signature"),
        ] {
            if let Some(value) = given[theirs].as_str() {
                self.note(Class::Kept, what, value);
                parts[ours] = value.into();
            }
        }
        parts
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.t.anon().post(path, body.clone()).await
    }

    /// Signs `person` in with a fresh code and what else `body` says.
    async fn login(&mut self, person: &str, mut body: Value) -> Answer {
        body["code"] = self.code(person).into();
        let answer = self.post("/v1/login/shop", &body).await;
        self.note_session_key(person);
        answer
    }

    async fn signed_in(&mut self, person: &str) -> Value {
        self.login(person, json!({})).await.ok(200)
    }

    async fn refresh(&self, token: &Value) -> Answer {
        self.post("/v1/token/refresh", &json!({"refresh_token": token})).await
    }

    async fn sign_ins_that_bring_data(&mut self) {
        self.signed_in("alice").await;
        let mut profile = self.wx("getUserProfile", "alice").await;
        let signed = json!({"raw_data": profile["raw_data"], "signature": profile["signature"]});
        profile["raw_data"].take();
        profile["signature"].take();
        assert!(self.login("alice", profile).await.ok(200)["user"]["nickname"].is_string());
        self.login("alice", signed).await.ok(200);
        let phone_code = self.phone_code("carol");
        let body = self.login("carol", json!({"phone_code": phone_code})).await.ok(200);
        assert!(body["user"]["phone_masked"].is_string());
        let code = self.code("dave");
        let mut number = self.wx("getPhoneNumber", "dave").await;
        number["code"] = code.into();
        let body = self.post("/v1/login/shop", &number).await.ok(200);
        assert!(body["user"]["phone_masked"].is_string());
    }

    async fn sign_ins_that_bring_nonsense(&mut self) {
        self.signed_in("erin").await;
        let theirs = self.wx("getUserInfo", "alice").await;
        let forged = "c29tZSBmb3JnZWQgZGF0YSE=";
        self.note(Class::Kept, "encrypted data", forged);
        let stale_phone_code = self.phone_code("bob");
        let bodies = [
            json!({"encrypted_data": theirs["encrypted_data"], "iv": theirs["iv"]}),
            json!({"raw_data": theirs["raw_data"], "signature": theirs["signature"]}),
            json!({"encrypted_data": forged, "iv": theirs["iv"]}),
            json!({"phone_code": stale_phone_code}),
        ];
        for body in bodies {
            assert_ne!(self.login("erin", body).await.ok(200)["need"], json!([]));
        }
        let half = json!({"encrypted_data": theirs["encrypted_data"], "phone_code": "not a phone code, with spaces"});
        self.login("erin", half).await.problem(400, "field_invalid");
    }

    async fn repeats_and_devices(&mut self) {
        let key = "an-idempotency-key-0001";
        self.note(Class::Kept, "an Idempotency-Key", key);
        let device = json!({"id": "a-device-id-0001", "name": "grace's own phone", "system": "an odd system"});
        for said in ["id", "name", "system"] {
            self.note(Class::Personal, "a device", device[said].as_str().unwrap());
        }
        let body = json!({"code": self.code("grace"), "device": device}).to_string();
        for _ in 0..2 {
            let headers = [("idempotency-key", key)];
            self.t.anon().send(Method::POST, "/v1/login/shop", Some(body.clone()), &headers).await.ok(200);
        }
        self.t.anon().send(Method::POST, "/v1/login/shop", Some(body.clone()), &[]).await.problem(401, "code_used");
        let other = [("idempotency-key", key)];
        let another = json!({"code": self.code("grace")}).to_string();
        let answer = self.t.anon().send(Method::POST, "/v1/login/shop", Some(another), &other).await;
        answer.problem(422, "idempotency_mismatch");
        self.note_session_key("grace");
        self.login("grace", json!({"device": device})).await.ok(200);
    }

    async fn a_life_of_refreshes_and_a_theft(&mut self) {
        let first = self.signed_in("alice").await;
        let second = self.refresh(&first["refresh_token"]).await.ok(200);
        self.refresh(&first["refresh_token"]).await.ok(200);
        let third = self.refresh(&second["refresh_token"]).await.ok(200);
        self.t.phone_with_token(third["access_token"].as_str().unwrap()).get("/v1/me/sessions").await.ok(200);
        self.refresh(&first["refresh_token"]).await.problem(401, "refresh_reused");
        self.refresh(&third["refresh_token"]).await.problem(401, "refresh_reused");
        let ended = self.t.phone_with_token(third["access_token"].as_str().unwrap());
        ended.get("/v1/me").await.problem(401, "refresh_reused");
        let lost = self.signed_in("bob").await;
        self.refresh(&lost["refresh_token"]).await.ok(200);
        self.t.advance(std::time::Duration::from_secs(31));
        self.refresh(&lost["refresh_token"]).await.ok(200);
    }

    async fn endings(&mut self) {
        let by_access = self.signed_in("bob").await;
        let phone = self.t.phone_with_token(by_access["access_token"].as_str().unwrap());
        let change = json!({"nickname": "bob 的昵称很长", "avatar_url": "https://thirdwx.qlogo.cn/mmopen/bob/132"});
        phone.put("/v1/me", change).await.ok(200);
        phone.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
        phone.get("/v1/me").await.problem(401, "session_ended");
        let by_refresh = self.signed_in("bob").await;
        let body = json!({"refresh_token": by_refresh["refresh_token"]});
        self.post("/v1/logout", &body).await.ok(204);
        self.refresh(&by_refresh["refresh_token"]).await.problem(401, "session_ended");
        let expired = self.signed_in("bob").await;
        self.t.advance(std::time::Duration::from_mins(16));
        let phone = self.t.phone_with_token(expired["access_token"].as_str().unwrap());
        phone.get("/v1/me").await.problem(401, "token_expired");
    }

    async fn the_old_form(&mut self) {
        let code = self.code("frank");
        let given = self.wx("getUserInfo", "frank").await;
        let body = json!({"code": code, "encryptedData": given["encrypted_data"], "iv": given["iv"]});
        let token = self.post(OLD_PATH, &body).await;
        assert_eq!(token.status, 200, "{}", token.text);
        for form in [token.text.clone(), format!("JWT {}", token.text), format!("{}x", token.text)] {
            self.t.anon().send(Method::GET, "/v1/me", None, &[("authorization", &form)]).await;
        }
        self.post(OLD_PATH, &body).await.problem(401, "code_used");
        self.note_session_key("frank");
    }

    async fn a_failing_platform(&mut self) {
        self.t.sim.change_person("mallory", |it| it.blocked = true);
        self.login("mallory", json!({})).await.problem(403, "platform_blocked");
        let errcode = |errcode| FaultKind::Errcode { errcode, errmsg: None };
        for kind in [
            FaultKind::Busy,
            FaultKind::Dropped,
            FaultKind::Malformed,
            FaultKind::Html,
            errcode(40029),
            errcode(40125),
            errcode(45011),
            errcode(99_999),
        ] {
            self.t.sim.add_fault(Fault::once(kind));
            let answer = self.login("alice", json!({})).await;
            assert!(answer.status.as_u16() >= 400, "{}", answer.text);
        }
        self.t.sim.add_fault(Fault::once(errcode(40001)).on("/wxa/business/getuserphonenumber"));
        let phone_code = self.phone_code("carol");
        self.login("carol", json!({"phone_code": phone_code})).await.ok(200);
        self.t.sim.add_fault(Fault::once(FaultKind::Dropped).on("/wxa/business/getuserphonenumber"));
        let phone_code = self.phone_code("carol");
        self.login("carol", json!({"phone_code": phone_code})).await.ok(200);
    }

    async fn new_keys(&mut self) {
        let old = self.t.menjin.rotate_key(&Actor::command()).await.unwrap();
        self.t.advance(std::time::Duration::from_mins(6));
        let pair = self.signed_in("alice").await;
        self.t.menjin.revoke_key(&Actor::command(), &old).await.unwrap();
        let phone = self.t.phone_with_token(pair["access_token"].as_str().unwrap());
        phone.get("/v1/me").await.problem(401, "token_invalid");
        self.refresh(&pair["refresh_token"]).await.ok(200);
        self.t.anon().get("/.well-known/jwks.json").await.ok(200);
    }

    /// Errors of the database are logged in full: what was to be written must not be in them.
    async fn a_failing_store(&mut self) {
        let pair = self.signed_in("alice").await;
        let mut rows = Rows::of(&self.t).await;
        let profile = self.wx("getUserInfo", "alice").await;
        rows.breaks("grants").await;
        self.login("alice", profile).await.problem(503, "store_unavailable");
        self.refresh(&pair["refresh_token"]).await.problem(503, "store_unavailable");
        let body = json!({"refresh_token": pair["refresh_token"]});
        self.post("/v1/logout", &body).await.problem(503, "store_unavailable");
        rows.mends("grants").await;
        self.refresh(&pair["refresh_token"]).await.ok(200);
    }

    async fn secrets_in_wrong_places(&mut self) {
        let pair = self.signed_in("alice").await;
        let (access, refresh) = (pair["access_token"].as_str().unwrap(), pair["refresh_token"].as_str().unwrap());
        let code = self.code("alice");
        let anon = self.t.anon();
        for path in [
            format!("/v1/login/{code}"),
            format!("/v1/me?access_token={access}"),
            format!("/v1/me/sessions/{refresh}"),
            format!("/{access}"),
            format!("/problems/{code}"),
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = anon.send(method, &path, Some("{}".to_owned()), &[]).await;
                assert!(answer.status.is_client_error(), "{}", answer.text);
            }
        }
        for body in [
            json!({"code": [code]}),
            json!({"code": {"code": code}}),
            json!({(code.clone()): 1, "code": 7}),
            json!({"code": access}),
            json!({"code": "0nonsense-code", "device": {"class": code}}),
            json!({"code": "0nonsense-code", "profile": {"avatar_url": code}}),
            json!(code),
        ] {
            let answer = self.post("/v1/login/shop", &body).await;
            assert!(answer.status.is_client_error(), "{}", answer.text);
        }
        self.refresh(&access.into()).await.problem(401, "token_invalid");
        self.refresh(&json!(format!("{refresh}x"))).await.problem(401, "token_invalid");
        let broken = format!("{{\"refresh_token\": \"{refresh}\"");
        anon.send(Method::POST, "/v1/token/refresh", Some(broken), &[]).await.problem(400, "json_invalid");
        for form in
            [format!("Basic {access}"), format!("Bearer {refresh}"), format!("Bearer {access}x"), access.to_owned()]
        {
            let answer = anon.send(Method::GET, "/v1/me/sessions", None, &[("authorization", &form)]).await;
            assert_eq!(answer.status, 401, "{form}");
        }
        let odd: Method = access.parse().unwrap();
        anon.send(odd, "/v1/me", None, &[]).await.problem(405, "method_unknown");
    }

    /// What the database holds sealed, opened with the master key.
    async fn note_what_is_sealed(&mut self) {
        let sealer = Sealer::new(&[MasterKey::new(master_key())]);
        let mut rows = Rows::of(&self.t).await;
        for (what, query, name) in SEALED {
            let values = rows.all(query).await;
            assert!(!values.is_empty(), "{name}: nothing is sealed");
            for value in values {
                let [row, secret] = [0, 1].map(|at| value[at].bytes().unwrap());
                let plain = sealer.open(what, &row, &secret).unwrap();
                self.needles.extend(binary(Class::Kept, name, &plain));
                if what == Sealed::SigningKey {
                    self.needles.extend(binary(Class::Kept, "a private scalar", scalar(&plain)));
                }
            }
        }
    }
}

/// The secret number itself, out of the document around it (RFC 5915: version 1, then an octet string of 32).
fn scalar(pkcs8: &[u8]) -> &[u8] {
    let marker = [2, 1, 1, 4, 32];
    let at = pkcs8.windows(marker.len()).position(|window| window == marker).expect("an EC private key");
    &pkcs8[at + marker.len()..][..32]
}

fn master_key() -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&MASTER_KEY[2 * at..2 * at + 2], 16).unwrap())
}
