//! `menjin.toml` is the manual: it has every key, with the default that holds.

use menjin_server::config::{Config, DEFAULT_TOML};

/// The manual with every commented key in force.
fn uncommented() -> String {
    let lines = DEFAULT_TOML.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
        Some(_) | None => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The keys that a section takes, in the parser's own words.
fn known_keys(section: &str) -> Vec<String> {
    let error = toml::from_str::<Config>(&format!("{section}\nno_such_key = 1")).unwrap_err().to_string();
    let (_, listed) = error.split_once("expected").unwrap_or_else(|| panic!("{section}: {error}"));
    let keys: Vec<String> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!keys.is_empty(), "{section}: {error}");
    keys
}

#[test]
fn the_manual_as_it_stands_says_what_holds_without_it() {
    let manual: Config = toml::from_str(DEFAULT_TOML).unwrap();
    let nothing: Config = toml::from_str("").unwrap();
    assert_eq!(toml::to_string(&manual).unwrap(), toml::to_string(&nothing).unwrap());
}

#[test]
fn every_commented_key_is_one_that_the_program_takes() {
    let all: Config = toml::from_str(&uncommented()).unwrap();
    assert!(all.server.public_url.is_some() && all.app.len() == 2 && all.compat.len() == 2);
}

#[test]
fn every_key_that_the_program_takes_stands_in_the_manual() {
    let manual: toml::Table = toml::from_str(&uncommented()).unwrap();
    for key in known_keys("") {
        let value = manual.get(&key).unwrap_or_else(|| panic!("{key} is not in menjin.toml"));
        let (section, tables) = if let Some(table) = value.as_table() {
            // Sections by a name of one's own, as those of audiences.
            match table.iter().next().filter(|_| table.values().all(toml::Value::is_table)) {
                Some((name, inner)) => (format!("[{key}.{name}]"), inner.as_table().into_iter().collect()),
                None => (format!("[{key}]"), vec![table]),
            }
        } else {
            let entries = value.as_array().into_iter().flatten().filter_map(toml::Value::as_table);
            (format!("[[{key}]]"), entries.collect())
        };
        if tables.is_empty() {
            continue;
        }
        for known in known_keys(&section) {
            assert!(tables.iter().any(|table| table.contains_key(&known)), "{section} {known} is not in menjin.toml");
        }
    }
}

#[test]
fn commented_keys_of_an_app_show_their_defaults() {
    let all: Config = toml::from_str(&uncommented()).unwrap();
    let bare = "[[app]]\nid = \"a\"\nkind = \"mini_program\"\n";
    let bare: Config = toml::from_str(bare).unwrap();
    let (shown, default) = (&all.app[0], &bare.app[0]);
    assert_eq!((shown.profile, &shown.need), (default.profile, &default.need));
    assert_eq!((shown.sessions, shown.sessions_without_device), (default.sessions, default.sessions_without_device));
    assert_eq!(shown.refresh_idle, Some(all.lifetimes.refresh_idle));
    assert_eq!(shown.refresh_absolute, Some(all.lifetimes.refresh_absolute));
    assert_eq!((shown.passwords, shown.register), (default.passwords, default.register));
    let usual = "\n[[compat]]\nkind = \"drf_jwt\"\napp = \"a\"\n";
    let bare: Config = toml::from_str(&format!("[[compat]]\nkind = \"hapi\"\napp = \"a\"\n{usual}")).unwrap();
    for (shown, mut default) in all.compat.iter().zip(bare.compat) {
        default.fill_in();
        assert_eq!((&shown.paths, shown.lifetime()), (&default.paths, default.lifetime()));
        assert_eq!(shown.expired_status, default.expired_status);
        assert_eq!((shown.refresh_lifetime, &shown.token_from), (default.refresh_lifetime, &default.token_from));
    }
}
