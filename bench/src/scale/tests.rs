//! Loaded people are people: they sign in, refresh and read, and what is due is swept.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use menjin_guard::{Clock as _, SystemClock};
use menjin_server::config::Config;
use menjin_server::{Around, Listeners, Menjin};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::crowd::Crowd;
use super::filled::Filled;
use crate::ask::Ask;
use crate::scenarios::log_in;
use crate::stub;

const SIZE: u64 = 100;
const ALL: i64 = 100;

/// A store of a hundred people, and a menjin on it that does nothing by itself before it serves.
struct Town {
    filled: Filled<'static>,
    menjin: Menjin,
    // In this order: what runs in it ends before the folder goes.
    runtime: Runtime,
    folder: TempDir,
}

impl Town {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Runtime::new().unwrap();
        let platform = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let platform_address = platform.local_addr().unwrap();
        runtime.spawn(async { axum::serve(platform, stub::routes()).await });
        let filled = Filled::new(None, &folder.path().join("town"), platform_address, SIZE).unwrap();
        let config = Config::load(Some(&filled.config)).unwrap();
        let menjin = runtime.block_on(Menjin::new(config, Around::default())).unwrap();
        Self { filled, menjin, runtime, folder }
    }

    fn count(&self, sql: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.folder.path().join("town/menjin.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn serve(&self) -> Served {
        let public = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = public.local_addr().unwrap();
        self.runtime.spawn(self.menjin.clone().serve(Listeners { public, admin: None }, std::future::pending()));
        Served { address }
    }
}

struct Served {
    address: SocketAddr,
}

impl Served {
    fn refresh(&self, token: &str) -> Value {
        let json = serde_json::json!({ "refresh_token": token }).to_string();
        let answer = Ask { path: "/v1/token/refresh", token: None, json: Some(&json), ..Ask::default() }
            .ok(self.address)
            .unwrap();
        serde_json::from_str(&answer.body).unwrap()
    }

    fn me(&self, token: &Value) -> (u16, Value) {
        let answer =
            Ask { path: "/v1/me", token: token.as_str(), json: None, ..Ask::default() }.of(self.address).unwrap();
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    fn log_in(&self, name: &str) -> Value {
        log_in(self.address, &format!("{name}{:016x}", crate::run::next())).unwrap()
    }
}

#[test]
fn loaded_people_sign_in_and_refresh_with_the_token_that_they_hold() {
    let town = Town::new();
    let served = town.serve();
    for nth in [0, 57, SIZE - 1] {
        let number = Crowd::number(nth);
        let refreshed = served.refresh(&town.filled.crowd.refresh_token(nth));
        let (status, me) = served.me(&refreshed["access_token"]);
        assert_eq!((status, me["user"]["number"].as_i64()), (200, Some(number)), "{me}");
        served.refresh(refreshed["refresh_token"].as_str().unwrap());
        let signed_in = served.log_in(&Crowd::name(nth));
        assert_eq!(
            (signed_in["is_new_user"].as_bool(), signed_in["user"]["number"].as_i64()),
            (Some(false), Some(number))
        );
    }
    let new = served.log_in("somebody-new-000");
    assert_eq!((new["is_new_user"].as_bool(), new["user"]["number"].as_i64()), (Some(true), Some(101)));
}

#[test]
fn what_is_due_is_swept_and_nothing_else() {
    let town = Town::new();
    town.filled.make_due(40, 1).unwrap();
    town.filled.make_due(40, 2).unwrap();
    let left = || {
        let queries = [
            "SELECT count(*) FROM codes",
            "SELECT count(*) FROM session_keys",
            "SELECT count(*) FROM sessions WHERE ended_at IS NULL",
            "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL",
            "SELECT count(*) FROM grants WHERE sweep_at IS NULL",
        ];
        queries.map(|sql| town.count(sql))
    };
    assert_eq!(left(), [20, 20, ALL + 20, 20, 20]);
    town.runtime.block_on(town.menjin.upkeep()).unwrap();
    // Those who were idle are ended now, and kept for 30 days.
    assert_eq!(left(), [0, 0, ALL, 20, 20]);
}

#[test]
fn rows_are_of_the_past_in_the_order_of_time() {
    let town = Town::new();
    let now = SystemClock.now();
    let day = Duration::from_hours(24);
    let [first, last] = ["min", "max"].map(|which| town.count(&format!("SELECT {which}(opened_at) FROM sessions")));
    assert!(first >= now.minus(day * 26).millis(), "nobody is idle");
    assert!(last <= now.millis());
    assert_eq!(
        town.count(
            "SELECT count(*) FROM (SELECT number, rank() OVER (ORDER BY id) AS place FROM users) WHERE number = place"
        ),
        ALL
    );
    assert_eq!(town.count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}
