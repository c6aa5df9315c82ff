//! What roles and permissions may be called: words that every header, address and log can hold.

use crate::problem::{Problem, RoleFault};

const LONGEST_ROLE: usize = 64;
const LONGEST_PERMISSION: usize = 128;
const LONGEST_DESCRIPTION: usize = 200;

/// Goes on with a name for a role.
pub(super) fn role(name: &str) -> Result<(), Problem> {
    let is_good = name.len() <= LONGEST_ROLE && name.split(':').all(is_word);
    if is_good { Ok(()) } else { Err(Problem::Role(RoleFault::NameInvalid)) }
}

/// Goes on with a permission, in which `*` stands for a part, and at the end for all that follow.
pub(super) fn permission(text: &str) -> Result<(), Problem> {
    let is_good = text.len() <= LONGEST_PERMISSION && text.split(':').all(|part| part == "*" || is_word(part));
    if is_good { Ok(()) } else { Err(Problem::Role(RoleFault::PermissionInvalid)) }
}

/// What operators write about a role, shown to nobody else: one line.
pub(super) fn description(text: &str) -> Result<Option<String>, Problem> {
    use crate::problem::Fault;
    let text = text.trim();
    if text.chars().count() > LONGEST_DESCRIPTION {
        return Err(Problem::field("description", Fault::TooLong(LONGEST_DESCRIPTION)));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::field("description", Fault::Unprintable));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

fn is_word(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    !word.is_empty() && word.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_with_colons_between_are_names() {
        for good in ["clerk", "shop-clerk", "a.b_c-9", "orders:read", "0", &"x".repeat(64)] {
            assert!(role(good).is_ok() && permission(good).is_ok(), "{good}");
        }
        for wild in ["*", "orders:*", "*:read", "orders:*:own"] {
            assert!(role(wild).is_err() && permission(wild).is_ok(), "{wild}");
        }
        for odd in
            ["", ":", "a:", ":a", "a::b", "A", "a b", "a,b", "a\n", "订单", "a*", "*a", "orders:re*d", "a/b", "\u{0}"]
        {
            assert!(role(odd).is_err() && permission(odd).is_err(), "{odd}");
        }
        assert!(role(&"x".repeat(65)).is_err() && permission(&"x".repeat(129)).is_err());
    }
}
