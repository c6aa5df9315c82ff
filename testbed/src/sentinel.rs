//! Redis under a Sentinel: a primary, a replica, and one sentinel whose word is enough to change their roles.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::home::{Home, output};
use crate::instance::{Instance, on_a_free_port, wait_until};
use crate::redis::{Redis, client, server};

const SERVICE: &str = "menjin";

/// A primary and a replica that change roles when one fails.
#[derive(Debug)]
pub struct RedisSentinel {
    sentinel: Instance,
    client: PathBuf,
    port: u16,
    servers: [Redis; 2],
}

impl RedisSentinel {
    /// Starts all three, and waits until the replica follows and the sentinel knows both.
    pub fn start() -> anyhow::Result<Self> {
        let first = Redis::start()?;
        let second = Redis::start_with(&["--replicaof", "127.0.0.1", &first.port().to_string()])?;
        let client = client()?;
        let sentinel = Instance::new("Sentinel", Home::make("sentinel", "KILL")?);
        let is_following = || Ok(second.command_line(&["INFO", "replication"])?.contains("master_link_status:up"));
        ensure!(wait_until(is_following)?, "the replica does not follow its primary");
        let port = on_a_free_port(|port| {
            let file = sentinel.home.folder().join("sentinel.conf");
            fs::write(&file, settings(port, first.port()))?;
            let mut command = sentinel.home.command(&server()?);
            command.arg(file).arg("--sentinel");
            sentinel.start(command, || ask(&client, port, &["PING"]).is_ok_and(|answer| answer == "PONG"))
        })?;
        let started = Self { sentinel, client, port, servers: [first, second] };
        let knows_both = || {
            let known = started.ask(&["SENTINEL", "REPLICAS", SERVICE])?;
            Ok(known.contains("master-link-status\nok"))
        };
        ensure!(wait_until(knows_both)?, "the sentinel does not see the replica");
        Ok(started)
    }

    /// The sentinel's address, `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `redis+sentinel://…`, as menjin takes it.
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{SERVICE}", self.address())
    }

    /// The name under which the sentinel knows the primary.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// The server that is the primary just now, as the sentinel says.
    pub fn primary(&self) -> anyhow::Result<&Redis> {
        let answer = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE])?;
        let port = answer.lines().nth(1).context("the sentinel knows no primary")?;
        let found = self.servers.iter().find(|server| server.port().to_string() == port);
        found.with_context(|| format!("the sentinel names port {port}, which is none of ours"))
    }

    /// The other one.
    pub fn replica(&self) -> anyhow::Result<&Redis> {
        let primary = self.primary()?.port();
        self.servers.iter().find(|server| server.port() != primary).context("there is one primary")
    }

    /// Lets the two change roles, as an operator does, and waits until they have.
    pub fn fail_over(&self) -> anyhow::Result<()> {
        let before = self.primary()?.port();
        // The sentinel refuses while a former change is not finished.
        let mut refusal = String::new();
        let is_taken = wait_until(|| {
            refusal = self.ask(&["SENTINEL", "FAILOVER", SERVICE])?;
            Ok(refusal == "OK")
        })?;
        ensure!(is_taken, "the sentinel refuses: {refusal}");
        self.wait_for_another_than(before)
    }

    /// Kills the primary and waits until the other is. The killed one can be started again, and becomes the replica.
    pub fn kill_primary(&self) -> anyhow::Result<&Redis> {
        let primary = self.primary()?;
        primary.kill()?;
        self.wait_for_another_than(primary.port())?;
        Ok(primary)
    }

    fn wait_for_another_than(&self, before: u16) -> anyhow::Result<()> {
        let has_changed = || {
            let primary = self.primary()?;
            Ok(primary.port() != before && primary.command_line(&["ROLE"])?.starts_with("master"))
        };
        if !wait_until(has_changed)? {
            bail!("the replica did not become the primary; see {}", self.sentinel.log().display());
        }
        Ok(())
    }

    fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        ask(&self.client, self.port, words)
    }
}

fn ask(client: &std::path::Path, port: u16, words: &[&str]) -> anyhow::Result<String> {
    let answer = output(Command::new(client).current_dir("/").args(["-p", &port.to_string()]).args(words))?;
    Ok(answer.trim_end_matches('\n').to_owned())
}

fn settings(port: u16, primary: u16) -> String {
    format!(
        "bind 127.0.0.1\nport {port}\n\
         sentinel monitor {SERVICE} 127.0.0.1 {primary} 1\n\
         sentinel down-after-milliseconds {SERVICE} 500\n\
         sentinel failover-timeout {SERVICE} 2000\n"
    )
}
