//! `wxa/getwxacodeunlimit`, `wxa/getwxacode`, `cgi-bin/wxaapp/createwxaqrcode`: pictures to be scanned.
//!
//! Success is a picture, failure is JSON. What WeChat draws as a flower is a plain QR code here, and what it holds is written in
//! `payload`, so that any reader of QR codes can test it, and `wx/launch` understands it.
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/qrcode-link/qr-code/getUnlimitedQRCode.html>

mod jpeg;
mod picture;

use qrcode::{EcLevel, QrCode};
use serde_json::Value;

use crate::gateway::Asked;
use crate::wechat::errors::Refusal;
use crate::wechat::quota::{Counted, Window};
use crate::wechat::{posted, token};
use crate::world::World;

pub(crate) use self::picture::{Dots, avatar};

/// Every payload begins so. The host is one that WeChat's own clients name as the mini programs' place.
pub(crate) const PAYLOAD: &str = "https://servicewechat.com/";
const MOST_SCENE: usize = 32;
const SCENE_SIGNS: &str = "!#$&'()*+,/:;=?@-._~";

/// A picture, ready to be sent.
pub(crate) struct Drawn {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// How many of the limited codes there are, where this is one.
    pub(crate) used: Option<u32>,
}

/// Unlimited in number, short in what it says.
pub(crate) fn getwxacodeunlimit(world: &mut World, asked: &Asked) -> Result<Drawn, Refusal> {
    let body = posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let scene = asked.member("scene").ok_or(Refusal::InvalidScene)?;
    if scene.chars().count() > MOST_SCENE || !scene.chars().all(is_scene) {
        return Err(Refusal::BadScene);
    }
    let page = asked.member("page").unwrap_or("pages/index/index");
    let is_checked = body.get("check_path").and_then(Value::as_bool).unwrap_or(true);
    let is_missing = is_checked && world.policy.missing_pages.iter().any(|missing| missing == page);
    if is_missing || page.starts_with('/') || page.contains('?') {
        return Err(Refusal::InvalidPage);
    }
    let look = Look::of(asked, body)?;
    let (now, limit) = (world.now(), world.policy.quotas.unlimited_code_minute);
    let counted = Counted { call: "getwxacodeunlimit", subject: appid.clone(), window: Window::Minute };
    // A full minute of this API has the errcode of a full day elsewhere.
    world.wechat.counters.count(counted, limit, now).map_err(|_| Refusal::DailyQuota)?;
    look.drawn(&payload(&appid, look.version, page, Some(scene)), None)
}

/// Says more, and is one of a hundred thousand.
pub(crate) fn getwxacode(world: &mut World, asked: &Asked) -> Result<Drawn, Refusal> {
    limited(world, asked, 1024)
}

/// The older form.
pub(crate) fn createwxaqrcode(world: &mut World, asked: &Asked) -> Result<Drawn, Refusal> {
    limited(world, asked, 128)
}

fn limited(world: &mut World, asked: &Asked, longest: usize) -> Result<Drawn, Refusal> {
    let body = posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let path = asked.member("path").filter(|path| path.len() <= longest).ok_or(Refusal::BadPath)?;
    if path.contains("scancode_time") {
        return Err(Refusal::ReservedWord);
    }
    let look = Look::of(asked, body)?;
    let used = world.wechat.limited_codes.entry(appid.clone()).or_default();
    if world.policy.quotas.limited_codes.is_some_and(|limit| *used >= limit) {
        return Err(Refusal::TooManyCodes);
    }
    *used += 1;
    look.drawn(&payload(&appid, look.version, path.trim_start_matches('/'), None), Some(*used))
}

/// What a reader of QR codes reads: app, version, page and query.
fn payload(appid: &str, version: &str, page: &str, scene: Option<&str>) -> String {
    let scene = scene.map(|scene| format!("?scene={}", percent_encoded(scene))).unwrap_or_default();
    format!("{PAYLOAD}{appid}/{version}/{page}{scene}")
}

fn is_scene(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || SCENE_SIGNS.contains(sign)
}

/// As `encodeURIComponent` does.
pub(crate) fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// How the caller wants it to look.
struct Look<'a> {
    version: &'a str,
    width: u32,
    colour: [u8; 3],
    is_hyaline: bool,
}

impl<'a> Look<'a> {
    fn of(asked: &'a Asked, body: &Value) -> Result<Self, Refusal> {
        let version = asked.member("env_version").unwrap_or("release");
        let width = match body.get("width") {
            None => Some(430),
            Some(width) => number(width).and_then(|width| u32::try_from(width).ok()),
        };
        let width = width.filter(|width| (280..=1280).contains(width)).ok_or(Refusal::InvalidArgs)?;
        if !["release", "trial", "develop"].contains(&version) {
            return Err(Refusal::InvalidArgs);
        }
        let part = |name| body.get("line_color").and_then(|colour| colour.get(name)).map_or(Some(0), number);
        let part = |name| part(name).and_then(|part| u8::try_from(part).ok()).ok_or(Refusal::InvalidArgs);
        let colour = [part("r")?, part("g")?, part("b")?];
        let is_hyaline = body.get("is_hyaline").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { version, width, colour, is_hyaline })
    }

    /// A PNG where the background is to be seen through, else a JPEG, which is always black here.
    fn drawn(&self, payload: &str, used: Option<u32>) -> Result<Drawn, Refusal> {
        let code = QrCode::with_error_correction_level(payload, EcLevel::L).map_err(|_| Refusal::BadPath)?;
        let dots = Dots::of(&code, self.width);
        let (content_type, bytes) =
            if self.is_hyaline { ("image/png", dots.png(self.colour)) } else { ("image/jpeg", jpeg::of(&dots)) };
        Ok(Drawn { content_type, bytes, used })
    }
}

/// Colours come as numbers and as texts.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
