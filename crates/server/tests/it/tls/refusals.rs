//! What `[tls]` may not name, each refused by its key and with a remedy, and what is only remarked on.

use std::fs;

use menjin_server::config::Config;
use menjin_server::{Clock as _, SystemClock, check_certificate};
use rcgen::date_time_ymd;
use tempfile::TempDir;

use super::{Authority, parameters, put};

/// What is said of the files in `folder`, where clients call menjin at `url`.
fn checked(folder: &TempDir, url: &str) -> Result<Vec<String>, String> {
    let toml = format!("[server]\npublic_url = \"{url}\"\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n");
    let config = Config::parse(&toml, folder.path()).unwrap();
    check_certificate(&config, SystemClock.now()).map_err(|error| error.to_string())
}

/// The files of a server that would start.
fn right(authority: &Authority) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    authority.issue().put_into(folder.path());
    folder
}

#[track_caller]
fn is_refused(folder: &TempDir, words: &[&str]) {
    let error = checked(folder, "https://localhost").unwrap_err();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
    assert!(!error.contains("BEGIN PRIVATE KEY-----\n"), "{error}");
}

#[test]
fn a_right_pair_is_taken_without_a_word() {
    assert_eq!(checked(&right(&Authority::new()), "https://localhost"), Ok(Vec::new()));
}

#[test]
fn files_that_are_missing_or_hold_something_else_are_named_by_their_keys() {
    let authority = Authority::new();
    for (file, key) in [("cert.pem", "`tls.cert`"), ("key.pem", "`tls.key`")] {
        let folder = right(&authority);
        let path = folder.path().join(file);
        let whole = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        is_refused(&folder, &[key, file, "can't be read", "readable by the account"]);
        fs::create_dir(&path).unwrap();
        is_refused(&folder, &[key, file, "can't be read"]);
        fs::remove_dir(&path).unwrap();
        let cut = &whole[..whole.len() / 2];
        for wrong in ["", "nonsense", cut, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
            put(folder.path(), file, wrong);
            is_refused(&folder, &[key, file, "no whole PEM"]);
        }
    }
    let folder = right(&authority);
    put(folder.path(), "cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    is_refused(&folder, &["`tls.cert`", "can't be read"]);
    let folder = right(&authority);
    let [own, other] = [authority.issue(), authority.issue()];
    put(folder.path(), "cert.pem", &own.key);
    is_refused(&folder, &["`tls.cert`", "no whole PEM certificate"]);
    put(folder.path(), "cert.pem", &own.cert);
    put(folder.path(), "key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    is_refused(&folder, &["`tls.key`", "is encrypted", "openssl pkey"]);
    put(folder.path(), "key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    is_refused(&folder, &["`tls.key`", "can't use"]);
    put(folder.path(), "key.pem", &other.key);
    is_refused(&folder, &["`tls.key`", "does not belong to the certificate", "`tls.cert`"]);
    put(folder.path(), "key.pem", &own.key);
    put(folder.path(), "cert.pem", &format!("{}{}", other.cert, own.cert));
    is_refused(&folder, &["`tls.cert`", "begin with the server's own"]);
    put(folder.path(), "cert.pem", &format!("{}{}", own.cert, other.cert));
    assert_eq!(checked(&folder, "https://localhost"), Ok(Vec::new()));
}

#[test]
fn a_certificate_outside_its_time_is_refused() {
    let authority = Authority::new();
    let folder = right(&authority);
    let mut parameters = parameters(&["localhost"]);
    (parameters.not_before, parameters.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 2, 3));
    authority.sign(&parameters).put_into(folder.path());
    is_refused(&folder, &["`tls.cert`", "has expired on 2021-02-03T00:00:00Z", "renew it"]);
    (parameters.not_before, parameters.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    authority.sign(&parameters).put_into(folder.path());
    is_refused(&folder, &["`tls.cert`", "only from 4000-01-01T00:00:00Z on", "clock"]);
}

#[test]
fn a_host_that_the_certificate_is_not_for_is_remarked_on() {
    let authority = Authority::new();
    let folder = right(&authority);
    authority.sign(&parameters(&["a.menjin.test", "*.b.menjin.test", "127.0.0.1", "::1"])).put_into(folder.path());
    for covered in ["a.menjin.test", "x.b.menjin.test:8443", "127.0.0.1", "[::1]:7600"] {
        assert_eq!(checked(&folder, &format!("https://{covered}/auth")), Ok(Vec::new()), "{covered}");
    }
    for other in ["b.menjin.test", "x.y.b.menjin.test", "127.0.0.2", "[::2]"] {
        let remarks = checked(&folder, &format!("https://{other}")).unwrap();
        assert!(remarks.len() == 1 && remarks[0].contains("`server.public_url`"), "{other}: {remarks:?}");
        assert!(remarks[0].contains("`tls.cert`") && remarks[0].contains(other), "{remarks:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_may_read_is_remarked_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = right(&Authority::new());
    let permit = |mode| fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
    permit(0o640);
    assert_eq!(checked(&folder, "https://localhost"), Ok(Vec::new()), "a group of its own is usual");
    permit(0o644);
    let remarks = checked(&folder, "https://localhost").unwrap();
    assert!(remarks.len() == 1 && remarks[0].contains("`tls.key`") && remarks[0].contains("chmod"), "{remarks:?}");
}
