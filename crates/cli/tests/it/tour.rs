//! `menjin tour`: every step as it should be, against a server that runs and against one of its own.

use tempfile::tempdir;

use crate::harness::{Server, run_in};

#[test]
fn the_tour_passes_against_a_running_dev() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let out = run_in(data.path(), &["tour", "--url", &server.url()]).ok();
    for seen in ["/v1/login/demo", "at+jwt", "/.well-known/jwks.json", "session_kicked", "Done"] {
        assert!(out.contains(seen), "{seen} is not in: {out}");
    }
    assert_eq!(out.matches('✓').count(), 10);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn secrets_are_not_shown_whole() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let out = run_in(data.path(), &["tour", "--url", &server.url()]).ok();
    let longest = out.split(['"', ' ', '\n']).filter(|word| word.starts_with("mjr_") || word.starts_with("eyJ"));
    assert!(longest.clone().count() > 2 && longest.clone().all(|word| word.chars().count() < 30), "{out}");
}

#[test]
fn where_no_dev_answers_the_tour_says_so() {
    let folder = tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    run_in(folder.path(), &["tour", "--url", &url]).refused(&["menjin dev", "--url"]);
}
