//! Rows that are due for the sweeper, spread over the people of a store: codes and session keys that are over, sessions that
//! ended long ago, and sessions that nobody came back to.

use std::time::Duration;

use menjin_token::{Id, Timestamp};

use super::crowd::{Crowd, Visit, noise};
use super::rows::{CODES, GRANTS, Row, Rows, SESSION_KEYS, SESSIONS, Value};
use crate::stub::scrambled;

const DAY: Duration = Duration::from_hours(24);

/// So many rows, a quarter of each kind. Rows of another round are others.
pub(crate) fn rows(crowd: &Crowd, count: u64, round: u64) -> Vec<Rows> {
    let mut all = [&CODES, &SESSION_KEYS, &SESSIONS, &GRANTS].map(|table| Rows { table, rows: Vec::new() });
    let [codes, session_keys, sessions, grants] = &mut all;
    for nth in 0..count {
        let seed = scrambled(round << 32 | nth);
        match nth % 4 {
            0 => codes.rows.push(code(crowd, seed)),
            1 => session_keys.rows.push(session_key(crowd, seed)),
            kind => {
                let visit = if kind == 2 { ended(crowd, seed) } else { idle(crowd, seed) };
                sessions.rows.push(crowd.session(&visit));
                grants.rows.push(crowd.grant(&visit));
            }
        }
    }
    all.into()
}

fn code(crowd: &Crowd, seed: u64) -> Row {
    let until = crowd.now.minus(Duration::from_mins(1));
    vec![noise::<32>(seed).to_vec().into(), until.minus(Duration::from_mins(10)).millis().into(), until.millis().into()]
}

fn session_key(crowd: &Crowd, seed: u64) -> Row {
    let until = crowd.now.minus(Duration::from_mins(1));
    vec![
        Value::Id(noise(seed)),
        Value::Id(crowd.identity_id(somebody(crowd, seed)).to_bytes()),
        crowd.session_key(seed).into(),
        until.minus(Duration::from_mins(10)).millis().into(),
        until.millis().into(),
    ]
}

/// It was swept once when it had been idle; now it goes.
fn ended(crowd: &Crowd, seed: u64) -> Visit {
    let ended_at = crowd.now.minus(DAY * 31);
    Visit { ended: Some((ended_at, "logout")), ..visit(crowd, seed, ended_at.minus(DAY * 10)) }
}

fn idle(crowd: &Crowd, seed: u64) -> Visit {
    let opened_at = crowd.now.minus(DAY * 31);
    Visit { sweep_at: Some(opened_at.plus(DAY * 30)), ..visit(crowd, seed, opened_at) }
}

fn visit(crowd: &Crowd, seed: u64, opened_at: Timestamp) -> Visit {
    Visit {
        nth: somebody(crowd, seed),
        session: Id::new(opened_at, noise(seed)),
        grant: Id::new(opened_at, noise(!seed)),
        device: None,
        opened_at,
        ended: None,
        sweep_at: None,
    }
}

fn somebody(crowd: &Crowd, seed: u64) -> u64 {
    seed % crowd.size
}
