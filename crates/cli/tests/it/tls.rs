//! `[tls]` as `menjin serve` and `menjin config check` take it.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::harness::run_in;

/// A configuration that serves, with a certificate for its host.
fn configured() -> TempDir {
    let folder = tempdir().unwrap();
    let text = "secret_key = \"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\"\n\
        [server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://login.menjin.test\"\n\
        [tls]\ncert = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
        [[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
        secret = \"0123456789abcdef0123456789abcdef\"\n";
    fs::write(folder.path().join("menjin.toml"), text).unwrap();
    fs::create_dir(folder.path().join("tls")).unwrap();
    renew(folder.path(), "login.menjin.test");
    folder
}

/// Puts a new certificate and its key in place.
fn renew(folder: &Path, host: &str) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    fs::write(folder.join("tls/cert.pem"), made.cert.pem()).unwrap();
    let key = folder.join("tls/key.pem");
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn what_serve_refuses_check_refuses_by_the_same_key() {
    let folder = configured();
    assert!(run_in(folder.path(), &["config", "check"]).ok().ends_with("ok\n"));
    let cert = fs::read_to_string(folder.path().join("tls/cert.pem")).unwrap();
    renew(folder.path(), "login.menjin.test");
    fs::write(folder.path().join("tls/cert.pem"), cert).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        run_in(folder.path(), command).refused(&["`tls.key`", "does not belong"]);
    }
    fs::remove_file(folder.path().join("tls/cert.pem")).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        run_in(folder.path(), command).refused(&["`tls.cert`", "tls/cert.pem can't be read"]);
    }
    assert!(!folder.path().join("menjin.db").exists(), "nothing is begun");
}

#[test]
fn check_remarks_on_a_certificate_for_somebody_else() {
    let folder = configured();
    renew(folder.path(), "other.menjin.test");
    let checked = run_in(folder.path(), &["config", "check"]).ok();
    let remark = checked.lines().find(|line| line.starts_with("# ")).unwrap_or_default();
    assert!(remark.contains("`tls.cert`") && remark.contains("login.menjin.test"), "{checked}");
}

#[test]
fn commands_beside_a_server_do_not_mind_a_certificate_that_has_gone_wrong() {
    let folder = configured();
    fs::remove_file(folder.path().join("tls/key.pem")).unwrap();
    for command in [&["migrate"][..], &["key", "list"]] {
        run_in(folder.path(), command).ok();
    }
}

#[cfg(unix)]
#[test]
fn a_hangup_means_to_look_at_the_certificate_now() {
    use std::io::{Read as _, Write as _};
    let folder = configured();
    let mut command = crate::harness::menjin(&["serve"]);
    command.current_dir(folder.path());
    let mut server = crate::harness::Server::start(command, "menjin serves");
    // Who speaks no TLS is refused, once there is a certificate.
    let line: serde_json::Value = serde_json::from_str(server.page.lines().last().unwrap()).unwrap();
    let mut stranger = std::net::TcpStream::connect(line["server.listen"].as_str().unwrap()).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stranger.read_to_end(&mut Vec::new()).ok();
    renew(folder.path(), "login.menjin.test");
    server.send("-HUP");
    server.read_up_to("a new certificate is shown");
    assert_eq!(server.stop(), Some(0));
}
