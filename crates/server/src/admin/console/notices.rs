//! What a page says after a form did something: it was led here with a word, which stands for a sentence.

use crate::problem::Language;

/// Words, with what they say in Chinese and in English.
const NOTICES: [(&str, &str, &str); 29] = [
    ("kicked", "所有登录已结束。", "All sign-ins have ended."),
    ("session_ended", "该登录已结束。", "The sign-in has ended."),
    ("banned", "已封禁，所有登录已结束。", "Banned; all sign-ins have ended."),
    ("unbanned", "已解封，可以重新登录。", "The ban is lifted; they may sign in again."),
    ("unlinked", "该登录方式已移除。", "The identity is gone."),
    ("granted", "角色已授予，立即生效。", "The role is given, and holds at once."),
    ("revoked", "角色已收回，立即生效。", "The role is taken, at once."),
    ("merged", "两个用户已合并。", "The two users are one."),
    ("unmerged", "合并已撤销，所有登录已结束。", "The merge is undone; all sign-ins have ended."),
    ("leaving", "已安排注销：冷静期过后清除。", "They will be erased after the cooling-off."),
    ("erased", "已清除该用户的全部数据。", "Everything that was kept of them is erased."),
    ("undeleted", "注销已取消。", "They stay."),
    (
        "secret_revoked",
        "密钥已吊销，由它换取的令牌立即失效。",
        "The secret is revoked, with the tokens that it was traded for.",
    ),
    ("passwords_changed", "密码登录的设置已更改。", "Sign-in by password is as you set it."),
    ("disabled", "应用已停用。", "The app is disabled."),
    ("enabled", "应用已启用。", "The app is enabled."),
    ("removed", "应用已删除，其 id 不再使用。", "The app is removed; its id is never used again."),
    (
        "key_rotated",
        "新密钥已发布，等各处取到后开始签名。",
        "A new key is published; it signs once verifiers have had time to see it.",
    ),
    (
        "key_revoked",
        "密钥已吊销，由它签名的令牌全部失效。",
        "The key is revoked: every token that it signed is refused.",
    ),
    ("role_saved", "角色已保存，立即生效。", "The role is saved, and holds at once."),
    ("role_removed", "角色已删除，持有者立即失去它。", "The role is removed: nobody has it any more."),
    ("operator_changed", "运维人员的权限已更改。", "The operator's role is changed."),
    ("operator_removed", "运维人员已移除，其登录已结束。", "The operator is removed; their sign-ins have ended."),
    (
        "operator_and_tokens_changed",
        "运维人员的权限已更改；其创建的、权限更高的令牌已失效。",
        "The operator's role is changed; the tokens that they made and that may do more have ended.",
    ),
    (
        "operator_and_tokens_removed",
        "运维人员已移除，其登录和其创建的令牌已失效。",
        "The operator is removed; their sign-ins and the tokens that they made have ended.",
    ),
    (
        "operator_unlinked",
        "微信绑定已解除，其登录已结束；密码仍可登录。",
        "No scan signs the operator in any more, and their sign-ins have ended; the password does.",
    ),
    ("token_revoked", "令牌已吊销。", "The token is revoked."),
    ("tokens_revoked", "令牌及由它创建的令牌已吊销。", "The token is revoked, with the tokens that it made."),
    ("nothing", "没有需要更改的内容。", "There was nothing to change."),
];

/// The sentence of a word; words that are none say nothing.
pub(super) fn words(word: &str, language: Language) -> Option<&'static str> {
    let (_, chinese, english) = NOTICES.iter().find(|(name, ..)| *name == word)?;
    Some(match language {
        Language::Chinese => chinese,
        Language::English => english,
    })
}
