//! Redis: it answers, keeps its data, hangs when told to, changes its primary, and leaves nothing behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use menjin_testbed::{Redis, RedisSentinel};

use crate::left;

/// One command on one connection over TCP; the first line of the answer.
struct Line(BufReader<TcpStream>);

impl Line {
    fn to(port: u16) -> std::io::Result<Self> {
        TcpStream::connect(("127.0.0.1", port)).map(|stream| Self(BufReader::new(stream)))
    }

    fn say(&mut self, command: &str) {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        self.say(command);
        self.hear()
    }
}

#[test]
fn it_answers_where_its_url_says() {
    let server = Redis::shared();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}/0", server.port()));
    assert_eq!(Line::to(server.port()).unwrap().ask("PING"), "+PONG");
    assert_eq!(server.command_line(&["SET", "a word", "门禁"]).unwrap(), "OK");
    assert_eq!(server.command_line(&["EXISTS", "a word"]).unwrap(), "1");
    assert!(server.command_line(&["INCR", "a word"]).is_err());
}

#[test]
fn a_password_is_asked_for_and_stands_in_the_url() {
    let server = Redis::start_with_password().unwrap();
    let (password, _) = server
        .url()
        .strip_prefix("redis://:")
        .unwrap()
        .split_once('@')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let mut line = Line::to(server.port()).unwrap();
    assert!(line.ask("PING").starts_with("-NOAUTH"));
    assert_eq!(line.ask(&format!("AUTH {password}")), "+OK");
    assert_eq!(server.command_line(&["PING"]).unwrap(), "PONG");
}

#[test]
fn data_survive_a_restart_and_a_kill_and_are_gone_when_flushed() {
    let server = Redis::start().unwrap();
    server.command_line(&["SET", "kept", "1"]).unwrap();
    server.restart().unwrap();
    server.command_line(&["INCR", "kept"]).unwrap();
    server.kill().unwrap();
    assert!(Line::to(server.port()).is_err());
    server.start_again().unwrap();
    assert_eq!(server.command_line(&["GET", "kept"]).unwrap(), "2");
    server.flush().unwrap();
    assert_eq!(server.command_line(&["EXISTS", "kept"]).unwrap(), "0");
}

#[test]
fn a_paused_server_takes_questions_and_answers_them_when_resumed() {
    let server = Redis::start().unwrap();
    let mut line = Line::to(server.port()).unwrap();
    assert_eq!(line.ask("PING"), "+PONG");
    server.pause().unwrap();
    line.say("PING");
    let wait = std::time::Duration::from_millis(300);
    line.0.get_ref().set_read_timeout(Some(wait)).unwrap();
    assert!(line.0.fill_buf().is_err());
    line.0.get_ref().set_read_timeout(None).unwrap();
    server.resume().unwrap();
    assert_eq!(line.hear(), "+PONG");
}

#[test]
fn a_wrong_setting_is_told_with_the_servers_log() {
    let error = Redis::start_with(&["--no-such-setting", "1"]).unwrap_err();
    assert!(error.to_string().contains("no-such-setting"), "{error}");
}

#[test]
fn two_at_once_do_not_collide() {
    let (one, other) = (Redis::start().unwrap(), Redis::start().unwrap());
    one.command_line(&["SET", "word", "1"]).unwrap();
    assert_eq!(other.command_line(&["EXISTS", "word"]).unwrap(), "0");
}

#[test]
fn the_replica_takes_over_by_order_and_when_the_primary_is_killed() {
    let servers = RedisSentinel::start().unwrap();
    let first = servers.primary().unwrap();
    let address = servers.address();
    let port = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    let asked = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {}", servers.service());
    assert_eq!(Line::to(port).unwrap().ask(&asked), "*2");
    servers.fail_over().unwrap();
    let second = servers.primary().unwrap();
    assert_ne!(first.port(), second.port());
    assert_eq!(second.command_line(&["SET", "word", "1"]).unwrap(), "OK");
    let killed = servers.kill_primary().unwrap();
    assert_eq!((killed.port(), servers.primary().unwrap().port()), (second.port(), first.port()));
    assert_eq!(first.command_line(&["SET", "word", "2"]).unwrap(), "OK");
    killed.start_again().unwrap();
    assert_eq!(servers.replica().unwrap().port(), killed.port());
}

#[test]
fn nothing_is_left_of_it() {
    left::nothing_when_its_process_ends("redis");
    left::nothing_when_its_process_is_killed("redis");
    let server = Redis::start().unwrap();
    let folder = server.folder().to_owned();
    server.pause().unwrap();
    left::nothing_when_dropped(server, &folder);
}
