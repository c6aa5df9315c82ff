//! The console without scripts: forms that lead on, refusals as pages, and what each role is shown.

use std::time::Duration;

use menjin_server::store::{Actor, OperatorRole};
use menjin_sim::Phone;
use serde_json::json;

use super::PAGES;
use crate::harness::{APPID, Setup, TestServer};
use crate::operators::hand::{Hand, between};
use crate::rows::Rows;

fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

#[tokio::test]
async fn every_page_speaks_both_languages_under_a_policy_without_exceptions() {
    let t = TestServer::start().await;
    let person = t.phone("alice").await.user_id();
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let own = format!("/console/people/{person}");
    for path in PAGES.into_iter().chain([own.as_str(), "/console/apps/shop"]) {
        lin.language = "en";
        let english = lin.get(path).await;
        assert_eq!(english.status, 200, "{path}: {}", english.text);
        let body = english.text.replace("hreflang=\"zh\">中文", "");
        assert!(!is_chinese(&body), "{path}: {body}");
        let policy = english.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        for inline in ["<style", "style=", " onclick", " onerror", "javascript:", "<script>"] {
            assert!(!english.text.contains(inline), "{path} has {inline}");
        }
        lin.language = "zh-CN";
        let chinese = lin.get(path).await;
        assert!(is_chinese(&chinese.text) && chinese.text.contains("lang=\"zh-CN\""), "{path}");
    }
}

#[tokio::test]
async fn a_form_leads_back_and_the_page_says_what_was_done() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let token = lin.form_token().await;
    let page = format!("/console/people/{}", phone.user_id());
    let answer = lin.post(&format!("{page}/kick"), &[("form_token", &token)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, format!("{page}?done=kicked").as_str()));
    phone.get("/v1/me").await.problem(401, "session_kicked");
    let shown = lin.get(&format!("{page}?done=kicked")).await.text;
    assert_eq!(between(&shown, "role=\"status\">", "<"), "All sign-ins have ended.");
    let made_up = lin.get(&format!("{page}?done=%3Cb%3Ewon%3C/b%3E")).await.text;
    assert!(!made_up.contains("role=\"status\"") && !made_up.contains("<b>won"), "{made_up}");
    let answer = lin.post(&format!("{page}/kick"), &[("form_token", &token)]).await;
    assert_eq!(answer.header("location"), format!("{page}?done=nothing"));
}

#[tokio::test]
async fn somebody_is_found_by_any_of_their_names_and_none_stands_in_the_address() {
    let t = TestServer::start().await;
    t.sim.change_person("alice", |it| it.phone = Phone { number: "13800001234".into(), country_code: "86".into() });
    let phone = t.phone("alice").await;
    phone.post("/v1/me/phone", json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let token = lin.form_token().await;
    let (user, openid) = (phone.user_id(), t.sim.openid(APPID, "alice"));
    let found = format!("/console/people/{user}");
    for (by, name) in [
        ("any", user.as_str()),
        ("any", " 1 "),
        ("any", "+8613800001234"),
        ("any", "138 0000 1234"),
        ("any", &openid),
        ("id", &user),
        ("number", "1"),
        ("phone", "13800001234"),
        ("openid", &openid),
    ] {
        let fields = [("form_token", token.as_str()), ("by", by), ("name", name)];
        let answer = lin.post("/console/people", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, found.as_str()), "{by} {name}");
    }
    for (by, name) in [("any", "nobody"), ("id", "1"), ("username", "alice"), ("any", "9".repeat(30).as_str())] {
        let fields = [("form_token", token.as_str()), ("by", by), ("name", name)];
        let answer = lin.post("/console/people", &fields).await;
        assert_eq!(answer.status, 404, "{by} {name}: {}", answer.text);
        assert!(answer.text.contains("Nobody is called"), "{}", answer.text);
    }
    let odd = lin.post("/console/people", &[("form_token", &token), ("by", "phone"), ("name", "12")]).await;
    assert_eq!(odd.status, 400, "{}", odd.text);
    assert!(odd.text.contains("begins with + and its country code"), "{}", odd.text);
    let shown = lin.get(&found).await.text;
    assert!(shown.contains("138****1234") && !shown.contains("13800001234") && !shown.contains(&openid), "{shown}");
}

#[tokio::test]
async fn where_several_are_called_so_all_of_them_are_listed() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await.user_id(), t.phone("bob").await.user_id());
    Rows::of(&t).await.run("UPDATE users SET external_id = '2' WHERE number = 1").await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let token = lin.form_token().await;
    for (language, words) in [("en", "Several people are called"), ("zh-CN", "有几个用户符合")] {
        lin.language = language;
        let answer = lin.post("/console/people", &[("form_token", &token), ("by", "any"), ("name", "2")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(
            answer.text.contains(words) && answer.text.contains(&alice) && answer.text.contains(&bob),
            "{}",
            answer.text
        );
    }
    for (by, user) in [("number", &bob), ("external_id", &alice)] {
        let answer = lin.post("/console/people", &[("form_token", &token), ("by", by), ("name", "2")]).await;
        assert_eq!(answer.header("location"), format!("/console/people/{user}"), "{by}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_page_in_the_readers_language() {
    let t = TestServer::start().await;
    let person = t.phone("alice").await.user_id();
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let token = lin.form_token().await;
    let (kick, gone) = (format!("/console/people/{person}/kick"), format!("/console/people/usr_{}", "0".repeat(26)));
    for (language, words) in [("en", ["Your role", "No such user"]), ("zh-CN", ["权限", "用户不存在"])] {
        lin.language = language;
        let refused = lin.post(&kick, &[("form_token", &token)]).await;
        let unknown = lin.get(&gone).await;
        for (answer, status, code, words) in
            [(refused, 403, "right_missing", words[0]), (unknown, 404, "user_unknown", words[1])]
        {
            assert_eq!(answer.status, status);
            assert!(answer.header("content-type").starts_with("text/html"), "{}", answer.text);
            let said = between(&answer.text, "role=\"alert\">", "</section>");
            assert!(said.contains(code) && said.contains("href=\"/console\""), "{said}");
            assert_eq!(is_chinese(said), language == "zh-CN", "{said}");
            assert!(said.contains(words), "{words} is not in {said}");
        }
    }
    // The other language is asked for where the form stood: what answers a form can't be opened again.
    let own = [("origin", lin.url.clone()), ("referer", format!("{}/console/people/{person}?done=kicked", lin.url))];
    let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = lin.form(&kick, &[("form_token", &token)], &own).await;
    let here = format!("%2Fconsole%2Fpeople%2F{person}");
    assert_eq!(between(&refused.text, ";next=", "\""), here, "{}", refused.text);
    assert!(refused.text.contains(&format!("href=\"/console/people/{person}\">")), "{}", refused.text);
    let unknown = lin.get("/console/people?colour=red").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("colour"), "{}", unknown.text);
}

#[tokio::test]
async fn a_mistyped_address_leads_to_a_page_of_the_console() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    for (language, words) in [("en", "No such page"), ("zh-CN", "没有这个页面")] {
        lin.language = language;
        for path in ["/console/nope", "/console/people/1/nope", "/console/keys/"] {
            let nowhere = lin.get(path).await;
            assert_eq!(nowhere.status, 404, "{path}");
            assert!(nowhere.header("content-type").starts_with("text/html"), "{path}: {}", nowhere.text);
            let said = between(&nowhere.text, "role=\"alert\">", "</section>");
            assert!(said.contains(words) && said.contains("href=\"/console\""), "{path}: {said}");
            assert!(nowhere.text.contains("<nav"), "{path}: {}", nowhere.text);
        }
    }
    let mut nobody = Hand::new(&t);
    assert_eq!(nobody.get("/console/nope").await.header("location"), "/admin/sign-in?next=%2Fconsole%2Fnope");
    for path in ["/", "/console/", "/admin"] {
        assert_eq!(lin.get(path).await.header("location"), "/console", "{path}");
    }
    assert_eq!(nobody.get("/").await.header("location"), "/console");
    t.anon().get("/").await.problem(404, "route_unknown");
}

#[tokio::test]
async fn chinese_pages_are_chinese_where_a_field_is_refused() {
    let t = TestServer::start().await;
    let mut root = Hand::of(&t, "root", OperatorRole::Admin).await;
    let token = root.form_token().await;
    root.language = "zh-CN";
    let odd = root.get("/console/people/nobody").await;
    assert!(odd.text.contains("必须是用户 id（usr_…）或编号"), "{}", odd.text);
    let fields = [("form_token", token.as_str()), ("name", "nightly"), ("role", "viewer"), ("days", "0")];
    let odd = root.post("/console/operator-tokens", &fields).await;
    assert!(odd.status == 400 && odd.text.contains("必须是 1 到 3650 之间的整数"), "{}", odd.text);
    // What stands here in no Chinese is named as it is sent or called.
    let is_named = |word: &str| ["AppID", "QQ", "id", "menjin", "toml"].contains(&word);
    let shop = [("kind", "mini_program"), ("appid", "wx0000000000000001"), ("app_secret", "0123456789abcdef")];
    let desk = [("kind", "web"), ("appid", "1110000001"), ("app_secret", "0123456789abcdef")];
    let wide = "宽".repeat(22);
    for (app, change, words) in [
        (&[("kind", "backend")][..], ("id", "Bad Id"), "必须由 1 到 32 个小写字母"),
        (&[("kind", "backend")], ("name", &wide), "不超过 64 字节"),
        (&[("kind", "backend")], ("audience", "two words"), "不含空格"),
        (&[("kind", "backend")], ("audience", &t.url), "menjin 自己的受众"),
        (&[("kind", "backend")], ("scopes", "session_data"), "只用于后端应用"),
        (&[("kind", "backend")], ("passwords", "on"), "只用于用户登录的应用"),
        (&[("kind", "mini_program")], ("name", "Shop"), "小程序可选"),
        (&shop, ("appid", "wx1"), "十六进制数"),
        (&shop, ("open_account", &wide), "不超过 64 字节"),
        (&shop, ("app_secret", "…"), "占位文字"),
        (&desk, ("platform", "qq"), "只能写在 menjin.toml 中"),
    ] {
        let mut fields = vec![("form_token", token.as_str()), ("id", "desk")];
        fields.extend(app);
        fields.retain(|(name, _)| *name != change.0);
        fields.push(change);
        let odd = root.post("/console/apps", &fields).await;
        assert_eq!(odd.status, 400, "{change:?}: {}", odd.text);
        let said = between(&odd.text, "role=\"alert\">", "</section>");
        let said = between(said, "无效：", "</p>");
        assert!(said.contains(words) && !said.contains(change.1), "{change:?}: {said}");
        // Words in quotes are names; a sentence of English has others.
        let bare = said.split('`').step_by(2).collect::<String>();
        let words = bare.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| word.len() > 1);
        let english: Vec<_> = words.filter(|word| !is_named(word)).collect();
        assert!(english.is_empty(), "{change:?}: {english:?} in {said}");
    }
}

#[tokio::test]
async fn somebody_without_a_nickname_is_opened_by_their_number() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    bob.put("/v1/me", json!({"nickname": "Bob"})).await.ok(200);
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let list = lin.get("/console/people").await.text;
    let rows: Vec<_> = list.split("<tr>").filter_map(|row| row.split("</tr>").next()).collect();
    let row = |user: &str| *rows.iter().find(|row| row.contains(user)).unwrap();
    let (nameless, named) = (row(&alice.user_id()), row(&bob.user_id()));
    assert!(nameless.contains(&format!("<a href=\"/console/people/{}\">1</a>", alice.user_id())), "{nameless}");
    assert_eq!(nameless.matches("<a ").count(), 1, "a dash is no link: {nameless}");
    assert!(nameless.contains("<span class=\"dash\">—</span>"), "{nameless}");
    assert!(named.contains(">2</a>") && named.contains(">Bob</bdi></a>"), "{named}");
}

#[tokio::test]
async fn a_viewer_sees_no_form_that_would_be_refused() {
    let t = TestServer::start().await;
    let person = t.phone("alice").await.user_id();
    let by = Actor::command();
    t.menjin
        .put_role(&by, &menjin_server::store::RoleName::everywhere("clerk"), menjin_server::NewRole::default())
        .await
        .unwrap();
    let own = format!("/console/people/{person}");
    let pages: Vec<_> =
        PAGES.into_iter().chain([own.as_str(), "/console/apps/office", "/console/roles/clerk"]).collect();
    let mut counts = Vec::new();
    for role in OperatorRole::ALL {
        let mut lin = Hand::of(&t, role.as_str(), role).await;
        let mut forms = Vec::new();
        for path in &pages {
            let text = lin.get(path).await.text;
            forms.extend(text.split("<form ").skip(1).map(|form| between(form, "action=\"", "\"").to_owned()));
        }
        if role == OperatorRole::Viewer {
            assert_eq!(
                forms,
                ["/console/people", "/console/sessions", "/console/audit"],
                "to look for somebody or something"
            );
        }
        counts.push(forms.len());
        if role == OperatorRole::Support {
            let above = ["roles", "export", "delete", "erase", "keys", "apps", "operators"];
            let odd: Vec<_> = forms.iter().filter(|form| above.iter().any(|word| form.contains(word))).collect();
            assert!(odd.is_empty(), "{odd:?}");
        }
    }
    assert!(counts[0] < counts[1] && counts[1] < counts[2], "{counts:?}");
}

#[tokio::test]
async fn a_viewer_sees_addresses_without_their_end() {
    let t = TestServer::start().await;
    let person = t.phone("alice").await.user_id();
    let mut wei = Hand::of(&t, "wei", OperatorRole::Viewer).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let page = format!("/console/people/{person}");
    let (seen, whole) = (wei.get(&page).await.text, lin.get(&page).await.text);
    assert!(seen.contains("127.0.0.0/24") && !seen.contains("127.0.0.1<"), "{seen}");
    assert!(whole.contains("127.0.0.1<"), "{whole}");
}

#[tokio::test]
async fn how_far_a_webhook_has_come_is_shown_without_its_secrets() {
    let toml = "[[webhook]]\nname = \"crm\"\naudience = \"shop-api\"\nurl = \"https://crm.example.com/hooks/s3cret-path\"\nsecret = \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\"\n";
    let t = TestServer::with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    t.phone("alice").await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let page = lin.get("/console/events").await.text;
    let row = between(&page, "data-webhook=\"crm\"", "</tr>");
    assert!(row.contains("https://crm.example.com<") && row.contains("shop-api"), "{row}");
    assert!(!page.contains("s3cret") && !page.contains("whsec_"), "{page}");
    assert!(page.contains("user.created"), "{page}");
}

#[tokio::test]
async fn what_wants_a_proof_leads_to_it_and_nothing_is_done_before() {
    let t = TestServer::start().await;
    let mut root = Hand::of(&t, "root", OperatorRole::Admin).await;
    let person = t.phone("alice").await.user_id();
    let token = root.form_token().await;
    t.advance(Duration::from_mins(6));
    let own = format!("/console/people/{person}");
    let keys = t.menjin.signing_keys().len();
    for (path, fields) in [
        ("/console/keys/rotate".to_owned(), vec![]),
        ("/console/apps".to_owned(), vec![("id", "reports")]),
        ("/console/operators".to_owned(), vec![("name", "wei"), ("role", "admin")]),
        (format!("{own}/export"), vec![("format", "json")]),
        (format!("{own}/delete"), vec![]),
        (format!("{own}/erase"), vec![("certain", "yes")]),
        (format!("{own}/reset-password"), vec![("username", "alice")]),
    ] {
        let fields: Vec<_> = fields.into_iter().chain([("form_token", token.as_str())]).collect();
        let answer = root.post(&path, &fields).await;
        let to = answer.header("location");
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        assert!(to.starts_with("/admin/confirm?next=%2Fconsole"), "{path}: {to}");
    }
    assert_eq!(t.menjin.signing_keys().len(), keys);
    assert_eq!(t.menjin.operators().await.unwrap().len(), 1);
    root.confirm().await;
    let answer = root.post("/console/keys/rotate", &[("form_token", &token)]).await;
    assert_eq!(answer.header("location"), "/console/keys?done=key_rotated");
    assert_eq!(t.menjin.signing_keys().len(), keys + 1);
    let export = root.post(&format!("{own}/export"), &[("form_token", &token), ("format", "json")]).await;
    assert!(export.header("content-disposition").contains(&person), "{}", export.text);
    assert!(export.text.contains(&t.sim.openid(APPID, "alice")), "{}", export.text);
}

#[tokio::test]
async fn an_app_is_registered_whose_people_sign_in_by_password() {
    let t = TestServer::start().await;
    let mut root = Hand::of(&t, "root", OperatorRole::Admin).await;
    let token = root.form_token().await;
    let alice = json!({"username": "alice", "password": "correct horse battery"});
    for (id, passwords, register, login) in
        [("desk", "register", 201, 200), ("till", "on", 404, 200), ("hall", "", 404, 404)]
    {
        let fields = [("form_token", token.as_str()), ("id", id), ("kind", "web"), ("passwords", passwords)];
        assert_eq!(root.post("/console/apps", &fields).await.status, 200, "{id}");
        let asked = async |path: String| t.anon().post(&path, alice.clone()).await.status.as_u16();
        assert_eq!(asked(format!("/v1/register/{id}")).await, register, "{id}");
        assert_eq!(asked(format!("/v1/login/{id}/password")).await, login, "{id}");
    }
}

#[tokio::test]
async fn the_audit_is_filtered_and_turned_over_page_by_page() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let (alice, bob) = (t.phone("alice").await.user_id(), t.phone("bob").await.user_id());
    let token = lin.form_token().await;
    for user in [&alice, &bob] {
        lin.post(&format!("/console/people/{user}/kick"), &[("form_token", &token)]).await;
    }
    let rows = |text: &str| text.matches("<tr data-action=").count();
    let kicks = lin.get("/console/audit?action=session.kicked&user=&actor_id=").await.text;
    assert_eq!(rows(&kicks), 2, "{kicks}");
    assert!(kicks.contains("actor_id=lin\"><bdi>lin</bdi>"), "who did it: {kicks}");
    let own = lin.get(&format!("/console/audit?action=session.kicked&user={alice}")).await.text;
    assert!(rows(&own) == 1 && own.contains(&alice) && !own.contains(&bob), "{own}");
    assert_eq!(rows(&lin.get("/console/audit?actor_id=nobody").await.text), 0);
    let first = lin.get("/console/audit?actor_id=lin&limit=1").await.text;
    let next = between(&first, "id=\"next\" href=\"", "\"").replace("&amp;", "&").replace("&#38;", "&");
    let second = lin.get(&next).await.text;
    assert_eq!((rows(&first), rows(&second)), (1, 1));
    assert!(first.contains(&bob) && second.contains(&alice), "the newest first");
    let odd = lin.get("/console/audit?since=yesterday").await;
    assert_eq!(odd.status, 400);
    assert!(odd.text.contains("2026-01-31T08:00:00Z"), "{}", odd.text);
}
