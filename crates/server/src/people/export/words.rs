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

const PLATFORMS: [(&str, Said); 6] = [
    ("wechat", Said("微信", "WeChat")),
    ("qq", Said("QQ", "QQ")),
    ("douyin", Said("抖音", "Douyin")),
    ("alipay", Said("支付宝", "Alipay")),
    ("pwd", Said("密码", "password")),
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

const ACTIONS: [(&str, Said); 36] = [
    ("session.opened", Said("登录", "signed in")),
    ("session.logout", Said("退出登录", "signed out")),
    ("session.ended", Said("会话结束", "a sign-in ended")),
    ("session.replaced", Said("被新的登录取代", "replaced by a newer sign-in")),
    ("session.kicked", Said("被下线", "signed out remotely")),
    ("session.revoked", Said("登录凭证被吊销", "a token was revoked")),
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
    use super::*;

    #[test]
    fn what_has_no_words_is_shown_as_it_is_named() {
        assert_eq!(action("session.opened", Language::Chinese), "登录");
        assert_eq!(action("moon.landed", Language::English), "moon.landed");
        assert_eq!(end("session_kicked", Language::English), catalogue()["session_kicked"].title);
    }
}
