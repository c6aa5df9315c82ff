//! The server's rooms stand in rows; a room may name rooms of lower rows only. Adding a room means giving it a row here.
//!
//! Row 0 also has the plain files of the server's root, which every room may name; its rooms may name those that stand
//! before them. The files that hold the whole house together (`lib.rs`, `state.rs`, `start.rs` …) may name all.

use super::Finding;
use super::blank::is_word;
use super::source::Source;

const ROOMS: &str = "crates/server/src/";
const MAY_NAME_ALL: [&str; 7] = ["lib", "state", "start", "serve", "operate", "examine", "upkeep"];
const ROWS: [&[&str]; 6] = [
    &["config", "store", "problem", "pages"],
    &["apps", "keys", "roles"],
    &["session"],
    &["people"],
    &["login", "qr", "forward_auth", "push", "moving", "events"],
    &["oidc", "compat", "admin"],
];

fn row(room: &str) -> Option<usize> {
    ROWS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether both stand in row 0, and `name` before `own`.
fn is_below(name: &str, own: &str) -> bool {
    let place = |room: &str| ROWS[0].iter().position(|it| *it == room);
    place(name).zip(place(own)).is_some_and(|(name, own)| name < own)
}

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix(ROOMS) else {
        return Vec::new();
    };
    let parts: Vec<&str> = inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    let own = parts[0];
    if MAY_NAME_ALL.contains(&own) {
        return Vec::new();
    }
    let Some(own_row) = row(own) else {
        return check_plain(source, &parts);
    };
    let named = names(&source.code, parts.len()).into_iter().filter(|(_, name)| name != own);
    let named = named.filter(|(line, name)| {
        !source.is_test(*line) && row(name).is_some_and(|row| row >= own_row) && !is_below(name, own)
    });
    named
        .map(|(line, name)| source.finding(line, format!("{own} (row {own_row}) may not name {}", with_row(&name))))
        .collect()
}

/// A plain file may name the rooms of row 0; a folder must be a room.
fn check_plain(source: &Source, parts: &[&str]) -> Vec<Finding> {
    let own = parts[0];
    if parts.len() > 1 || source.path.ends_with("/mod.rs") {
        return vec![source.finding(1, format!("{own} has no row: give it one in xtask/src/tidy/arrows.rs"))];
    }
    let named = names(&source.code, parts.len()).into_iter();
    let named = named.filter(|(line, name)| !source.is_test(*line) && row(name).is_some_and(|row| row > 0));
    named
        .map(|(line, name)| source.finding(line, format!("{own}.rs (row 0) may not name {}", with_row(&name))))
        .collect()
}

fn with_row(room: &str) -> String {
    let row = row(room).map_or_else(String::new, |row| format!(" (row {row})"));
    format!("{room}{row}")
}

/// What follows `crate::`, or as many `super::` as lead to the root, with its line.
fn names(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for to_root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&to_root) {
            let before = &code[..at];
            if before.ends_with(is_word) || before.ends_with("::") {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            found.extend(heads(&code[at + to_root.len()..]).into_iter().map(|(offset, name)| (line + offset, name)));
        }
    }
    found
}

/// The first name of each path: one, or those of a `{…}` group, each with its line's distance.
fn heads(path: &str) -> Vec<(usize, String)> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![(0, path.chars().take_while(|character| is_word(*character)).collect())];
    };
    let mut heads = Vec::new();
    let (mut depth, mut line, mut starts) = (0_usize, 0, true);
    for (at, character) in group.char_indices() {
        match character {
            '\n' => line += 1,
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            first if starts && is_word(first) => {
                heads.push((line, group[at..].chars().take_while(|character| is_word(*character)).collect()));
                starts = false;
            }
            _ => {}
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(&format!("crates/server/src/{path}"), text);
        check(&source).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn lower_rows_and_plain_files_may_be_named() {
        let text = "use crate::store::Store;\nuse crate::session::open;\nuse crate::{keys, state::Menjin, audit};\nuse crate::login::code;\n";
        assert!(found("login/code.rs", text).is_empty());
        assert!(found("people/mod.rs", "use crate::session::end;\n").is_empty());
    }

    #[test]
    fn ones_own_and_higher_rows_may_not() {
        assert_eq!(
            found("session/open.rs", "\nlet x = crate::people::find();\n"),
            ["2: session (row 2) may not name people (row 3)"]
        );
        assert_eq!(found("login/mod.rs", "use crate::qr;\n"), ["1: login (row 4) may not name qr (row 4)"]);
        assert_eq!(found("config/mod.rs", "use crate::store::Store;\n").len(), 1);
        assert!(found("store/mod.rs", "use crate::config::Store;\n").is_empty());
    }

    #[test]
    fn groups_are_looked_into() {
        let text = "use crate::{\n    apps::{Registry, oidc},\n    admin,\n    session::{self, open},\n    oidc::authorize,\n};\n";
        assert_eq!(
            found("people/mod.rs", text),
            ["3: people (row 3) may not name admin (row 5)", "5: people (row 3) may not name oidc (row 5)"]
        );
    }

    #[test]
    fn a_way_round_by_super_is_seen() {
        assert_eq!(found("session/mod.rs", "use super::people;\n").len(), 1);
        assert_eq!(found("session/open.rs", "use super::super::people;\nuse super::people;\n").len(), 1);
        assert_eq!(
            found("oidc/grants/device.rs", "use super::super::admin;\nuse super::super::super::admin;\n").len(),
            1
        );
    }

    #[test]
    fn the_root_may_name_all_and_plain_files_row_zero() {
        let text = "use crate::oidc;\nuse crate::problem::Problem;\n";
        assert!(found("lib.rs", text).is_empty() && found("state.rs", text).is_empty());
        assert_eq!(found("extract.rs", text), ["1: extract.rs (row 0) may not name oidc (row 5)"]);
    }

    #[test]
    fn a_new_room_wants_a_row() {
        assert_eq!(found("billing/mod.rs", ""), ["1: billing has no row: give it one in xtask/src/tidy/arrows.rs"]);
        assert_eq!(found("billing/invoice.rs", "").len(), 1);
        assert!(found("metrics.rs", "").is_empty());
    }

    #[test]
    fn tests_comments_and_other_crates_are_free() {
        assert!(
            found("store/mod.rs", "// crate::oidc\n#[cfg(test)]\nmod tests {\n    use crate::oidc::x;\n}\n").is_empty()
        );
        assert!(found("store/mod.rs", "use other::crate_oidc::x;\n").is_empty());
        assert!(check(&Source::new("crates/sim/src/session/mod.rs", "use crate::people;\n")).is_empty());
    }
}
