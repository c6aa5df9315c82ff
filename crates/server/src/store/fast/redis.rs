//! Wake-ups over a channel of Redis.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;

use super::{Bell, Line};

/// The channel that all nodes of one installation share.
#[derive(Debug)]
pub(super) struct Channel {
    line: Arc<Line>,
    name: String,
    node: String,
}

impl Channel {
    pub(super) fn new(line: Arc<Line>, node: u32) -> Self {
        Self { name: line.key("wake"), node: format!("{node:08x}"), line }
    }
}

#[async_trait]
impl Bell for Channel {
    async fn ring(&self) {
        self.line.ask::<i64>(redis::cmd("PUBLISH").arg(&self.name).arg(&self.node)).await;
    }

    async fn listen(&self, heard: &(dyn Fn() + Send + Sync)) {
        let Some(mut subscribed) = self.line.subscribe(&self.name).await else { return };
        heard();
        let mut messages = subscribed.on_message();
        let hearing = async {
            while let Some(message) = messages.next().await {
                if message.get_payload_bytes() != self.node.as_bytes() {
                    heard();
                }
            }
        };
        // A subscription is a connection of its own. Redis that dies or hangs loses the line, and that ends this one, too. One
        // that something between drops without a word, while the line stays good, is noticed by nobody: the others' wake-ups
        // are missed, and the ticks of whoever listens do without.
        tokio::select! {
            () = hearing => {}
            () = self.line.lost() => {}
        }
    }
}
