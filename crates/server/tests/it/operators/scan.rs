//! Operators who scan: what a linked person opens, and what nobody else does, wherever a code or a cookie comes from.

use std::time::Duration;

use menjin_server::WhenToDelete;
use menjin_server::store::{Actor, OperatorRole};
use menjin_sim::{App, Decision};
use menjin_token::UserId;
use reqwest::{Method, Url};
use serde_json::json;

use super::hand::{Hand, between};
use crate::broker::until;
use crate::harness::{APP_SECRET, Answer, Setup, TestServer};
use crate::rows::Rows;
use crate::web_sign_in::browser::{VERIFIER, challenge};

const SITE_APPID: &str = "wx0be7a70f0be7a70f";
/// The site's own page.
const PAGE: &str = "https://shop.example.com/signed-in";

/// A server whose operators sign in through app `site`.
pub(super) async fn scanning(setup: Setup) -> TestServer {
    let site = format!(
        "[admin]\npublic_url = \"ADMIN_URL\"\nwechat_app = \"site\"\n[[app]]\nid = \"site\"\nkind = \"web\"\nsign_in = \"website\"\nplatform = \"wechat\"\nappid = \"{SITE_APPID}\"\nsecret = \"{APP_SECRET}\"\nopen_account = \"company\"\naudience = \"shop-api\"\nredirect_uris = [\"{PAGE}\"]\n"
    );
    let t = TestServer::with(Setup { toml: site + &setup.toml, ..setup }).await;
    t.sim.add_app(App::website(SITE_APPID, APP_SECRET).bound_to("company"));
    t
}

/// Path and query of an address.
fn below(address: &str) -> String {
    let url = Url::parse(address).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

impl Hand<'_> {
    /// Where the page leads that a form has brought.
    fn away(page: &Answer) -> String {
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(page.header("referrer-policy"), "same-origin");
        between(&page.text, "id=\"on\" href=\"", "\"").replace("&#38;", "&").replace("&amp;", "&")
    }

    /// Asks the public side, with the same browser.
    async fn get_public(&mut self, address: &str) -> Answer {
        let own = std::mem::replace(&mut self.url, self.t.url.clone());
        let answer = self.get(&below(address)).await;
        self.url = own;
        answer
    }

    /// Goes to the platform and comes back to where the public side leads.
    async fn comes_back(&mut self, address: &str, person: &str) -> String {
        let start = self.get_public(address).await;
        assert_eq!(start.status, 302, "{}", start.text);
        let back = self.t.sim.authorize(start.header("location"), person, Decision::Allow).unwrap().unwrap();
        let callback = self.get_public(&back).await;
        assert_eq!(callback.status, 303, "{}", callback.text);
        callback.header("location").to_owned()
    }

    /// The whole way from the page that leads to the platform.
    async fn scans(&mut self, page: &Answer, person: &str) -> Answer {
        let done = self.comes_back(&Self::away(page), person).await;
        assert!(done.starts_with(&format!("{}/admin/scan/done?", self.url)), "{done}");
        self.get(&below(&done)).await
    }

    async fn links(&mut self, person: &str) -> Answer {
        let token = self.form_token().await;
        let page = self.post("/admin/account/scan", &[("form_token", &token)]).await;
        self.scans(&page, person).await
    }

    async fn signs_in_as(&mut self, person: &str) -> Answer {
        let page = self.post("/admin/scan", &[("next", "/admin/account")]).await;
        self.scans(&page, person).await
    }

    async fn signs_out(&mut self) {
        let token = self.form_token().await;
        assert_eq!(self.post("/admin/sign-out", &[("form_token", &token)]).await.status, 303);
    }

    fn is_in(&self) -> bool {
        self.cookie.as_ref().is_some_and(|cookie| cookie.contains("menjin-operator="))
    }
}

#[track_caller]
fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, to), "{}", answer.text);
}

const REFUSED: &str = "/admin/sign-in?next=%2Fadmin%2Faccount&scan=refused";

#[tokio::test]
async fn a_scan_signs_in_whom_it_is_linked_to() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    assert!(lin.get("/admin/account").await.text.contains("Link my WeChat"));
    leads(&lin.links("alice").await, "/admin/account");
    let account = lin.get("/admin/account").await;
    assert!(account.text.contains("id=\"linked\"") && !account.text.contains("id=\"link\""), "{}", account.text);
    assert_eq!(t.menjin.operators().await.unwrap()[0].linked_at, Some(t.menjin_now()));
    lin.signs_out().await;
    assert!(!lin.is_in());
    let page = lin.get("/admin/sign-in").await;
    assert!(page.text.contains("Sign in with WeChat · 微信扫码"), "{}", page.text);
    leads(&lin.signs_in_as("alice").await, "/admin/account");
    assert!(lin.get("/admin/account").await.text.contains(">admin<"));
    lin.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "wei", "role": "viewer"}))).await.ok(201);

    let mut rows = Rows::of(&t).await;
    let lines = "SELECT action, actor_id, ip, detail FROM audit WHERE action LIKE 'operator.%' ORDER BY seq";
    let lines = rows.all(lines).await;
    let lines: Vec<Vec<_>> =
        lines.iter().map(|line| line.iter().map(|cell| cell.text().unwrap_or_default()).collect()).collect();
    assert_eq!(
        lines,
        [
            ["operator.created", "", "", "lin admin"],
            ["operator.set_up", "lin", "127.0.0.1", ""],
            ["operator.linked", "lin", "127.0.0.1", "lin"],
            ["operator.signed_out", "lin", "127.0.0.1", ""],
            ["operator.signed_in", "lin", "127.0.0.1", "by a scan"],
            ["operator.created", "lin", "127.0.0.1", "wei viewer"],
        ]
    );
    // Linking made a user of somebody who had never been there, and left them signed in nowhere.
    let open = rows.all("SELECT count(*) FROM sessions WHERE ended_at IS NULL").await;
    assert_eq!(open[0][0].int(), 0);
    let openid = t.sim.openid(SITE_APPID, "alice");
    for table in ["audit", "operator_people", "operator_sessions"] {
        let kept = rows.texts(table).await;
        assert!(!kept.is_empty() && !kept.contains(&openid), "{table}: {kept}");
    }
}

#[tokio::test]
async fn whoever_may_not_is_told_the_same_whoever_they_are() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    lin.signs_out().await;
    let found = t.menjin.users_below(i64::MAX, 10).await.unwrap();
    let alice: UserId = found[0].id;
    let mut said = Vec::new();
    let mut told = async |answer: Answer, hand: &mut Hand<'_>| {
        leads(&answer, REFUSED);
        assert!(!hand.is_in());
        said.push(hand.get(REFUSED).await.text);
    };
    let mut other = Hand::new(&t);
    let stranger = other.signs_in_as("mallory").await;
    told(stranger, &mut other).await;
    let page = other.post("/admin/scan", &[("next", "/admin/account")]).await;
    let at_platform = other.get_public(&Hand::away(&page)).await.header("location").to_owned();
    let state = between(&at_platform, "state=", "#").to_owned();
    // The platform sends whoever declines back without a code.
    let declined = other.get_public(&format!("{}/v1/login/site/callback?state={state}", t.url)).await;
    assert!(declined.header("location").contains("error=access_denied"), "{}", declined.header("location"));
    let declined = other.get(&below(declined.header("location"))).await;
    told(declined, &mut other).await;
    let by = Actor::command();
    t.menjin.disable_user(&by, alice).await.unwrap();
    let disabled = other.signs_in_as("alice").await;
    told(disabled, &mut other).await;
    t.menjin.enable_user(&by, alice).await.unwrap();
    t.menjin.delete_user(&by, alice, WhenToDelete::AfterCoolingOff).await.unwrap();
    let leaving = other.signs_in_as("alice").await;
    told(leaving, &mut other).await;
    t.menjin.undelete_user(&by, alice).await.unwrap();
    t.menjin.unlink_operator(&by, "lin").await.unwrap();
    let unlinked = other.signs_in_as("alice").await;
    told(unlinked, &mut other).await;
    assert!(said[0].contains("role=\"alert\"") && said[0].contains("did not succeed"), "{}", said[0]);
    assert!(said.iter().all(|text| *text == said[0]), "{said:#?}");
    let refusals = "SELECT count(*) FROM audit WHERE action = 'operator.refused' AND detail = 'by a scan'";
    let told = async || Rows::of(&t).await.all(refusals).await[0][0].int();
    // It is written down after the answer.
    until(async || told().await > 0).await;
    assert_eq!(told().await, 1, "once a minute");
    assert!(!t.menjin.unlink_operator(&by, "lin").await.unwrap(), "it was so");
}

#[tokio::test]
async fn the_browser_that_began_ends_it_once() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    lin.signs_out().await;
    let page = lin.post("/admin/scan", &[("next", "/console")]).await;
    let set = page.header("set-cookie");
    assert!(set.contains("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{set}");
    let done = below(&lin.comes_back(&Hand::away(&page), "alice").await);
    // Whoever lures somebody to their own end of it, or finds the address.
    let mut thief = Hand::new(&t);
    for language in ["en", "zh-CN"] {
        thief.language = language;
        let nowhere = thief.get(&done).await;
        assert_eq!(nowhere.status, 400, "{}", nowhere.text);
        assert!(nowhere.text.contains("sign_in_not_under_way") && nowhere.text.contains("<html"), "{}", nowhere.text);
    }
    thief.post("/admin/scan", &[("next", "/console")]).await;
    assert_eq!(thief.get(&done).await.status, 400, "a sign-in of another browser");
    let began = lin.cookie.clone();
    assert_eq!(lin.send(Method::HEAD, &done, None, &[]).await.status, 405, "what only looks spends nothing");
    leads(&lin.get(&done).await, "/console");
    assert!(lin.is_in());
    lin.cookie = began;
    leads(&lin.get(&done).await, "/admin/sign-in?next=%2Fconsole&scan=refused");
    assert!(!lin.is_in(), "a code is worth something once");

    let page = lin.post("/admin/scan", &[("next", "/console")]).await;
    let late = below(&lin.comes_back(&Hand::away(&page), "alice").await);
    t.advance(Duration::from_mins(10));
    assert_eq!(lin.get(&late).await.status, 400, "ten minutes are over");
}

/// A page of the site's own is not trusted with operators: what comes back to it opens nothing on their side, nor the other way
/// round.
#[tokio::test]
async fn mt_01_a_code_is_worth_something_on_the_page_that_it_was_made_for_alone() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    // Somebody begins here, and lets alice sign in to the site with the same challenge.
    let mut thief = Hand::new(&t);
    let away = Url::parse(&Hand::away(&thief.post("/admin/scan", &[("next", "/console")]).await)).unwrap();
    let asked = |name: &str| away.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let mut lure = away.clone();
    lure.query_pairs_mut().clear().extend_pairs([
        ("redirect_uri", PAGE),
        ("state", "x"),
        ("code_challenge", &asked("code_challenge")),
        ("code_challenge_method", "S256"),
    ]);
    let mut alice = Hand::new(&t);
    let landed = Url::parse(&alice.comes_back(lure.as_str(), "alice").await).unwrap();
    let code = landed.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
    let brought = thief.get(&format!("/admin/scan/done?code={code}&state={}", asked("state"))).await;
    leads(&brought, "/admin/sign-in?next=%2Fconsole&scan=refused");
    assert!(!thief.is_in());

    // The other way round, with a challenge whose verifier they know.
    let mut lure = away.clone();
    lure.query_pairs_mut().clear().extend_pairs([
        ("redirect_uri", asked("redirect_uri").as_str()),
        ("state", "x"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ]);
    let landed = Url::parse(&alice.comes_back(lure.as_str(), "alice").await).unwrap();
    let code = landed.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
    let body = json!({"code": code, "code_verifier": VERIFIER});
    t.anon().post("/v1/login/site", body).await.problem(401, "code_invalid");
}

#[tokio::test]
async fn a_scan_proves_once_more_who_has_signed_in() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    let mut wei = Hand::of(&t, "wei", OperatorRole::Admin).await;
    leads(&wei.links("bob").await, "/admin/account");
    t.advance(Duration::from_mins(5));
    let create = json!({"name": "new", "role": "viewer"});
    lin.call(Method::POST, "/admin/v1/operators", Some(create.clone())).await.problem(403, "reauth_required");
    let token = lin.form_token().await;
    assert!(lin.get("/admin/confirm").await.text.contains("id=\"scan\""));
    let fields = [("form_token", token.as_str()), ("next", "/console/keys")];
    for person in ["bob", "mallory"] {
        let page = lin.post("/admin/confirm/scan", &fields).await;
        let refused = lin.scans(&page, person).await;
        leads(&refused, "/admin/confirm?next=%2Fconsole%2Fkeys&scan=refused");
        assert!(lin.get(refused.header("location")).await.text.contains("role=\"alert\""));
        lin.call(Method::POST, "/admin/v1/operators", Some(create.clone())).await.problem(403, "reauth_required");
    }
    let page = lin.post("/admin/confirm/scan", &fields).await;
    leads(&lin.scans(&page, "alice").await, "/console/keys");
    lin.call(Method::POST, "/admin/v1/operators", Some(create)).await.ok(201);
}

#[tokio::test]
async fn linking_asks_for_a_proof_and_takes_nobodys_link() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let mut wei = Hand::of(&t, "wei", OperatorRole::Viewer).await;
    lin.links("alice").await;
    leads(&wei.links("alice").await, "/admin/account?scan=taken");
    assert!(wei.get("/admin/account?scan=taken").await.text.contains("another operator"));
    t.advance(Duration::from_mins(5));
    for path in ["/admin/account/scan", "/admin/account/scan/remove"] {
        let token = lin.form_token().await;
        let stale = lin.post(path, &[("form_token", &token)]).await;
        leads(&stale, "/admin/confirm?next=%2Fadmin%2Faccount");
        assert_eq!(lin.post(path, &[]).await.status, 403, "{path}: without its token");
    }
    lin.confirm().await;
    let token = lin.form_token().await;
    leads(&lin.post("/admin/account/scan/remove", &[("form_token", &token)]).await, "/admin/account");
    leads(&lin.get("/admin/account").await, "/admin/sign-in?next=%2Fadmin%2Faccount");
    lin.sign_in().await;
    assert!(lin.get("/admin/account").await.text.contains("Link my WeChat"));
    wei.confirm().await;
    leads(&wei.links("alice").await, "/admin/account");
    let listed = lin.call(Method::GET, "/admin/v1/operators", None).await.ok(200);
    let since: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| it["linked_at"].is_string()).collect();
    assert_eq!(since, [false, true]);
    wei.call(Method::DELETE, "/admin/v1/operators/wei/wechat", None).await.problem(403, "right_missing");
    lin.call(Method::DELETE, "/admin/v1/operators/wei/wechat", None).await.ok(204);
    wei.call(Method::GET, "/admin/v1/operators", None).await.problem(401, "operator_required");
    lin.call(Method::DELETE, "/admin/v1/operators/nobody/wechat", None).await.problem(404, "operator_unknown");
    assert_eq!(Rows::of(&t).await.all("SELECT count(*) FROM operator_people").await[0][0].int(), 0);
}

#[tokio::test]
async fn an_admin_unlinks_somebody_in_the_console() {
    let t = scanning(Setup::default()).await;
    let mut root = Hand::of(&t, "root", OperatorRole::Admin).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let path = "/console/operators/lin/wechat/remove";
    assert!(!root.get("/console/operators").await.text.contains(path), "nothing is linked yet");
    lin.links("alice").await;
    root.language = "zh-CN";
    let shown = root.get("/console/operators").await.text;
    assert!(shown.contains(path) && shown.contains("解除微信绑定") && !shown.contains("root/wechat"), "{shown}");
    let token = root.form_token().await;
    let unlinked = root.post(path, &[("form_token", &token)]).await;
    leads(&unlinked, "/console/operators?done=operator_unlinked");
    leads(&lin.get("/console").await, "/admin/sign-in?next=%2Fconsole");
    assert!(!root.get("/console/operators").await.text.contains(path));
    leads(&root.post(path, &[("form_token", &token)]).await, "/console/operators?done=nothing");
    leads(&Hand::new(&t).signs_in_as("alice").await, "/admin/sign-in?next=%2Fadmin%2Faccount&scan=refused");
}

#[tokio::test]
async fn what_a_scan_has_opened_ends_with_the_link() {
    let t = scanning(Setup::default()).await;
    let mut root = Hand::of(&t, "root", OperatorRole::Admin).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    for nth in 0..2 {
        let mut thief = Hand::new(&t);
        leads(&thief.signs_in_as("alice").await, "/admin/account");
        thief.call(Method::GET, "/admin/v1/operators", None).await.ok(200);
        if nth == 0 {
            root.call(Method::DELETE, "/admin/v1/operators/lin/wechat", None).await.ok(204);
        } else {
            assert!(t.menjin.unlink_operator(&Actor::command(), "lin").await.unwrap());
        }
        thief.call(Method::GET, "/admin/v1/operators", None).await.problem(401, "operator_required");
        leads(&thief.get("/admin/account").await, "/admin/sign-in?next=%2Fadmin%2Faccount");
        assert_eq!(root.get("/admin/account").await.status, 200, "nobody else is signed out");
        // The password goes on opening.
        lin.cookie = None;
        lin.sign_in().await;
        lin.links("alice").await;
    }
}

/// A sign-in that ended meanwhile links and proves nothing.
#[tokio::test]
async fn who_was_signed_out_meanwhile_links_nobody() {
    let t = scanning(Setup::default()).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let token = lin.form_token().await;
    let page = lin.post("/admin/account/scan", &[("form_token", &token)]).await;
    let done = below(&lin.comes_back(&Hand::away(&page), "alice").await);
    t.menjin.reset_operator(&Actor::command(), "lin").await.unwrap();
    leads(&lin.get(&done).await, "/admin/sign-in?next=%2Fadmin%2Faccount");
    assert_eq!(t.menjin.operators().await.unwrap()[0].linked_at, None);
}

#[tokio::test]
async fn without_an_app_for_it_nobody_scans() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let token = lin.form_token().await;
    for path in ["/admin/account", "/admin/confirm"] {
        assert!(!lin.get(path).await.text.contains("/scan\""), "{path}");
    }
    for path in ["/admin/scan", "/admin/confirm/scan", "/admin/account/scan"] {
        let answer = lin.post(path, &[("form_token", &token)]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("app_unknown"), "{path}: {}", answer.text);
    }
    let t = scanning(Setup::default()).await;
    let mut elsewhere = Hand::new(&t);
    assert!(elsewhere.get("/admin/sign-in").await.text.contains("/admin/scan\""));
    elsewhere.url = t.admin_url.replace("127.0.0.1", "localhost");
    assert!(!elsewhere.get("/admin/sign-in").await.text.contains("/admin/scan\""), "they would come back elsewhere");
    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(elsewhere.form("/admin/scan", &[("next", "/console")], &foreign).await.status, 403);
}

#[tokio::test]
async fn it_ends_on_another_node_than_it_began() {
    let first = scanning(Setup::default()).await;
    let mut lin = Hand::of(&first, "lin", OperatorRole::Admin).await;
    lin.links("alice").await;
    let second = scanning_beside(&first).await;
    let mut elsewhere = Hand::new(&first);
    let page = elsewhere.post("/admin/scan", &[("next", "/console")]).await;
    let done = below(&elsewhere.comes_back(&Hand::away(&page), "alice").await);
    elsewhere.url = second.admin_url.clone();
    leads(&elsewhere.get(&done).await, "/console");
    assert_eq!(elsewhere.get("/admin/account").await.status, 200);
}

async fn scanning_beside(first: &TestServer) -> TestServer {
    scanning(first.for_another(Setup::default())).await
}
