//! What menjin itself asks over HTTP, besides platforms (`platform` does that): in development, the simulator.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use url::Url;

/// The simulator's control side, on loopback.
#[derive(Debug, Clone)]
pub struct Simulator {
    base: Url,
    client: reqwest::Client,
}

impl Simulator {
    /// The simulator at this address.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().context("an HTTP client")?;
        Ok(Self { base, client })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Url {
        &self.base
    }

    /// Posts `body` to `path`; gives status and answer.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let url = self.base.join(path).context("the simulator's address")?;
        let answer = self.client.post(url).json(body).send().await.context("asking the simulator")?;
        Ok((answer.status().as_u16(), answer.json().await.context("reading the simulator's answer")?))
    }

    /// What is at `path`.
    pub(crate) async fn look(&self, path: &str) -> anyhow::Result<Value> {
        let url = self.base.join(path).context("the simulator's address")?;
        let answer = self.client.get(url).send().await.context("asking the simulator")?;
        answer.json().await.context("reading the simulator's answer")
    }
}
