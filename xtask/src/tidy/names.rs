//! Names that say nothing: they collect whatever nobody has thought about.

use super::Finding;
use super::source::Source;

const FORBIDDEN: [&str; 9] = ["utils", "util", "common", "core", "helpers", "helper", "manager", "service", "impl"];
const SOURCE_FILES: [&str; 6] = ["rs", "ts", "js", "mjs", "cjs", "py"];

/// Looks at the folders and the stem of a source file.
pub(super) fn check(path: &str) -> Vec<Finding> {
    let Some((stems, extension)) = path.rsplit_once('.') else {
        return Vec::new();
    };
    let bad = |name: &&str| FORBIDDEN.contains(&name.to_ascii_lowercase().as_str());
    if !SOURCE_FILES.contains(&extension) {
        return Vec::new();
    }
    let names = stems.split('/').filter(bad);
    names.map(|name| Finding { path: path.to_owned(), line: 1, what: complaint(name) }).collect()
}

/// Looks at the modules that a file declares, inline ones too.
pub(super) fn check_modules(source: &Source) -> Vec<Finding> {
    let declared = source.lines().filter_map(|line| Some((line.number, module(line.code)?)));
    let bad = declared.filter(|(_, name)| FORBIDDEN.contains(name));
    bad.map(|(number, name)| source.finding(number, complaint(name))).collect()
}

fn module(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace().skip_while(|word| word.starts_with("pub"));
    words.next().filter(|word| *word == "mod")?;
    words.next().map(|name| name.trim_end_matches([';', '{']).trim_start_matches("r#"))
}

fn complaint(name: &str) -> String {
    format!("`{name}` says nothing; name the concern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_that_say_nothing_are_found() {
        for path in
            ["crates/a/src/utils.rs", "crates/a/src/common/mod.rs", "clients/web/src/helpers/x.ts", "a/Manager.py"]
        {
            assert_eq!(check(path).len(), 1, "{path}");
        }
        for path in
            ["crates/a/src/community.rs", "docs/core.md", "deploy/menjin.service", "crates/a/src/session/mod.rs"]
        {
            assert!(check(path).is_empty(), "{path}");
        }
    }

    #[test]
    fn modules_that_say_nothing_are_found() {
        let found =
            check_modules(&Source::new("a.rs", "mod a;\npub(crate) mod util;\nmod core {\n}\n// mod common;\n"));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2, 3]);
    }
}
