//! `/_sim/apps`, `/_sim/people`, `/_sim/policy`: what exists and how it behaves.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Answer, Complaint, Input, checked};
use crate::Sim;
use crate::apps::{App, AppKind};
use crate::people::{Person, Phone};
use crate::platform::Platform;
use crate::policy::{Policy, SessionKeyPolicy};
use crate::wechat::Verdict;
use crate::world::World;

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/apps", get(list_apps).post(put_app))
        .route("/people", get(list_people).post(put_person))
        .route("/policy", get(show_policy).post(change_policy))
}

#[derive(Serialize)]
struct AppList {
    apps: Vec<App>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppRequest {
    appid: Option<String>,
    secret: Option<String>,
    platform: Option<Platform>,
    kind: Option<AppKind>,
    name: Option<String>,
    open_account: Option<String>,
    redirect_domain: Option<String>,
    session_key: Option<SessionKeyPolicy>,
    public_key: Option<String>,
    aes_key: Option<String>,
    sees_user_ids: Option<bool>,
}

#[derive(Serialize)]
struct PersonView {
    #[serde(flatten)]
    person: Person,
    /// By appid.
    openids: BTreeMap<String, String>,
    /// By open-platform account; one of another platform than WeChat as `qq:acme`.
    unionids: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct PersonList {
    people: Vec<PersonView>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonRequest {
    person: String,
    nickname: Option<String>,
    avatar_url: Option<String>,
    phone: Option<String>,
    country_code: Option<String>,
    blocked: Option<bool>,
    /// `null` leaves it to the words again.
    #[serde(default, deserialize_with = "given")]
    verdict: Opinion,
}

/// Tells a member that is `null` from one that is not there.
#[derive(Default)]
enum Opinion {
    #[default]
    Kept,
    Now(Option<Verdict>),
}

/// All apps with their secrets: nothing here guards anything.
async fn list_apps(State(sim): State<Sim>) -> Json<AppList> {
    Json(AppList { apps: sim.apps() })
}

/// Makes an app, drawing what is not given, or changes what is given of an app that exists.
async fn put_app(State(sim): State<Sim>, Input(request): Input<AppRequest>) -> Answer<App> {
    sim.with(|world| {
        let app = request.applied(world)?;
        world.apps.put(app.clone());
        Ok(Json(app))
    })
}

/// Everybody whom the simulator has met.
async fn list_people(State(sim): State<Sim>) -> Json<PersonList> {
    let people = sim.with(|world| world.people.all().map(|person| view(world, person)).collect());
    Json(PersonList { people })
}

/// Makes a person, or changes what is given.
async fn put_person(State(sim): State<Sim>, Input(request): Input<PersonRequest>) -> Answer<PersonView> {
    let name = checked("person", request.person)?;
    let phone = request.phone.map(|number| phone(number, request.country_code)).transpose()?;
    sim.with(|world| {
        let person = world.people.meet(&name);
        dress(person, request.nickname, request.avatar_url)?;
        person.phone = phone.unwrap_or_else(|| person.phone.clone());
        person.blocked = request.blocked.unwrap_or(person.blocked);
        if let Opinion::Now(verdict) = request.verdict {
            person.verdict = verdict;
        }
        let person = person.clone();
        Ok(Json(view(world, &person)))
    })
}

/// How the platforms behave.
async fn show_policy(State(sim): State<Sim>) -> Json<Policy> {
    Json(sim.policy())
}

/// Changes the members that are given; `null` lifts a quota.
async fn change_policy(State(sim): State<Sim>, Input(change): Input<Value>) -> Answer<Policy> {
    sim.with(|world| {
        let mut merged = serde_json::to_value(&world.policy).expect("a policy is plain data");
        merge(&mut merged, change);
        world.policy = serde_json::from_value(merged)
            .map_err(|error| Complaint::bad(error.to_string(), "GET /_sim/policy shows all members"))?;
        Ok(Json(world.policy.clone()))
    })
}

fn given<'de, D: Deserializer<'de>>(member: D) -> Result<Opinion, D::Error> {
    Option::deserialize(member).map(Opinion::Now)
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (name, value) in change {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change,
    }
}

impl AppRequest {
    fn applied(self, world: &mut World) -> Result<App, Complaint> {
        let appid = match self.appid {
            Some(appid) => checked("appid", appid)?,
            None => drawn_appid(world, self.platform.unwrap_or_default()),
        };
        let mut app = match world.apps.find(&appid) {
            Some(app) => app.clone(),
            None => App::mini_program(appid, String::new()),
        };
        if let Some(secret) = self.secret {
            app.secret = checked("secret", secret)?;
        }
        if app.secret.is_empty() {
            app.secret = world.entropy.hex(32);
        }
        if let Some(name) = self.name {
            app.name = checked("name", name)?;
        }
        app.platform = self.platform.unwrap_or(app.platform);
        app.kind = self.kind.unwrap_or(app.kind);
        app.public_key = self.public_key.or(app.public_key);
        app.aes_key = self.aes_key.or(app.aes_key);
        app.sees_user_ids = self.sees_user_ids.unwrap_or(app.sees_user_ids);
        app.session_key = self.session_key.or(app.session_key);
        if let Some(domain) = self.redirect_domain {
            app.redirect_domain = Some(domain).filter(|domain| !domain.is_empty());
        }
        if let Some(account) = self.open_account {
            app.open_account = Some(account).filter(|account| !account.is_empty());
        }
        Ok(app)
    }
}

/// An appid of the form that the platform's have.
fn drawn_appid(world: &mut World, platform: Platform) -> String {
    match platform {
        Platform::WeChat => format!("wx{}", world.entropy.hex(16)),
        Platform::Qq => format!("11{}", world.entropy.digits(8)),
        Platform::Douyin => format!("tt{}", world.entropy.hex(16)),
        Platform::Alipay => format!("2021{}", world.entropy.digits(12)),
    }
}

/// Changes how a person appears; an empty text makes them anonymous again.
pub(super) fn dress(
    person: &mut Person,
    nickname: Option<String>,
    avatar_url: Option<String>,
) -> Result<(), Complaint> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    if let Some(nickname) = nickname {
        person.nickname = given(nickname).map(|nickname| checked("nickname", nickname)).transpose()?;
    }
    if let Some(avatar_url) = avatar_url {
        person.avatar_url = given(avatar_url);
    }
    Ok(())
}

/// A number as people write it: `13800138000`, `+8613800138000`, or with the country code apart.
pub(super) fn phone(number: String, country_code: Option<String>) -> Result<Phone, Complaint> {
    const HINT: &str =
        r#"digits only, 5 to 15, as in {"phone": "13800138000"} or {"phone": "61234567", "country_code": "852"}"#;
    let number = number.strip_prefix("+86").map(str::to_owned).unwrap_or(number);
    let country_code = country_code.unwrap_or_else(|| "86".to_owned());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (5..=15).contains(&number.len())
        && (1..=4).contains(&country_code.len())
        && digits(&number)
        && digits(&country_code)
    {
        return Ok(Phone { number, country_code });
    }
    Err(Complaint::bad("bad phone", HINT))
}

fn view(world: &World, person: &Person) -> PersonView {
    let name = person.person.as_str();
    let openids = world.apps.all().map(|app| (app.appid.clone(), app.platform.openid(name, &app.appid)));
    let unionids = world.apps.all().filter_map(|app| {
        let account = app.open_account.as_deref()?;
        let account = match app.platform {
            Platform::WeChat => account.to_owned(),
            Platform::Qq => format!("qq:{account}"),
            Platform::Douyin => format!("douyin:{account}"),
            Platform::Alipay => format!("alipay:{account}"),
        };
        Some((account, app.unionid_of(name)?))
    });
    PersonView { person: person.clone(), openids: openids.collect(), unionids: unionids.collect() }
}
