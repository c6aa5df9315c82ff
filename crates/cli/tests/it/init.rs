//! `menjin init` and `menjin config check`.

use std::fs;

use tempfile::tempdir;

use crate::harness::run_in;

#[test]
fn what_init_writes_is_taken_but_for_what_is_to_be_filled_in() {
    let folder = tempdir().unwrap();
    let said = run_in(folder.path(), &["init"]).ok();
    assert!(said.contains("menjin serve"), "{said}");
    let checked = run_in(folder.path(), &["config", "check"]);
    let shown = checked.out.clone();
    checked.refused(&["`server.public_url`", "still the example", "`app`", "AppSecret"]);
    assert!(!shown.lines().any(|line| line == "ok"), "{shown}");
    assert!(shown.contains(r#"secret_key = "[REDACTED]""#), "{shown}");
    let key = fs::read_to_string(folder.path().join("secret.key")).unwrap();
    assert!(!shown.contains(key.trim()), "the master key was printed");
    run_in(folder.path(), &["migrate"]).ok();
    assert!(folder.path().join("menjin.db").exists());
}

#[test]
fn init_makes_another_key_each_time_and_overwrites_nothing() {
    let (one, other) = (tempdir().unwrap(), tempdir().unwrap());
    run_in(one.path(), &["init"]).ok();
    let folder = other.path().join("new");
    run_in(one.path(), &["init", "--dir", folder.to_str().unwrap()]).ok();
    let key = |folder: &std::path::Path| fs::read_to_string(folder.join("secret.key")).unwrap();
    let first = key(one.path());
    assert_ne!(first, key(&folder));
    run_in(one.path(), &["init"]).refused(&["menjin.toml", "overwrites nothing"]);
    assert_eq!(first, key(one.path()));
}

#[cfg(unix)]
#[test]
fn only_their_owner_may_read_what_init_writes() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    for file in ["menjin.toml", "secret.key"] {
        let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[test]
fn check_shows_what_the_environment_and_dot_env_change() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    fs::write(folder.path().join(".env"), "MENJIN__LIFETIMES__ACCESS_TOKEN=7m\nMENJIN__LIMITS__PER_ADDRESS=77\n")
        .unwrap();
    let mut command = crate::harness::menjin(&["config", "check"]);
    let command = command
        .current_dir(folder.path())
        .env("MENJIN__LIMITS__PER_ADDRESS", "99")
        .env("MENJIN__SERVER__TRUSTED_PROXIES", "127.0.0.1/32,10.0.0.0/8");
    let shown = crate::harness::Ran::from(command.output().unwrap()).out;
    for line in [r#"access_token = "7m""#, "per_address = 99", r#""127.0.0.1/32""#, r#""10.0.0.0/8""#] {
        assert!(shown.contains(line), "{line} is not in: {shown}");
    }
}

#[test]
fn a_dot_env_that_can_not_be_read_is_refused_without_its_words() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(".env"), "MENJIN__SECRET_KEY hunter2\n").unwrap();
    let ran = run_in(folder.path(), &["config", "check"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    ran.refused(&[".env"]);
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("menjin.toml"), "[server]\nlisten_on = \"127.0.0.1:1\"\n").unwrap();
    run_in(folder.path(), &["config", "check"]).refused(&["menjin.toml", "listen_on"]);
}

#[test]
fn a_file_that_is_no_toml_is_refused_in_one_line() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("menjin.toml"), "[server\nlisten = 1\n").unwrap();
    run_in(folder.path(), &["config", "check"]).refused(&["menjin.toml"]);
}

#[test]
fn a_configuration_that_does_not_exist_is_named() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["config", "check", "--config", "other.toml"]).refused(&[
        "other.toml",
        "--config",
        "menjin init",
    ]);
}

#[test]
fn a_folder_is_no_configuration() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["config", "check", "--config", "."]).refused(&["folder", "--config"]);
}

#[test]
fn check_refuses_a_log_level_that_serve_would_refuse() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    let file = folder.path().join("menjin.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("level = \"info\"", "level = \"a=b=c\"")).unwrap();
    let checked = run_in(folder.path(), &["config", "check"]);
    assert!(!checked.out.ends_with("ok\n"), "{}", checked.out);
    checked.refused(&["`log.level`", "a=b=c"]);
    run_in(folder.path(), &["serve"]).refused(&["`log.level`", "a=b=c"]);
}
