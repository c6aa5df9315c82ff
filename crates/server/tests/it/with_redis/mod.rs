//! Two nodes that share a Redis: what it adds, and that losing it costs a delay at most.

mod limits;
mod lines;
mod losses;
mod operators;
mod passwords;
mod slow;
mod tokens;
mod wakes;

use std::sync::atomic::{AtomicU32, Ordering};

use menjin_testbed::Redis;

use crate::harness::Setup;

/// `[redis]` at this address, apart from other tests', with patience: a busy machine is no lost Redis.
pub(crate) fn at(url: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let prefix = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("\n[redis]\nurl = \"{url}\"\nprefix = \"test-{prefix}:\"\ntimeout = \"5s\"\n")
}

/// Adds `[redis]` to what a server starts with.
pub(crate) fn sharing(redis: &str, setup: Setup) -> Setup {
    Setup { toml: format!("{}{redis}", setup.toml), ..setup }
}

/// Everything that Redis holds, names and values, those that live for ever marked.
pub(crate) fn dump(redis: &Redis) -> String {
    let list = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                local kind = redis.call('TYPE', key).ok \
                local value = kind == 'hash' and table.concat(redis.call('HGETALL', key), ' ') or redis.call('GET', key) \
                local lives = redis.call('PTTL', key) < 0 and ' FOREVER ' or ' ' \
                all[#all + 1] = key .. lives .. value:gsub('[^%w%p ]', '.') end \
                return table.concat(all, '\\n')";
    redis.command_line(&["EVAL", list, "0"]).unwrap()
}
