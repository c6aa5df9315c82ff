//! The bare writer: one thread that does what waits in one durable commit, as menjin's does, on the rows that a login
//! needs. Every value differs from login to login: `SQLite` skips pages that an equal value leaves as they were.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use menjin_token::{GrantId, SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::oneshot;
use tokio::time::Instant;

const GROUP: usize = 64;
const GROUP_TIME: Duration = Duration::from_millis(2);

/// The tables of a login by hand; each has the key and the index that it can't do without.
const SCHEMA: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;
CREATE TABLE users (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE identities (openid TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX identities_user ON identities (user);
CREATE TABLE session_keys (openid TEXT PRIMARY KEY REFERENCES identities, session_key TEXT NOT NULL, obtained_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (id BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, app TEXT NOT NULL, ip TEXT, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
CREATE TABLE grants (id BLOB PRIMARY KEY, session BLOB NOT NULL REFERENCES sessions, secret BLOB NOT NULL, counter INTEGER NOT NULL, idle_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX grants_session ON grants (session);
CREATE INDEX grants_idle ON grants (idle_until);
CREATE TABLE codes (digest BLOB PRIMARY KEY, session BLOB, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX codes_until ON codes (until);
CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, user BLOB, session BLOB, app TEXT) STRICT;
CREATE INDEX audit_at ON audit (at);
";

/// A login that the platform has answered.
pub(super) struct Opening {
    pub(super) code: String,
    /// The digest of a code that has its row already.
    pub(super) claimed: Option<[u8; 32]>,
    pub(super) openid: String,
    pub(super) session_key: String,
    pub(super) now: Timestamp,
}

type Work = Box<dyn FnOnce(&Connection) -> Box<dyn FnOnce(bool) + Send> + Send>;

/// A handle to the writer's thread.
pub(super) struct Writer(Sender<Work>);

impl Writer {
    pub(super) fn start(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        connection.set_prepared_statement_cache_capacity(64);
        let (sender, waiting) = channel();
        std::thread::Builder::new().name("bare-writer".into()).spawn(move || run(&connection, &waiting))?;
        Ok(Self(sender))
    }

    /// Makes the row of a code, durably, and fails when it is there.
    pub(super) async fn claim(&self, code: &str, now: Timestamp) -> anyhow::Result<[u8; 32]> {
        let digest = digest_of(code);
        self.write(move |connection| insert_code(connection, &digest, None, now)).await?;
        Ok(digest)
    }

    /// Writes a login; gives the user's number.
    pub(super) async fn open(&self, opening: Opening) -> anyhow::Result<i64> {
        self.write(move |connection| open(connection, &opening)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let outcome = work(connection);
            Box::new(move |committed| {
                let outcome = if committed { outcome } else { Err(anyhow!("the commit failed")) };
                drop(answer.send(outcome));
            })
        });
        self.0.send(work).map_err(|_| anyhow!("the writer has stopped"))?;
        answered.await.context("the writer has stopped")?
    }
}

fn run(connection: &Connection, waiting: &Receiver<Work>) {
    while let Ok(first) = waiting.recv() {
        let mut answers = Vec::with_capacity(GROUP);
        let committed = commit_group(connection, first, waiting, &mut answers).is_ok();
        for answer in answers {
            answer(committed);
        }
    }
}

fn commit_group(
    connection: &Connection,
    first: Work,
    waiting: &Receiver<Work>,
    answers: &mut Vec<Box<dyn FnOnce(bool) + Send>>,
) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let began = Instant::now();
    let mut next = Some(first);
    while let Some(work) = next.take() {
        answers.push(work(connection));
        if answers.len() < GROUP && began.elapsed() < GROUP_TIME {
            next = waiting.try_recv().ok();
        }
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn open(connection: &Connection, opening: &Opening) -> anyhow::Result<i64> {
    let Opening { now, openid, .. } = opening;
    let user: UserId = id(*now)?;
    let known: Option<i64> = connection
        .prepare_cached("SELECT user FROM identities WHERE openid = ?1")?
        .query_row([openid], |row| row.get(0))
        .optional()?;
    let number = match known {
        Some(number) => number,
        None => insert_user(connection, user, openid, *now)?,
    };
    connection
        .prepare_cached(
            "INSERT INTO session_keys VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET session_key = ?2, obtained_at = ?3",
        )?
        .execute(params![openid, opening.session_key, now.millis()])?;
    let session: SessionId = id(*now)?;
    let later = now.plus(Duration::from_hours(24 * 30)).millis();
    connection
        .prepare_cached("INSERT INTO sessions VALUES (?1, ?2, 'shop', '127.0.0.1', ?3, ?4)")?
        .execute(params![session.to_bytes(), number, now.millis(), later])?;
    let grant: GrantId = id(*now)?;
    let mut secret = [0_u8; 77];
    aws_lc_rs::rand::fill(&mut secret)?;
    connection.prepare_cached("INSERT INTO grants VALUES (?1, ?2, ?3, 0, ?4)")?.execute(params![
        grant.to_bytes(),
        session.to_bytes(),
        secret,
        later
    ])?;
    match opening.claimed {
        None => insert_code(connection, &digest_of(&opening.code), Some(session), *now)?,
        Some(digest) => {
            connection
                .prepare_cached("UPDATE codes SET session = ?2 WHERE digest = ?1")?
                .execute(params![digest, session.to_bytes()])?;
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO audit (at, action, user, session, app) VALUES (?1, 'session.opened', ?2, ?3, 'shop')",
        )?
        .execute(params![now.millis(), user.to_bytes(), session.to_bytes()])?;
    Ok(number)
}

fn insert_user(connection: &Connection, user: UserId, openid: &str, now: Timestamp) -> anyhow::Result<i64> {
    connection
        .prepare_cached("INSERT INTO users (id, created_at) VALUES (?1, ?2)")?
        .execute(params![user.to_bytes(), now.millis()])?;
    let number = connection.last_insert_rowid();
    connection.prepare_cached("INSERT INTO identities VALUES (?1, ?2, ?3)")?.execute(params![
        openid,
        number,
        now.millis()
    ])?;
    Ok(number)
}

fn insert_code(
    connection: &Connection,
    digest: &[u8; 32],
    session: Option<SessionId>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let until = now.plus(Duration::from_mins(10)).millis();
    connection.prepare_cached("INSERT INTO codes VALUES (?1, ?2, ?3)")?.execute(params![
        digest,
        session.map(SessionId::to_bytes),
        until
    ])?;
    Ok(())
}

fn digest_of(code: &str) -> [u8; 32] {
    digest(&SHA256, code.as_bytes()).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

fn id<K: menjin_token::Kind>(now: Timestamp) -> anyhow::Result<menjin_token::Id<K>> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random)?;
    Ok(menjin_token::Id::new(now, random))
}
