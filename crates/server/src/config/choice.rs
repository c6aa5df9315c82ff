//! Words of a fixed list: a wrong one is answered with the list, which the reader of configuration does not do by itself.

use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer};

/// One word.
pub(super) fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// One word, where none may stand.
pub(super) fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    one(deserializer).map(Some)
}

/// Several.
pub(super) fn several<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    words.into_iter().map(|word| T::deserialize(word.into_deserializer())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn a_wrong_word_is_answered_with_its_key_and_the_list() {
        let cases = [
            ("[store]\nmigrate = \"maybe\"", "store.migrate", "`auto` or `check`"),
            ("[log]\nformat = \"xml\"", "log.format", "`json`"),
            ("[[app]]\nid = \"a\"\nkind = \"site\"", "`app.a.kind`", "`mini_program`"),
            ("[[app]]\nid = \"a\"\nkind = \"backend\"\nplatform = \"msn\"", "`app.a.platform`", "`wechat`"),
            ("[[app]]\nid = \"a\"\nkind = \"backend\"\nneed = [\"fax\"]", "`app.a.need`", "`phone` or `profile`"),
            ("[[app]]\nid = \"a\"\nkind = \"backend\"\nwhen_full = \"x\"", "`app.a.when_full`", "`newest_refused`"),
            ("[[compat]]\nkind = \"soap\"\napp = \"a\"", "`compat[0].kind`", "`hapi`"),
            ("[lifetimes]\naudit = \"long\"", "lifetimes.audit", "\"90d\""),
        ];
        for (text, key, list) in cases {
            let error = Config::parse(text, Path::new("")).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(list), "{error}");
        }
    }
}
