//! nginx: it answers, takes another configuration, and leaves nothing behind.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use menjin_testbed::Nginx;

use crate::left;

fn saying(word: &str) -> String {
    format!("server {{ listen LISTEN; location / {{ return 200 '{word}'; }} }}")
}

fn body(nginx: &Nginx) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", nginx.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn it_serves_what_its_configuration_says_and_another_when_reloaded() {
    let nginx = Nginx::start(&saying("one")).unwrap();
    assert_eq!(body(&nginx), "one");
    nginx.reload(&saying("two")).unwrap();
    assert_eq!(body(&nginx), "two");
    let refused = nginx.reload("server { listen LISTEN; no_such_word; }").unwrap_err();
    assert!(refused.to_string().contains("no_such_word"), "{refused}");
    assert_eq!(body(&nginx), "two");
    nginx.kill().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", nginx.port())).is_err());
    nginx.start_again().unwrap();
    assert_eq!(body(&nginx), "two");
    nginx.stop().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", nginx.port())).is_err());
}

#[test]
fn a_wrong_configuration_is_told() {
    let error = Nginx::start("server { listen LISTEN; no_such_word; }").unwrap_err();
    assert!(error.to_string().contains("no_such_word"), "{error}");
}

#[test]
fn it_balances_what_stands_behind() {
    let (one, other) = (Nginx::start(&saying("one")).unwrap(), Nginx::start(&saying("other")).unwrap());
    let (one_port, other_port) = (one.port(), other.port());
    let balancer = Nginx::start(&format!(
        "upstream both {{ server 127.0.0.1:{one_port}; server 127.0.0.1:{other_port}; }}
         server {{ listen LISTEN; location / {{ proxy_pass http://both; }} }}"
    ))
    .unwrap();
    let mut words: Vec<String> = (0..8).map(|_| body(&balancer)).collect();
    words.sort();
    words.dedup();
    assert_eq!(words, ["one", "other"]);
}

#[test]
fn nothing_is_left_of_it() {
    left::nothing_when_its_process_ends("nginx");
    left::nothing_when_its_process_is_killed("nginx");
    let nginx = Nginx::start(&saying("one")).unwrap();
    let folder = nginx.folder().to_owned();
    left::nothing_when_dropped(nginx, &folder);
}
