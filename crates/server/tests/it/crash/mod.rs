//! A server is killed amid its work, again and again: what it acknowledged is there when it starts anew, and holds.
//!
//! The child is this same program, which serves when it is told a folder. The simulator lives in the test, as `WeChat`
//! outlives a server; and so does the server of a database, but where that is what is killed (`database`).

mod database;
mod events;
mod export;
mod phone;
mod pushes;
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use menjin_server::config::Config;
use menjin_server::entropy::{Entropy, SystemEntropy};
use menjin_server::store::Actor;
use menjin_server::{Around, Listeners, Menjin};

use self::phone::{Dice, Phone, Tried};
use self::server::Server;
use crate::harness::{APPID, start_sim};
use crate::store::Folder;

const TEST: &str = "crash::what_was_acknowledged_survives_every_kill";
/// Tells the child which folder to serve.
const FOLDER: &str = "MENJIN_TEST_CRASH_FOLDER";
const ROUNDS: usize = 10;
const PHONES: u64 = 8;

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match folder_to_serve() {
        Some(folder) => runtime.block_on(serve(&folder)),
        None => runtime.block_on(async {
            let looking = tokio::time::timeout(Duration::from_mins(2), kill_and_look());
            looking.await.expect("nothing hangs");
        }),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is how the test tells its child from itself")]
fn folder_to_serve() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The child: serves until it is killed, rotates the signing key when it is told to, and goes when the test has gone.
async fn serve(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("menjin.toml")).unwrap();
    let menjin = Menjin::new(Config::parse(&text, folder).unwrap(), Around::default()).await.unwrap();
    let public = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    say(&format!("listens on {}", public.local_addr().unwrap()));
    let (operated, handle) = (menjin.clone(), tokio::runtime::Handle::current());
    std::thread::spawn(move || {
        for _order in std::io::stdin().lock().lines() {
            match handle.block_on(operated.rotate_key(&Actor::command())) {
                Ok(kid) => say(&format!("rotated {kid}")),
                Err(_) => say("it failed"),
            }
        }
        std::process::exit(0);
    });
    menjin.serve(Listeners { public, admin: None }, std::future::pending()).await.unwrap();
}

/// Past the test runner, which may hold lines back.
fn say(line: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").unwrap();
}

fn toml(sim_url: &str, store: &str) -> String {
    format!(
        r#"
secret_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
[server]
public_url = "http://menjin.example.com"
{store}[limits]
enabled = false
[lifetimes]
jwks_max_age = "100ms"
refresh_grace = "10m"
login_result = "1h"
used_code = "1h"
[wechat]
base_url = "{sim_url}"
deadline = "1s"
[[app]]
id = "shop"
kind = "mini_program"
platform = "wechat"
appid = "{APPID}"
secret = "0123456789abcdef0123456789abcdef"
"#
    )
}

async fn install(folder: Folder, sim_url: &str) -> Folder {
    std::fs::write(folder.path().join("menjin.toml"), toml(sim_url, &folder.store_toml().await)).unwrap();
    folder
}

async fn kill_and_look() {
    let (sim, sim_url, _serving) = start_sim().await;
    let folder = install(Folder::new(), &sim_url).await;
    let seed = u64::from_be_bytes((&SystemEntropy::default() as &dyn Entropy).bytes());
    let mut dice = Dice(seed);
    let mut phones: Vec<_> = (0..PHONES).map(|nth| Phone::new(nth, dice.next())).collect();
    let mut kids = BTreeSet::new();
    for _round in 0..ROUNDS {
        let server = Server::start(folder.path(), &sim).await;
        server.publishes(&kids).await;
        phones = server.each(phones, async |phone, line| phone.looks(&line).await).await;
        let enough = 30 + dice.below(75);
        phones = server.kill_amid(phones, enough, &mut kids).await;
    }
    let server = Server::start(folder.path(), &sim).await;
    server.publishes(&kids).await;
    phones = server.each(phones, async |phone, line| phone.looks_at_the_end(&line).await).await;
    server.kill().await;
    let server = Server::start(folder.path(), &sim).await;
    phones = server.each(phones, async |phone, line| phone.looks(&line).await).await;
    server.kill().await;
    let tried = assert_consistent(&phones, seed);
    let enough = tried.logins > 100 && tried.refreshes > 100 && tried.ends > 50 && tried.in_doubt > ROUNDS;
    assert!(enough && kids.len() > ROUNDS / 2, "seed {seed}: {tried:?}, {} keys", kids.len());
}

#[tokio::test]
async fn servers_that_start_at_once_on_nothing_share_what_they_make() {
    let (sim, sim_url, _serving) = start_sim().await;
    for _round in 0..3 {
        let folder = install(Folder::new(), &sim_url).await;
        let starting = (0..4).map(|_| Server::start(folder.path(), &sim));
        let mut servers = futures_util::future::join_all(starting).await;
        let mut phone = Phone::new(0, 0);
        phone.signs_in(&servers[0].line).await.unwrap();
        let mut kids = BTreeSet::new();
        for server in &mut servers {
            kids.insert(server.rotates().await.unwrap());
            phone.looks(&server.line).await;
        }
        Server::start(folder.path(), &sim).await.publishes(&kids).await;
    }
}

/// No two people are one, nobody is two. Gives what was tried.
fn assert_consistent(phones: &[Phone], seed: u64) -> Tried {
    let people: Vec<_> = phones.iter().flat_map(|phone| phone.people.values()).collect();
    let ids: BTreeSet<_> = people.iter().map(|(id, _)| id).collect();
    let numbers: BTreeSet<_> = people.iter().map(|(_, number)| number).collect();
    assert_eq!((ids.len(), numbers.len()), (people.len(), people.len()), "seed {seed}");
    let mut tried = Tried::default();
    for phone in phones {
        tried.add(phone.tried);
    }
    tried
}

mod sqlite_only {
    use super::*;

    /// A limit on the size of files stands for a full disk.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_full_disk_refuses_sign_ins_and_loses_none_that_it_took() {
        let (sim, sim_url, _serving) = start_sim().await;
        let folder = install(Folder::with_sqlite(), &sim_url).await;
        let mut limited = tokio::process::Command::new("sh");
        let limit = "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\"";
        limited.args(["-c", limit]).arg(std::env::current_exe().unwrap());
        let server = Server::start_as(limited, folder.path(), &sim).await;
        let mut phone = Phone::new(0, 0);
        let refused = loop {
            let unanswered = phone.next_sign_in(&server.line);
            let answer = unanswered.asks(&server.line).await.unwrap();
            if answer.status != 200 {
                break answer;
            }
            phone.holds(unanswered.person, &answer);
        };
        assert_eq!(
            (refused.status, refused.body["code"].as_str()),
            (503, Some("store_unavailable")),
            "{}",
            refused.body
        );
        assert!(phone.sessions.len() > 5, "only {} signed in", phone.sessions.len());
        let ready = async |server: &Server| server.line.get("/readyz", None).await.unwrap().status;
        // Less than a sign-in may still fit, until nothing does.
        for _ in 0..500 {
            if ready(&server).await != 200 {
                break;
            }
            assert_eq!(phone.next_sign_in(&server.line).asks(&server.line).await.unwrap().status, 503);
        }
        assert_eq!(ready(&server).await, 503);
        for held in &phone.sessions {
            assert_eq!(server.line.get("/v1/me", Some(&held.access_token)).await.unwrap().status, 200);
        }
        server.kill().await;
        let server = Server::start(folder.path(), &sim).await;
        assert_eq!(ready(&server).await, 200);
        phone.looks(&server.line).await;
        phone.signs_in(&server.line).await.unwrap();
    }
}
