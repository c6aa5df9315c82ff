//! The line to Redis: connected again by itself, and left alone for a second whenever it fails, so that a dead or slow
//! Redis costs nobody more than one short wait.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, ScriptInvocation, TlsCertificates, TlsMode,
};
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::config::{self, RedisPlace, Sentinels};

/// How often a line is tried, lost or not.
const EVERY: Duration = Duration::from_secs(1);
/// A connection that takes longer to be made is given up.
const CONNECT: Duration = Duration::from_secs(2);

/// A line to Redis.
pub(crate) struct Line {
    servers: AsyncMutex<Servers>,
    prefix: String,
    timeout: Duration,
    /// The connection while it is good.
    good: watch::Sender<Option<Good>>,
    /// How many connections there have been.
    made: AtomicU64,
    /// Whether the log has said that it is lost.
    told_lost: Mutex<bool>,
}

/// A connection, and the how manieth it is.
#[derive(Clone)]
struct Good {
    connection: MultiplexedConnection,
    number: u64,
}

enum Servers {
    One(Box<Client>),
    Watched(Box<SentinelClient>),
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("good", &self.good.borrow().is_some()).finish_non_exhaustive()
    }
}

impl Line {
    /// A line as configured; `None` without a `redis.url`.
    pub(super) fn new(config: &config::Redis) -> anyhow::Result<Option<Self>> {
        let Some(place) = config.place()? else { return Ok(None) };
        let certificates = TlsCertificates { client_tls: None, root_cert: config.ca().map(<[u8]>::to_vec) };
        let servers = match place {
            RedisPlace::Server(info) if config.ca().is_some() => {
                Client::build_with_tls(*info, certificates).map(Box::new).map(Servers::One)
            }
            RedisPlace::Server(info) => Client::open(*info).map(Box::new).map(Servers::One),
            RedisPlace::Sentinels(sentinels) => watched(&sentinels, config.ca().map(|_| certificates)),
        };
        Ok(Some(Self {
            servers: AsyncMutex::new(servers.context("`redis.url` or `redis.ca_file`")?),
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            good: watch::Sender::new(None),
            made: AtomicU64::new(0),
            told_lost: Mutex::new(false),
        }))
    }

    /// The full name of a key or channel.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The answer to a command; `None` when it can't be had now.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let Good { mut connection, number } = self.good.borrow().clone()?;
        self.answer(number, command.query_async(&mut connection)).await
    }

    /// The answer of a script; `None` when it can't be had now.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let Good { mut connection, number } = self.good.borrow().clone()?;
        self.answer(number, script.invoke_async(&mut connection)).await
    }

    /// Whether Redis took a write when it was last tried.
    pub(crate) fn is_good(&self) -> bool {
        self.good.borrow().is_some()
    }

    /// Listens to a channel; `None` when that can't be now.
    pub(super) async fn subscribe(&self, channel: &str) -> Option<PubSub> {
        if self.good.borrow().is_none() {
            return None;
        }
        let subscribing = async {
            let mut subscribed = self.client().await?.get_async_pubsub().await?;
            subscribed.subscribe(channel).await?;
            RedisResult::Ok(subscribed)
        };
        tokio::time::timeout(CONNECT, subscribing).await.ok()?.ok()
    }

    /// Resolves when the line is lost.
    pub(super) async fn lost(&self) {
        self.good.subscribe().wait_for(Option::is_none).await.map(drop).unwrap_or_default();
    }

    /// The first try: a line that can't be had is a warning.
    pub(super) async fn begin(&self) {
        metrics::gauge!("menjin_redis_up").set(0);
        self.connect().await;
    }

    /// Tries the line each second, and makes it anew when it is lost.
    pub(super) async fn keep(&self) -> ! {
        loop {
            tokio::time::sleep(EVERY).await;
            let good = self.good.borrow().clone();
            match good {
                Some(Good { mut connection, number }) => drop(self.answer(number, self.probe(&mut connection)).await),
                None => self.connect().await,
            }
        }
    }

    async fn connect(&self) {
        let connecting = async {
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
            let mut connection = self.client().await?.get_multiplexed_async_connection_with_config(&config).await?;
            // One that is too slow for everybody is still lost.
            let in_time = tokio::time::timeout(self.timeout, self.probe(&mut connection)).await;
            in_time.map_err(|_| redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)))??;
            RedisResult::Ok(connection)
        };
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                self.good.send_replace(Some(Good { connection, number }));
                metrics::gauge!("menjin_redis_up").set(1);
                if std::mem::take(&mut *self.told()) {
                    tracing::info!("Redis is back");
                }
            }
            Ok(Err(error)) => self.tell_lost(&reason(&error)),
            Err(_) => self.tell_lost("no connection within two seconds"),
        }
    }

    /// Whether Redis takes a write now: one that is full, or a replica by now, is no help.
    async fn probe(&self, connection: &mut impl ConnectionLike) -> RedisResult<()> {
        let key = self.key("up");
        redis::cmd("SET").arg(key).arg(1).arg("EX").arg(10).query_async(connection).await
    }

    async fn client(&self) -> RedisResult<Client> {
        match &mut *self.servers.lock().await {
            Servers::One(client) => Ok(Client::clone(client)),
            Servers::Watched(sentinels) => sentinels.async_get_client().await,
        }
    }

    async fn answer<T>(&self, number: u64, asked: impl Future<Output = RedisResult<T>>) -> Option<T> {
        match tokio::time::timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => self.lose(number, &reason(&error)),
            Err(_) => self.lose(number, "no answer within `redis.timeout`"),
        }
        None
    }

    /// From now on nobody asks, until the line has been tried again. What failed on a connection that was lost before says
    /// nothing of the one that took its place.
    fn lose(&self, number: u64, why: &str) {
        let is_lost = self.good.send_if_modified(|good| good.take_if(|good| good.number == number).is_some());
        if is_lost {
            metrics::gauge!("menjin_redis_up").set(0);
            self.tell_lost(why);
        }
    }

    fn tell_lost(&self, why: &str) {
        if !std::mem::replace(&mut *self.told(), true) {
            tracing::warn!(
                why,
                "Redis is lost (`redis.url`): limits count on each node by itself, and ended sessions take up to `lifetimes.feed_read` longer to be refused elsewhere"
            );
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, bool> {
        self.told_lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn watched(sentinels: &Sentinels, certificates: Option<TlsCertificates>) -> RedisResult<Servers> {
    let addresses = sentinels.addresses.iter().cloned();
    let mut builder = SentinelClientBuilder::new(addresses, sentinels.master.clone(), SentinelServerType::Master)?
        .set_client_to_redis_db(sentinels.server.db());
    if sentinels.tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(username) = sentinels.server.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = sentinels.server.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = &sentinels.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &sentinels.password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build().map(|client| Servers::Watched(Box::new(client)))
}

/// The kind of a failure, and the server's own code: its text may quote a command.
fn reason(error: &redis::RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => error.category().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    mod with_redis {
        use menjin_testbed::Redis;

        use super::super::*;

        #[tokio::test]
        async fn what_failed_on_a_lost_connection_does_not_lose_the_next_one() {
            let url = format!("url = \"{}\"\nprefix = \"a-test-of-lines:\"\ntimeout = \"5s\"", Redis::shared().url());
            let config = config::Config::parse(&format!("[redis]\n{url}"), std::path::Path::new("")).unwrap();
            let line = Line::new(&config.redis).unwrap().unwrap();
            line.begin().await;
            let first = line.good.borrow().clone().unwrap().number;
            line.lose(first, "a test");
            assert!(line.good.borrow().is_none());
            line.connect().await;
            line.lose(first, "a test");
            assert_eq!(line.ask::<String>(&redis::cmd("PING")).await.as_deref(), Some("PONG"));
        }
    }
}
