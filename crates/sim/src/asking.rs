//! The pages on which QQ Connect and Alipay ask a person whether a site may know who they are, and the way back from them.
//!
//! What is asked and what comes of it is each platform's own; `WeChat`'s pages are in `wechat::oauth`, and lead back alike.

use std::fmt::Write as _;

use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use crate::Sim;
use crate::apps::App;
use crate::wechat::code_image::percent_encoded;
use crate::wechat::oauth::Decision;
use crate::world::World;
use crate::{alipay, qq_connect};

/// What an app asks of a person.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) app: App,
    pub(crate) to: String,
    pub(crate) state: String,
    pub(crate) silent: bool,
}

/// What comes of it: parameters of the way back, beside the state.
pub(crate) type Decided = Vec<(&'static str, String)>;

/// Where the browser goes next. The error is what the platform's page would say instead.
pub(crate) fn decide(world: &mut World, address: &str, chosen: (&str, Decision)) -> Result<String, String> {
    let uri: Uri = address.parse().map_err(|_| "not an address".to_owned())?;
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|error| error.to_string())?;
    let is_qq = uri.path().ends_with("/oauth2.0/authorize");
    let asking = if is_qq { qq_connect::asking(world, &pairs) } else { alipay::asking(world, &pairs) }?;
    let decided = if is_qq { qq_connect::decide } else { alipay::decide };
    let mut parameters = decided(world, &asking, chosen);
    parameters.push(("state", asking.state));
    Ok(way_back(&asking.to, &parameters))
}

/// Whether a page of one of these platforms is at this path.
pub(crate) fn is_asked_at(path: &str) -> bool {
    path.ends_with("/oauth2.0/authorize") || path.ends_with("/oauth2/publicAppAuthorize.htm")
}

/// The address with these parameters, behind what stood there and before a fragment.
pub(crate) fn way_back(to: &str, parameters: &[(&'static str, String)]) -> String {
    let (before, fragment) =
        to.split_once('#').map_or((to, String::new()), |(before, rest)| (before, format!("#{rest}")));
    let mut to = before.to_owned();
    for (name, value) in parameters {
        let joint = if to.contains('?') { '&' } else { '?' };
        let value = percent_encoded(value);
        write!(to, "{joint}{name}={value}").expect("writing to a string");
    }
    to + &fragment
}

/// The page: whoever looks at it chooses whom to play, and comes back to it with `person` and `decision`.
pub(crate) async fn page(State(sim): State<Sim>, uri: Uri, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let address = uri.to_string();
    let given = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let person = given("sim_person").filter(|person| !person.trim().is_empty() && person.len() <= 64);
    if let Some(person) = person {
        let denied = given("sim_decision").as_deref() == Some("deny");
        let decision = if denied { Decision::Deny } else { Decision::Allow };
        return match sim.with(|world| decide(world, &address, (&person, decision))) {
            Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
            Err(why) => sorry(&why),
        };
    }
    let is_qq = uri.path().ends_with("/oauth2.0/authorize");
    let asking =
        sim.with(|world| if is_qq { qq_connect::asking(world, &pairs) } else { alipay::asking(world, &pairs) });
    match asking {
        Ok(asking) => question(&asking, &pairs),
        Err(why) => sorry(&why),
    }
}

fn question(asking: &Asking, pairs: &[(String, String)]) -> Response {
    let hidden = |(name, value): &(String, String)| {
        format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value))
    };
    let hidden: String = pairs.iter().map(hidden).collect();
    let asks = if asking.silent {
        "只获取身份 · only who you are"
    } else {
        "获取你的昵称、头像 · your nickname and picture"
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><style>body{{font:16px/1.6 system-ui;max-width:24rem;margin:3rem auto;padding:0 1rem}}</style>\
         <h1>{name}</h1><p>{asks}</p><form>{hidden}<p><label>以谁的身份 · as <input name=\"sim_person\" value=\"alice\" maxlength=\"64\"></label>\
         <p><button name=\"sim_decision\" value=\"allow\" id=\"allow\">同意 · Allow</button> \
         <button name=\"sim_decision\" value=\"deny\" id=\"deny\">拒绝 · Decline</button></form></html>\n",
        name = escaped(&asking.app.name),
    );
    Html(body).into_response()
}

fn sorry(why: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Html(format!("<!doctype html><meta charset=\"utf-8\"><h1>出错了 · Sorry</h1><p>{}</p>\n", escaped(why))),
    )
        .into_response()
}

/// Text that may stand in a page.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}
