//! The pages on which WeChat asks a person: inside WeChat (`connect/oauth2/authorize`) and beside a picture to scan
//! (`connect/qrconnect`). Whoever looks at them chooses whom to play.

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::address::{BY_PICTURE, BadRequest, IN_WECHAT, Request};
use super::{Decision, decide};
use crate::Sim;
use crate::asking::escaped;
use crate::world::World;

/// No longer than a name that `/_sim/people` takes.
const LONGEST_NAME: usize = 64;
/// Offered when nobody has been met yet.
const FIRST: &str = "alice";

pub(crate) fn routes() -> Router<Sim> {
    Router::new().route(IN_WECHAT, get(ask)).route(BY_PICTURE, get(ask)).route("/connect/decide", post(answer))
}

/// What the person chose, and the address that brought them.
#[derive(Deserialize)]
struct Chosen {
    address: String,
    person: String,
    decision: String,
}

async fn ask(State(sim): State<Sim>, uri: Uri) -> Response {
    let address = uri.to_string();
    let page = Request::read(&address).and_then(|request| sim.with(|world| question(world, &request, &address)));
    page.unwrap_or_else(sorry)
}

async fn answer(State(sim): State<Sim>, Form(chosen): Form<Chosen>) -> Response {
    let decision = match chosen.decision.as_str() {
        "allow" => Decision::Allow,
        "snapshot" => Decision::Snapshot,
        _ => Decision::Deny,
    };
    let person: String = chosen.person.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let person = if person.is_empty() { FIRST.to_owned() } else { person };
    let decided = Request::read(&chosen.address)
        .and_then(|request| sim.with(|world| decide(world, &request, (&person, decision))));
    match decided {
        Ok(Some(location)) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Ok(None) => page(
            "已拒绝 · Declined",
            "<p>你拒绝了登录请求，可以关闭本页。<br>You declined; this page may be closed.</p>",
        ),
        Err(bad) => sorry(bad),
    }
}

fn question(world: &World, request: &Request, address: &str) -> Result<Response, BadRequest> {
    let app = request.checked(world)?;
    let met = world.people.all().map(|person| format!("<option value=\"{}\">", escaped(&person.person)));
    let asks = if request.is_silent() {
        "只获取身份，不询问（snsapi_base）· only who you are, without asking"
    } else {
        "获取你的昵称、头像 · your nickname and picture"
    };
    let others = if request.is_silent() {
        "<button name=\"decision\" value=\"snapshot\">快照页 · as a snapshot</button>"
    } else {
        "<button name=\"decision\" value=\"snapshot\">快照页 · as a snapshot</button> \
         <button name=\"decision\" value=\"deny\" id=\"deny\">拒绝 · Decline</button>"
    };
    // Both pages lead to one place, which may lie below a path.
    let root = if address.contains(BY_PICTURE) { "decide" } else { "../decide" };
    let body = format!(
        "<p><b>{}</b><br>{asks}</p><form method=\"post\" action=\"{root}\"><input type=\"hidden\" name=\"address\" value=\"{}\">\
         <label>谁 · Who <input name=\"person\" value=\"{FIRST}\" list=\"met\" maxlength=\"{LONGEST_NAME}\" required></label><datalist id=\"met\">{}</datalist>\
         <p><button class=\"main\" name=\"decision\" value=\"allow\" id=\"allow\">允许 · Allow</button> {others}</p></form>",
        escaped(&app.name),
        escaped(address),
        met.collect::<String>(),
    );
    Ok(page("微信登录 · WeChat sign-in", &body))
}

fn sorry(BadRequest(errcode, text): BadRequest) -> Response {
    page("出错了 · Error", &format!("<p id=\"error\">{} （{errcode}）</p>", escaped(text)))
}

/// With status 200, as all of WeChat's pages.
fn page(title: &str, body: &str) -> Response {
    const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}\
        button{font:inherit;padding:.4rem .9rem}.main{background:#07c160;color:#fff;border:0;border-radius:4px}small{color:#888}";
    Html(format!(
        "<!doctype html><html lang=\"zh\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>{body}<small>menjin 模拟器，不是真正的微信 · menjin's simulator, not WeChat itself</small>"
    ))
    .into_response()
}
