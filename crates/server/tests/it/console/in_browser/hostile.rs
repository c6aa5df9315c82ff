//! Names that harm a page which believes them (AD-05).

use menjin_server::store::{OperatorRole, RoleName};
use serde_json::{Value, json};

use super::desk::Desk;
use crate::harness::TestServer;
use crate::rows::Rows;

/// What the narrowest store has room for in an address.
const LONGEST_ADDRESS: usize = 64;

/// Breaks out of an element, out of an attribute, out of its direction, out of its line, out of a form.
fn names() -> Vec<String> {
    vec![
        "<script>document.title = 'taken'</script>".to_owned(),
        "\"><img src=x onerror=\"document.title = 'taken'\">".to_owned(),
        "'><svg/onload=\"document.title = 'taken'\">".to_owned(),
        "{{7*7}}${7*7}</title></textarea></bdi></select></form>".to_owned(),
        "\u{202e}nimda\u{2066}\u{200b}".to_owned(),
        format!("Z{}", "\u{300}\u{328}".repeat(5_000)),
        "W".repeat(5_000),
    ]
}

/// As much of a name as fits into an address.
fn as_address(name: &str) -> &str {
    let fits = |end: &usize| name.is_char_boundary(*end);
    &name[..(0..=name.len().min(LONGEST_ADDRESS)).rfind(fits).unwrap()]
}

/// What a page shows of harm; `wide` is what stands out at its side, `named` how many names there are to look at.
const HARM: &str = "({
  title: document.title.includes('taken'),
  foreign: [...document.querySelectorAll('main img, main svg, main script, main [onerror], main [onload]')].map((it) => it.outerHTML),
  unseen: (document.body.textContent.match(/.{0,40}[\\u202a-\\u202e\\u2066-\\u2069\\u200b]/) ?? [])[0] ?? null,
  tall: [...document.querySelectorAll('.name')].filter((it) => it.getBoundingClientRect().height > 60).map((it) => it.outerHTML),
  marked: (document.body.textContent.match(/[\\u0300\\u0328]/g) ?? []).length >= 40,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})";

#[tokio::test]
async fn ad_05_hostile_names_stay_text_on_every_page() {
    let t = TestServer::start().await;
    let names = names();
    let mut rows = Rows::of(&t).await;
    for (nth, name) in names.iter().enumerate() {
        let mut phone = t.phone_of(&format!("person{nth}"));
        phone.login(json!({"device": {"class": "pc", "name": "<img src=x onerror=alert(1)>"}})).await.ok(200);
        let number = nth + 1;
        let [name, address] = [name, as_address(name)].map(|text| text.replace('\'', "''"));
        rows.run(&format!("UPDATE users SET nickname = '{name}', avatar_url = 'https://example.com/\"><script>' WHERE number = {number}")).await;
        rows.run(&format!("UPDATE audit SET detail = '{name}', ip = '{address}' WHERE seq = {number}")).await;
        let user = phone.user_id().parse().unwrap();
        let by = menjin_server::store::Actor::command();
        t.menjin.put_role(&by, &RoleName::everywhere("clerk"), menjin_server::NewRole::default()).await.unwrap();
        t.menjin.grant_role(&by, user, "clerk", None).await.unwrap();
    }
    let kept = "SELECT nickname FROM users ORDER BY number";
    let kept: Vec<_> = rows.all(kept).await.iter().map(|row| row[0].text().unwrap()).collect();
    assert_eq!(kept, names);
    let kept = format!("SELECT detail FROM audit WHERE seq <= {} ORDER BY seq", names.len());
    let kept: Vec<_> = rows.all(&kept).await.iter().map(|row| row[0].text().unwrap()).collect();
    assert_eq!(kept, names);

    let desk = Desk::of(&t, OperatorRole::Admin, "en").await;
    let browser = &desk.browser;
    let mut pages = ["people", "sessions", "audit", "roles/clerk"].map(|page| format!("/console/{page}")).to_vec();
    pages.extend((1..=names.len()).map(|number| format!("/console/people/{number}")));
    pages.extend((2..=names.len()).map(|number| format!("/console/people/1/merge?from={number}")));
    let none = json!({"title": false, "foreign": [], "unseen": null, "tall": [], "marked": false, "wide": 0});
    for page in &pages {
        desk.open(page).await;
        assert_eq!(browser.run("location.pathname + location.search").await, *page);
        let harm = browser.run(HARM).await;
        assert_eq!(harm, none, "{page} shows:\n{}", browser.text("body").await);
    }
    desk.open("/console/people").await;
    let shown = browser.run("[...document.querySelectorAll('.name')].map((it) => it.innerText)").await;
    assert_eq!(shown.as_array().map(Vec::len), Some(names.len()), "{shown}");
    desk.open("/console/audit").await;
    assert!(browser.text("main").await.contains(&names[0]), "lines of the audit are there to be looked at");
    desk.open("/console/people/1").await;
    assert_eq!(browser.text("h1 .name").await, names[0], "it is shown as what it is");
    desk.open("/console/people/5").await;
    assert_eq!(browser.text("h1 .name").await, "\\u202enimda\\u2066\\u200b");
    browser.click("#kick > summary").await;
    assert!(browser.text("#kick[open] button").await.contains("Sign out"), "the page around it works");
    let requests = browser.run("performance.getEntriesByType('resource').map((it) => new URL(it.name).origin)").await;
    let own = |origin: &Value| *origin == t.admin_url;
    assert!(requests.as_array().unwrap().iter().all(own), "{requests}");
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn ad_05_what_is_looked_for_in_vain_stays_text() {
    let t = TestServer::start().await;
    let desk = Desk::of(&t, OperatorRole::Viewer, "zh-CN").await;
    let hostile = "\"><img src=x onerror=alert(1)>";
    desk.open("/console/people").await;
    desk.browser.write("#name", hostile).await;
    desk.browser.click("#find").await;
    desk.browser.until("document.querySelector('[role=alert]')").await;
    assert!(desk.browser.text("[role=alert]").await.contains(hostile));
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for page in ["/console/audit?action", "/console/sessions?app"] {
        desk.open(&format!("{page}={hostile}")).await;
        let field = page.rsplit('?').next().unwrap();
        let typed = desk.browser.run(&format!("document.querySelector('[name={field}]').value")).await;
        assert_eq!(typed, "\"><script>alert(1)</script>", "{page}");
        assert_eq!(desk.browser.run("document.querySelectorAll('main script').length").await, 0, "{page}");
    }
    desk.is_quiet(&[404]).await;
}
