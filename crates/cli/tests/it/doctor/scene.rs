//! A machine that goes live: a folder with the configuration, a door that people come by, and WeChat at its own hosts.

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use menjin_sim::{App, Authority as Wechats, Options, Sim};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::certificates::{Authority, Shown};
use crate::harness::{Ran, Server, menjin};

pub(crate) const APPID: &str = "wx0123456789abcdef";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const KEY: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
pub(crate) const OTHER_KEY: &str = "/wARIjNEVWZ3iJmqu8zd7v8AESIzRFVmd4iZqrvM3e4=";

pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) sim: Sim,
    proxy: SocketAddr,
    runtime: Runtime,
}

/// What the doctor said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) all: Value,
}

/// What a visitor of a door meets.
pub(crate) enum Behind {
    /// Whatever listens there, as it is.
    Server(SocketAddr),
    /// A handshake with this certificate, and an end.
    Certificate(Shown),
    /// These bytes, whatever is asked.
    Bytes(&'static [u8]),
}

impl Scene {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = Sim::new(Options { apps: vec![App::mini_program(APPID, SECRET)], ..Options::default() });
        let wechats = Wechats::new().unwrap();
        let authority = Authority::new("whom the tests trust");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let proxy = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let trusted = format!("{}{}", authority.root, wechats.certificate());
        fs::write(folder.path().join("trusted.pem"), trusted).unwrap();
        runtime.spawn(sim.clone().serve_as_platforms(listener, wechats, pending()));
        Self { folder, authority, sim, proxy, runtime }
    }

    /// The token that WeChat holds for the app.
    pub(crate) fn wechats_token(&self) -> String {
        self.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/cgi-bin/stable_token", listener.local_addr().unwrap());
            let serving = tokio::spawn(self.sim.clone().serve(listener, pending()));
            let asked = serde_json::json!({"grant_type": "client_credential", "appid": APPID, "secret": SECRET});
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer: Value = client.post(url).json(&asked).send().await.unwrap().json().await.unwrap();
            serving.abort();
            answer["access_token"].as_str().unwrap().to_owned()
        })
    }

    /// A door; what is behind it is said later.
    pub(crate) fn door(&self) -> (u16, TcpListener) {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        (listener.local_addr().unwrap().port(), listener)
    }

    /// From now on visitors of the door meet this.
    pub(crate) fn open(&self, door: TcpListener, behind: Behind) {
        let behind = Arc::new(behind);
        self.runtime.spawn(async move {
            while let Ok((visitor, _)) = door.accept().await {
                tokio::spawn(welcome(visitor, Arc::clone(&behind)));
            }
        });
    }

    /// A configuration that serves at this port's https, with these lines beside.
    pub(crate) fn configure(&self, public_url: &str, more: &str) {
        let app = format!(
            "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"{APPID}\"\nsecret_file = \"shop.secret\"\n"
        );
        let text = format!(
            "secret_key_file = \"secret.key\"\n[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"{public_url}\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n{app}{more}"
        );
        private(&self.folder.path().join("menjin.toml"), &text);
        private(&self.folder.path().join("shop.secret"), SECRET);
        private(&self.folder.path().join("secret.key"), KEY);
    }

    /// Changes the configuration.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let file = self.folder.path().join("menjin.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        private(&file, &text.replace(from, to));
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        private(&self.folder.path().join(name), text);
    }

    /// `menjin serve` with a certificate of its own, behind a door.
    pub(crate) fn serve(&self, more: &str) -> (Server, u16) {
        let (port, door) = self.door();
        self.configure(
            &format!("https://localhost:{port}"),
            &format!("{more}\n[tls]\ncert = \"chain.pem\"\nkey = \"key.pem\"\n"),
        );
        let shown = self.authority.shown(&["localhost", "127.0.0.1"]);
        self.put("chain.pem", &shown.chain);
        self.put("key.pem", &shown.key);
        let server = self.start();
        let line: Value = serde_json::from_str(server.page.lines().last().unwrap()).unwrap();
        self.open(door, Behind::Server(line["server.listen"].as_str().unwrap().parse().unwrap()));
        (server, port)
    }

    /// `menjin serve` as it is configured.
    pub(crate) fn start(&self) -> Server {
        let mut command = menjin(&["serve"]);
        command.current_dir(self.folder.path());
        Server::start(command, "menjin serves")
    }

    /// What the doctor says; in no case a secret.
    pub(crate) fn doctor(&self, more: &[&str]) -> Said {
        let ran = self.run("C.UTF-8", &[&["--json"], more].concat());
        assert_eq!(ran.err, "", "{}", ran.out);
        Said { code: ran.code, all: serde_json::from_str(&ran.out).unwrap() }
    }

    pub(crate) fn run(&self, locale: &str, more: &[&str]) -> Ran {
        let mut command = menjin(&[&["doctor"], more].concat());
        let proxy = format!("http://{}", self.proxy);
        command.current_dir(self.folder.path()).env("LC_ALL", locale);
        for name in ["HTTPS_PROXY", "https_proxy"] {
            command.env(name, &proxy);
        }
        for name in ["NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_DIR"] {
            command.env_remove(name);
        }
        command.env("SSL_CERT_FILE", self.folder.path().join("trusted.pem"));
        let ran = Ran::from(command.output().unwrap());
        for secret in [SECRET, KEY, OTHER_KEY, "hunter2"] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{}{}", ran.out, ran.err);
        }
        ran
    }
}

impl Said {
    /// The findings of one subject: status, what was found, and what to do.
    pub(crate) fn of(&self, check: &str) -> Vec<[String; 3]> {
        let all = self.all["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
        all.filter(|it| it["check"] == check)
            .map(|it| [text(it, "status"), text(it, "found"), text(it, "remedy")])
            .collect()
    }

    /// One finding of the subject is a failure, with these words; and so the program failed.
    #[track_caller]
    pub(crate) fn fails(&self, check: &str, words: &[&str]) {
        self.has("failure", check, words);
        assert_eq!((self.code, &self.all["ok"]), (Some(1), &Value::Bool(false)), "{:#}", self.all);
    }

    #[track_caller]
    pub(crate) fn has(&self, status: &str, check: &str, words: &[&str]) {
        let found = self.of(check);
        let is_it =
            |it: &[String; 3]| it[0] == status && words.iter().all(|word| it[1].contains(word) || it[2].contains(word));
        assert!(found.iter().any(is_it), "no {status} of {check} with {words:?} in {:#}", self.all);
        let without_remedy = |it: &[String; 3]| it[0] != "ok" && it[2].is_empty();
        assert!(!found.iter().any(without_remedy), "{found:?}");
    }
}

async fn welcome(mut visitor: TcpStream, behind: Arc<Behind>) {
    match &*behind {
        Behind::Server(address) => {
            if let Ok(mut server) = TcpStream::connect(address).await {
                // Either side may be gone already.
                copy_bidirectional(&mut visitor, &mut server).await.ok();
            }
        }
        Behind::Certificate(shown) => {
            TlsAcceptor::from(shown.config()).accept(visitor).await.ok();
        }
        Behind::Bytes(bytes) => {
            // Whoever asks is heard first: to close before that would be a reset.
            if visitor.read(&mut [0; 16_384]).await.is_ok_and(|heard| heard > 0) {
                visitor.write_all(bytes).await.ok();
                visitor.shutdown().await.ok();
            }
        }
    }
}

fn private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
