//! `cgi-bin/ticket/getticket`: what an official account's server signs the addresses of its pages with.
//!
//! <https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/JS-SDK.html>, appendix 1. The page does not say what a second
//! call gets: here the same ticket until it ends, as with a stable token.

use std::collections::HashMap;

use serde::Serialize;

use crate::apps::AppKind;
use crate::gateway::Asked;
use crate::platform::Platform;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, Status, json, token};
use crate::world::World;

const LIFE: i64 = 7200;
/// For pages, and for cards and coupons.
const TYPES: [&str; 2] = ["jsapi", "wx_card"];

/// The last ticket of an app and a type, and until when it is good.
pub(crate) type Tickets = HashMap<(String, &'static str), (String, i64)>;

#[derive(Serialize)]
struct Granted {
    #[serde(flatten)]
    status: Status<'static>,
    ticket: String,
    expires_in: i64,
}

pub(crate) fn getticket(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = token::authorized(world, asked)?;
    let kind = TYPES.into_iter().find(|kind| asked.query("type") == Some(kind)).ok_or(Refusal::InvalidArgs)?;
    let app = world.apps.of(Platform::WeChat, &appid).filter(|app| app.kind == AppKind::OfficialAccount);
    if app.is_none() {
        return Err(Refusal::ApiUnauthorized);
    }
    let (now, key) = (world.now(), (appid, kind));
    let good = world.wechat.tickets.get(&key).filter(|(_, until)| now < *until).cloned();
    let (ticket, until) = good.unwrap_or_else(|| (world.entropy.alphanumeric(86), now + LIFE));
    world.wechat.tickets.insert(key, (ticket.clone(), until));
    Ok(json(&Granted { status: OK, ticket, expires_in: until - now }))
}
