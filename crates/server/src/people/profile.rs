//! Nickname and avatar: what a person may call themselves, and what of a platform's profile is worth keeping (design §4.6).

use menjin_platform as platform;
use serde::Deserialize;

use crate::apps::App;
use crate::config::Profile;
use crate::problem::{Fault, Problem};
use crate::store::ProfileChange;

/// Longest nickname, in characters.
const NICKNAME: usize = 64;
/// Longest avatar address, in characters.
const AVATAR_URL: usize = 1024;

/// What a person typed or chose.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct ProfileInput {
    /// At most 64 characters, one of them visible.
    #[serde(alias = "nickName")]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]*[^\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0][^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]*$",
        example = "小明"
    )]
    nickname: Option<String>,
    /// An http(s) address of at most 1024 characters, of a host that others can reach: not what `chooseAvatar` gives.
    #[serde(alias = "avatarUrl")]
    #[schema(
        max_length = 1024,
        format = "uri",
        pattern = r"^https?://([^/?#@\s]*\.[^/?#@\s]|localhost|\[)",
        example = "https://example.com/xiaoming.png"
    )]
    avatar_url: Option<String>,
}

impl ProfileInput {
    /// Whether anything was typed or chosen.
    pub(super) fn is_something(&self) -> bool {
        self.nickname.is_some() || self.avatar_url.is_some()
    }
}

/// What of a person's own choice is stored; `prefix` names the member it stands in.
pub(crate) fn chosen(app: &App, input: ProfileInput, prefix: &str) -> Result<ProfileChange, Problem> {
    let field = |name: &str| format!("{prefix}{name}");
    let nickname = input
        .nickname
        .map(|text| nickname(&text).map_err(|fault| Problem::field(field("nickname"), fault)))
        .transpose()?;
    let avatar_url = input
        .avatar_url
        .map(|text| avatar_url(text).map_err(|fault| Problem::field(field("avatar_url"), fault)))
        .transpose()?;
    match app.profile {
        Profile::None => Ok(ProfileChange::default()),
        Profile::Keep => Ok(real(nickname, avatar_url)),
    }
}

/// What of a platform's profile is stored: never the anonymous stand-in.
pub(crate) fn from_platform(app: &App, profile: &platform::Profile) -> ProfileChange {
    if app.profile == Profile::None || profile.is_anonymous() {
        return ProfileChange::default();
    }
    let nickname = nickname(&profile.nickname).ok();
    let avatar = Some(profile.avatar_url.clone()).filter(|_| !profile.has_grey_avatar());
    ProfileChange { nickname, avatar_url: avatar.and_then(|text| avatar_url(text).ok()), is_chosen: false }
}

/// The stand-in that `WeChat` gives for everybody is no choice.
fn real(nickname: Option<String>, avatar_url: Option<String>) -> ProfileChange {
    let as_profile = platform::Profile {
        nickname: nickname.clone().unwrap_or_default(),
        avatar_url: avatar_url.clone().unwrap_or_default(),
        ..platform::Profile::default()
    };
    let named = as_profile.is_anonymous();
    ProfileChange {
        nickname: nickname.filter(|_| !named),
        avatar_url: avatar_url.filter(|_| !as_profile.has_grey_avatar()),
        is_chosen: true,
    }
}

/// A nickname as it is stored.
pub(crate) fn nickname(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.chars().count() > NICKNAME {
        return Err(Fault::TooLong(NICKNAME));
    }
    if text.chars().any(is_unprintable) {
        return Err(Fault::Unprintable);
    }
    Ok(text.to_owned())
}

/// Controls, marks that turn the text around them, and what looks like nothing; joiners stay, as emoji need them.
pub(crate) fn is_unprintable(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let blank = matches!(
        c,
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{2060}'
            ..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
    );
    c.is_control() || turns || blank
}

/// What `chooseAvatar` gives: `http://tmp/…` in the developer tools, `wxfile://…` on a phone.
fn is_on_the_phone(address: &url::Url) -> bool {
    let is_web = matches!(address.scheme(), "http" | "https");
    let has_no_dot = |name: &str| !name.contains('.') && name != "localhost";
    address.scheme() == "wxfile" || is_web && address.domain().is_some_and(has_no_dot)
}

/// The address of a picture as it is stored.
pub(crate) fn avatar_url(text: String) -> Result<String, Fault> {
    if text.chars().count() > AVATAR_URL {
        return Err(Fault::TooLong(AVATAR_URL));
    }
    let parsed = url::Url::parse(&text).map_err(|_| Fault::NotAnAddress)?;
    if is_on_the_phone(&parsed) {
        return Err(Fault::NotUploaded);
    }
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() || text.chars().any(is_unprintable) {
        return Err(Fault::NotAnAddress);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_is_short_printable_text() {
        assert_eq!(nickname("  小明 🐼 ").unwrap(), "小明 🐼");
        assert_eq!(nickname(" \t"), Err(Fault::Empty));
        assert_eq!(nickname(&"名".repeat(65)), Err(Fault::TooLong(64)));
        assert_eq!(nickname("a\u{202e}b"), Err(Fault::Unprintable));
        assert_eq!(nickname("a\nb"), Err(Fault::Unprintable));
        for nothing in ['\u{200b}', '\u{2060}', '\u{ad}', '\u{3164}', '\u{61c}'] {
            assert_eq!(nickname(&nothing.to_string()), Err(Fault::Unprintable), "{nothing:?}");
        }
        assert_eq!(nickname("👨\u{200d}👩\u{200d}👧").unwrap(), "👨\u{200d}👩\u{200d}👧");
    }

    #[test]
    fn an_avatar_is_an_http_address() {
        assert!(avatar_url("https://thirdwx.qlogo.cn/a/132".into()).is_ok());
        for odd in ["javascript:alert(1)", "data:image/png;base64,AA", "nothing", "https://"] {
            assert_eq!(avatar_url(odd.into()), Err(Fault::NotAnAddress), "{odd}");
        }
    }

    #[test]
    fn a_picture_that_was_chosen_must_be_uploaded_first() {
        for chosen in ["wxfile://tmp_1.png", "http://tmp/abc.jpeg", "http://usr/a.png", "https://cdn/a.png"] {
            assert_eq!(avatar_url(chosen.into()), Err(Fault::NotUploaded), "{chosen}");
        }
        for uploaded in ["http://localhost:8080/a.png", "http://10.0.0.5/a.png", "http://[::1]/a.png"] {
            assert!(avatar_url(uploaded.into()).is_ok(), "{uploaded}");
        }
    }

    #[test]
    fn the_anonymous_stand_in_is_never_kept() {
        let grey = "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";
        assert!(real(Some("微信用户".into()), Some(grey.into())).is_empty());
        let kept = real(Some("小明".into()), Some(grey.into()));
        assert_eq!(kept, ProfileChange { nickname: Some("小明".into()), avatar_url: None, is_chosen: true });
    }
}
