//! The words of an exported page, in Chinese and English.

use crate::problem::{Language, catalogue};

/// What something is called in both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said(pub(super) &'static str, pub(super) &'static str);

impl Said {
    pub(super) fn to(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => self.0,
            Language::English => self.1,
        }
    }
}

const PLATFORMS: [(&str, Said); 7] = [
    ("wechat", Said("微信", "WeChat")),
    ("qq", Said("QQ", "QQ")),
    ("douyin", Said("抖音", "Douyin")),
    ("alipay", Said("支付宝", "Alipay")),
    ("pwd", Said("密码", "password")),
    ("app", Said("应用的服务器已确认身份", "an app's server, which knew you")),
    ("legacy", Said("原系统的登录状态", "a sign-in of the former system")),
];

const ACTORS: [(&str, Said); 5] = [
    ("user", Said("本人", "yourself")),
    ("operator", Said("工作人员", "staff")),
    ("app", Said("应用的服务器", "an app's server")),
    ("platform", Said("平台", "the platform")),
    ("system", Said("系统", "the system")),
];

const DEVICES: [(&str, Said); 4] = [
    ("phone", Said("手机", "phone")),
    ("tablet", Said("平板", "tablet")),
    ("pc", Said("电脑", "computer")),
    ("other", Said("其他", "other")),
];

const ACTIONS: [(&str, Said); 40] = [
    ("session.opened", Said("登录", "signed in")),
    ("session.logout", Said("退出登录", "signed out")),
    ("session.ended", Said("会话结束", "a sign-in ended")),
    ("session.replaced", Said("被新的登录取代", "replaced by a newer sign-in")),
    ("session.kicked", Said("被下线", "signed out remotely")),
    ("session.revoked", Said("登录凭证被吊销", "a token was revoked")),
    ("session_expired", Said("长期未使用，登录已过期", "a sign-in expired, unused for long")),
    ("restored", Said("系统恢复备份，需重新登录", "a backup was restored, and the sign-in is over")),
    ("refresh_recovered", Said("刷新应答丢失后恢复", "recovered after a lost answer")),
    ("refresh_reused", Said("刷新令牌被重复使用", "a refresh token was used twice")),
    ("phone.bound", Said("绑定手机号", "phone number bound")),
    ("phone.moved", Said("手机号改绑到其他账号", "phone number went to another account")),
    ("phone.changed", Said("更换手机号", "phone number changed")),
    ("phone.forgotten", Said("手机号已删除", "phone number deleted")),
    ("profile.forgotten", Said("昵称头像已删除", "nickname and picture deleted")),
    ("identity.linked", Said("关联平台账号", "platform account linked")),
    ("identity.unlinked", Said("解除关联平台账号", "platform account unlinked")),
    ("identity.detached", Said("平台账号已注销", "platform account closed")),
    ("password.set", Said("设置密码", "password set")),
    ("password.changed", Said("修改密码", "password changed")),
    ("password.reset", Said("重置密码", "password reset")),
    ("login.refused", Said("登录被拒绝", "sign-in refused")),
    ("user.disabled", Said("账号停用", "account disabled")),
    ("user.enabled", Said("账号恢复", "account enabled")),
    ("user.merged", Said("账号合并", "accounts merged")),
    ("user.became_alias", Said("并入其他账号", "merged into another account")),
    ("user.unmerged", Said("撤销账号合并", "merge undone")),
    ("user.was_alias", Said("从合并的账号中恢复", "separated from a merged account")),
    ("user.exported", Said("导出个人信息", "data exported")),
    ("user.imported", Said("从原系统导入", "imported from a former system")),
    ("user.deletion_requested", Said("申请注销", "deletion requested")),
    ("user.deletion_cancelled", Said("取消注销", "deletion cancelled")),
    ("user.erased", Said("账号已删除", "account deleted")),
    ("operator.linked", Said("关联工作人员账号", "linked to an account of the staff")),
    ("consent.given", Said("同意", "agreed")),
    ("consent.withdrawn", Said("撤回同意", "consent withdrawn")),
    ("role.granted", Said("授予角色", "role granted")),
    ("role.revoked", Said("收回角色", "role revoked")),
    ("role.changed", Said("角色变更", "role changed")),
    ("role.removed", Said("角色删除", "role removed")),
];

fn named(all: &[(&str, Said)], word: &str, language: Language) -> String {
    let found = all.iter().find(|(name, _)| *name == word);
    found.map_or_else(|| word.to_owned(), |(_, said)| said.to(language).to_owned())
}

/// A platform, or another way to prove who one is.
pub(super) fn platform(word: &str, language: Language) -> String {
    named(&PLATFORMS, word, language)
}

/// Who did something.
pub(super) fn actor(word: &str, language: Language) -> String {
    named(&ACTORS, word, language)
}

/// A class of device.
pub(super) fn device(word: &str, language: Language) -> String {
    named(&DEVICES, word, language)
}

/// What was done; a word of a later version stays as it is.
pub(super) fn action(word: &str, language: Language) -> String {
    named(&ACTIONS, word, language)
}

/// Why a sign-in ended.
pub(super) fn end(code: &str, language: Language) -> String {
    catalogue().get(code).map_or_else(|| code.to_owned(), |words| words.title_in(language).to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::config::PlatformName;
    use crate::store::EndReason;

    #[test]
    fn what_has_no_words_is_shown_as_it_is_named() {
        assert_eq!(action("session.opened", Language::Chinese), "登录");
        assert_eq!(action("moon.landed", Language::English), "moon.landed");
        assert_eq!(end("session_kicked", Language::English), catalogue()["session_kicked"].title);
    }

    /// The files of a folder of the server that are no tests.
    fn texts(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_str().unwrap();
            if entry.is_dir() && name != "conformance" {
                texts(&entry, found);
            } else if entry.extension().is_some_and(|it| it == "rs") && name != "words.rs" {
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push(text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned());
            }
        }
    }

    /// The lines of these rooms.
    fn lines(rooms: &[&str]) -> Vec<String> {
        let (root, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), Vec::new());
        for room in rooms {
            texts(&root.join(room), &mut found);
        }
        found.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
    }

    /// What stands in quotes.
    fn quoted(line: &str) -> impl Iterator<Item = String> {
        line.split('"').skip(1).step_by(2).map(str::to_owned)
    }

    #[test]
    fn everything_that_the_audit_says_of_people_has_words() {
        const OF_PEOPLE: [&str; 8] =
            ["session.", "user.", "phone.", "profile.", "identity.", "password.", "consent.", "role."];
        let is_action = |word: &String| {
            OF_PEOPLE.iter().any(|kind| word.starts_with(kind))
                && word.chars().all(|it| it.is_ascii_lowercase() || "._".contains(it))
        };
        let lines = lines(&["store", "session", "people", "roles"]);
        let mut written: BTreeSet<String> = lines.iter().flat_map(|line| quoted(line)).filter(is_action).collect();
        assert!(written.len() > 25 && written.contains("consent.withdrawn"), "{written:?}");
        let by_itself = [EndReason::Expired, EndReason::RefreshReused, EndReason::Restored].map(EndReason::code);
        let others = ["refresh_recovered", "login.refused", "operator.linked"];
        written.extend(by_itself.into_iter().chain(others).map(str::to_owned));
        let without: Vec<_> = written.iter().filter(|word| action(word, Language::English) == **word).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn every_way_to_sign_in_has_words() {
        let lines = lines(&["login", "session"]);
        let by = lines.iter().filter(|line| line.contains("const BY_") && line.contains(": &str = "));
        let mut ways: BTreeSet<String> = by.flat_map(|line| quoted(line)).collect();
        assert!(ways.contains("pwd") && ways.contains("app") && ways.contains("legacy"), "{ways:?}");
        ways.extend(PlatformName::NAMES.map(str::to_owned));
        let without: Vec<_> = ways.iter().filter(|way| PLATFORMS.iter().all(|(name, _)| name != way)).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
