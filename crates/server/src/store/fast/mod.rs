//! What is quick and may be lost: rate counters, wake-ups and a cache, in this process, and over all nodes in Redis.
//!
//! Nothing here is the truth: whoever asks goes on without an answer (design §4.8).

mod cache;
mod in_process;
mod line;
mod rates;
mod redis;
mod slowing;
mod tries;
mod wake;

use std::sync::Arc;

pub(crate) use in_process::{Bars, InProcess};
pub(crate) use line::Line;
pub(crate) use rates::Quotas;
pub(crate) use slowing::Slowing;
pub(crate) use tries::{Pace, Tries};
pub use wake::Bell;
pub(crate) use wake::Wake;

use crate::config;

/// The help that nodes give each other.
#[derive(Debug)]
pub(crate) struct Fast {
    /// Tells other nodes that there is something to read, and hears them.
    pub(crate) wake: Wake,
    /// Redis, where there is one.
    pub(crate) line: Option<Arc<Line>>,
}

impl Fast {
    /// Connects to Redis, where one is configured: without it, `bell` wakes the others. One that can't be reached is no
    /// failure. `node` is this node's own name.
    pub(crate) async fn new(config: &config::Redis, node: u32, bell: Option<Arc<dyn Bell>>) -> anyhow::Result<Self> {
        let Some(line) = Line::new(config)?.map(Arc::new) else {
            return Ok(Self { wake: Wake::new(bell), line: None });
        };
        line.begin().await;
        let bell = redis::Channel::new(Arc::clone(&line), node);
        Ok(Self { wake: Wake::new(Some(Arc::new(bell))), line: Some(line) })
    }

    /// Keeps Redis and the wake-ups going for as long as the server runs.
    pub(crate) async fn keep(&self) {
        let line = async {
            match &self.line {
                Some(line) => line.keep().await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(line, self.wake.carry());
    }
}
