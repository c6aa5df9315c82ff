//! The events by which WeChat tells that somebody's data is no longer to be kept; all others mean nothing here.
//!
//! The person is `OpenID`: `FromUserName` is the platform's own name.
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/security.html>

use super::members::Members;
use crate::{AppId, Forgotten, NotTaken, OpenId, Pushed, Told};

/// Of an event's name in logs.
const LONGEST_NAME: usize = 64;
/// What was withdrawn is told by a few numbers.
const MOST_ITEMS: usize = 32;

const PROFILE: Forgotten = Forgotten { nickname: true, avatar: true, phone: false };

pub(super) fn read(members: &Members, appid: &AppId, nonce: String) -> Result<Pushed, NotTaken> {
    if members.get("AppID").is_some_and(|of| of != appid.as_str()) {
        return Err(NotTaken::OtherApp);
    }
    let is_event = members.get("MsgType") == Some("event");
    let name = members.get(if is_event { "Event" } else { "MsgType" }).unwrap_or_default();
    let (mut told, mut detail) = (Told::Nothing, String::new());
    match name {
        "user_info_modified" if is_event => told = Told::Forget(person(members)?, PROFILE),
        "user_authorization_revoke" if is_event => {
            let items = items(members.get("RevokeInfo").unwrap_or_default());
            let forgotten = withdrawn(&items);
            if forgotten != Forgotten::default() {
                told = Told::Forget(person(members)?, forgotten);
            }
            detail = items.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        }
        "user_authorization_cancellation" if is_event => told = Told::Closed(person(members)?),
        _ => {}
    }
    let created = members.get("CreateTime").and_then(|text| text.parse().ok());
    let created = match (created, &told) {
        (Some(created), _) => created,
        (None, Told::Nothing) => 0,
        (None, Told::Forget(..) | Told::Closed(_)) => return Err(NotTaken::Unreadable("it has no good CreateTime")),
    };
    let shown = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    let event = name.chars().filter(shown).take(LONGEST_NAME).collect();
    Ok(Pushed { nonce, created, event, detail, told })
}

fn person(members: &Members) -> Result<OpenId, NotTaken> {
    let openid = members.get("OpenID").unwrap_or_default();
    OpenId::parse(openid).map_err(|_| NotTaken::Unreadable("it has no good OpenID"))
}

/// The numbers, whatever stands between them: WeChat does not say whether there can be several.
fn items(text: &str) -> Vec<u32> {
    let numbers = text.split(|character: char| !character.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok()).take(MOST_ITEMS).collect()
}

/// What menjin keeps of that. A number that the documentation does not know may mean more than we think: what people need
/// not give is forgotten then.
fn withdrawn(items: &[u32]) -> Forgotten {
    let mut all = if items.is_empty() { PROFILE } else { Forgotten::default() };
    for item in items {
        match item {
            // Plate, address, invoice, bluetooth, microphone, camera; steps, places, pictures, files, e-mail.
            1..=5 | 7 | 12..=16 | 18 => {}
            8 => all.phone = true,
            19 => all.nickname = true,
            20 => all.avatar = true,
            _ => (all.nickname, all.avatar) = (true, true),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(json: &str) -> Result<Pushed, NotTaken> {
        let appid = AppId::parse("wx0123456789abcdef").unwrap();
        read(&Members::read(json.as_bytes())?, &appid, "nonce".to_owned())
    }

    fn revoked(info: &str) -> (Told, String) {
        let json = format!(
            r#"{{"MsgType":"event","Event":"user_authorization_revoke","FromUserName":"oPlatform","OpenID":" oAlice ","AppID":" wx0123456789abcdef","CreateTime":1626857200,"RevokeInfo":"{info}"}}"#
        );
        let pushed = pushed(&json).unwrap();
        assert_eq!((pushed.created, pushed.event.as_str()), (1_626_857_200, "user_authorization_revoke"));
        (pushed.told, pushed.detail)
    }

    #[test]
    fn what_was_withdrawn_is_told_by_number_alone_or_several() {
        let alice = OpenId::parse("oAlice").unwrap();
        let told = |nickname, avatar, phone| Told::Forget(alice.clone(), Forgotten { nickname, avatar, phone });
        for (info, expected, detail) in [
            ("8", told(false, false, true), "8"),
            ("6", told(true, true, false), "6"),
            ("19", told(true, false, false), "19"),
            ("20", told(false, true, false), "20"),
            (" 6 , 8 ", told(true, true, true), "6,8"),
            ("19;8", told(true, false, true), "19,8"),
            ("[8]", told(false, false, true), "8"),
            ("1,2,3,4,5,7,12,13,14,15,16,18", Told::Nothing, "1,2,3,4,5,7,12,13,14,15,16,18"),
            ("21", told(true, true, false), "21"),
            ("", told(true, true, false), ""),
            ("phone", told(true, true, false), ""),
            ("99999999999999999999", told(true, true, false), ""),
        ] {
            assert_eq!(revoked(info), (expected, detail.to_owned()), "{info}");
        }
    }

    #[test]
    fn the_person_is_openid_and_never_from_user_name() {
        let of = |event: &str, more: &str| {
            pushed(&format!(
                r#"{{"MsgType":"event","Event":"{event}","FromUserName":"oPlatform","CreateTime":"7"{more}}}"#
            ))
        };
        let alice = OpenId::parse("oAlice").unwrap();
        let modified = of("user_info_modified", r#","OpenID":"oAlice""#).unwrap();
        assert_eq!((modified.told, modified.created), (Told::Forget(alice.clone(), PROFILE), 7));
        assert_eq!(of("user_authorization_cancellation", r#","OpenID":"oAlice""#).unwrap().told, Told::Closed(alice));
        for event in ["user_info_modified", "user_authorization_revoke", "user_authorization_cancellation"] {
            assert!(of(event, r#","RevokeInfo":"8""#).is_err(), "{event} about nobody");
        }
        let timeless = r#"{"MsgType":"event","Event":"user_info_modified","OpenID":"oAlice"}"#;
        assert!(pushed(timeless).is_err());
        let elsewhere = of("user_info_modified", r#","OpenID":"oAlice","AppID":"wxfedcba9876543210""#);
        assert_eq!(elsewhere, Err(NotTaken::OtherApp));
    }

    #[test]
    fn all_else_means_nothing_and_shows_a_short_name() {
        for (json, event) in [
            (r#"{"MsgType":"text","Content":"hello","OpenID":"oAlice"}"#, "text"),
            (r#"{"MsgType":"text","Event":"user_authorization_cancellation","OpenID":"oAlice"}"#, "text"),
            (r#"{"MsgType":"event","Event":"wxa_media_check"}"#, "wxa_media_check"),
            (r#"{"MsgType":"event","Event":"a\nb<c>"}"#, "abc"),
            ("{}", ""),
        ] {
            let pushed = pushed(json).unwrap();
            assert_eq!((pushed.told, pushed.event.as_str()), (Told::Nothing, event), "{json}");
        }
    }
}
