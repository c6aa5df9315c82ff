//! `wxa/msg_sec_check`: is this text fit to be shown? The verdict follows words of the policy, or the person.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/sec-center/sec-check/msgSecCheck.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};

use crate::gateway::Asked;
use crate::wechat::errors::Refusal;
use crate::wechat::quota::{Counted, Window};
use crate::wechat::{OK, json, posted, token};
use crate::world::World;

/// What the check suggests to do with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Show it.
    Pass,
    /// Let somebody read it first.
    Review,
    /// Don't.
    Risky,
}

impl Verdict {
    /// 100 is harmless, 20006 is crime, 21000 is other.
    fn label(self) -> u32 {
        match self {
            Self::Pass => 100,
            Self::Review => 21_000,
            Self::Risky => 20_006,
        }
    }
}

const LONGEST: usize = 2500;
/// Who was not in the mini program for so long is not to be judged.
const ACTIVE: i64 = 2 * 3600;

/// Version 2 knows the person; version 1, without `version`, knows the text alone and refuses a bad one.
pub(crate) fn msg_sec_check(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let body = posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let content = asked.member("content").filter(|content| content.chars().count() <= LONGEST);
    let content = content.ok_or(Refusal::DataFormat)?;
    let is_second = body.get("version").is_some_and(|version| *version == value!(2) || *version == value!("2"));
    let about = if is_second { Some(subject(world, asked, &appid, body)?) } else { None };
    count(world, appid)?;
    let texts = [Some(content), asked.member("nickname"), asked.member("title")];
    let found = texts.into_iter().flatten().filter_map(|text| word(world, text)).max_by_key(|(verdict, _)| *verdict);
    let person = about.and_then(|person| world.people.meet(&person).verdict);
    let verdict = person.unwrap_or(found.as_ref().map_or(Verdict::Pass, |(verdict, _)| *verdict));
    if is_second {
        let keyword = found.map(|(_, word)| word).filter(|_| verdict > Verdict::Pass);
        return Ok(judged(world, verdict, keyword));
    }
    if verdict == Verdict::Risky { Err(Refusal::RiskyContent) } else { Ok(json(&OK)) }
}

/// The person's name, if they are the app's and were there lately.
fn subject(world: &World, asked: &Asked, appid: &str, body: &Value) -> Result<String, Refusal> {
    if !body.get("scene").and_then(Value::as_u64).is_some_and(|scene| (1..=4).contains(&scene)) {
        return Err(Refusal::InvalidScene);
    }
    let openid = asked.member("openid").ok_or(Refusal::InvalidOpenid)?;
    let who = world.people.by_openid(openid).ok_or(Refusal::InvalidOpenid)?;
    if who.appid != appid {
        return Err(Refusal::OpenidOfAnotherApp);
    }
    let active_at = world.wechat.active.get(openid).copied();
    if active_at.is_none_or(|active_at| world.now() >= active_at + ACTIVE) {
        return Err(Refusal::NotActive);
    }
    Ok(who.person.clone())
}

fn count(world: &mut World, appid: String) -> Result<(), Refusal> {
    let (quotas, now) = (world.policy.quotas, world.now());
    let minute = Counted { call: "msg_sec_check", subject: appid, window: Window::Minute };
    let day = Counted { window: Window::Day, ..minute.clone() };
    // This API has an errcode of its own for a full minute.
    let full = |_| Refusal::TooManyChecks;
    world.wechat.counters.count(minute, quotas.msg_sec_check_minute, now).map_err(full)?;
    world.wechat.counters.count(day, quotas.msg_sec_check_day, now)
}

/// The worst word of the policy's that the text holds.
fn word(world: &World, text: &str) -> Option<(Verdict, String)> {
    let text = text.to_lowercase();
    let holds = |word: &&String| !word.is_empty() && text.contains(&word.to_lowercase());
    let risky = world.policy.risky_words.iter().find(holds).map(|word| (Verdict::Risky, word.clone()));
    risky.or_else(|| world.policy.review_words.iter().find(holds).map(|word| (Verdict::Review, word.clone())))
}

fn judged(world: &mut World, verdict: Verdict, keyword: Option<String>) -> String {
    let label = verdict.label();
    let mut detail = vec![value!({
        "strategy": "content_model", "errcode": 0, "suggest": verdict, "label": label, "prob": 90,
    })];
    if let Some(keyword) = keyword {
        detail.push(value!({
            "strategy": "keyword", "errcode": 0, "suggest": verdict, "label": label, "level": 90, "keyword": keyword,
        }));
    }
    let trace_id = format!("{}-{}-{}", world.entropy.hex(8), world.entropy.hex(8), world.entropy.hex(8));
    let result = value!({ "suggest": verdict, "label": label });
    let answer = value!({ "errcode": 0, "errmsg": "ok", "detail": detail, "trace_id": trace_id, "result": result });
    answer.to_string()
}
