//! Nickname and avatar: what a person may call themselves, and what of a platform's profile is worth keeping (design §4.6).

use menjin_platform as platform;
use serde::Deserialize;

use crate::apps::App;
use crate::config::Profile;
use crate::problem::{Fault, Problem};
use crate::store::ProfileChange;

/// Longest nickname, in characters.
const NICKNAME: usize = 64;
/// Longest avatar address, in bytes.
const AVATAR_URL: usize = 1024;

/// What a person typed or chose.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct ProfileInput {
    /// At most 64 characters.
    #[serde(alias = "nickName")]
    nickname: Option<String>,
    /// An http(s) address of at most 1024 bytes.
    #[serde(alias = "avatarUrl")]
    avatar_url: Option<String>,
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
    ProfileChange { nickname, avatar_url: avatar.and_then(|text| avatar_url(text).ok()) }
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
    }
}

fn nickname(text: &str) -> Result<String, Fault> {
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

/// Controls, and marks that turn the text around them.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn avatar_url(text: String) -> Result<String, Fault> {
    if text.chars().count() > AVATAR_URL {
        return Err(Fault::TooLong(AVATAR_URL));
    }
    let parsed = url::Url::parse(&text).map_err(|_| Fault::NotAnAddress)?;
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
    }

    #[test]
    fn an_avatar_is_an_http_address() {
        assert!(avatar_url("https://thirdwx.qlogo.cn/a/132".into()).is_ok());
        for odd in ["javascript:alert(1)", "wxfile://tmp_1", "data:image/png;base64,AA", "nothing", "https://"] {
            assert_eq!(avatar_url(odd.into()), Err(Fault::NotAnAddress), "{odd}");
        }
    }

    #[test]
    fn the_anonymous_stand_in_is_never_kept() {
        let grey = "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";
        assert_eq!(real(Some("微信用户".into()), Some(grey.into())), ProfileChange::default());
        let kept = real(Some("小明".into()), Some(grey.into()));
        assert_eq!(kept, ProfileChange { nickname: Some("小明".into()), avatar_url: None });
    }
}
