//! Starting a `menjin dev`, and serving until it is told to stop.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use menjin_server::config::Config;
use menjin_server::entropy::{Entropy, SystemEntropy};
use menjin_server::{Around, Dev, Listeners, Menjin, Simulator};
use menjin_sim::Sim;
use tokio::sync::watch;
use url::Url;

use super::configuration::{self, APP_SECRET, BACKEND_SECRET, HAPI_SECRET, MASTER_KEY, Places};
use super::folder::Folder;
use super::real_app::RealAppId;
use super::{DEMO, DEMO_APPID, DEMO_ONE, DEMO_ONE_APPID, lan, others, sites};
use crate::{init, listen, settings};

/// How a `menjin dev` starts.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) sim_port: u16,
    pub(crate) data: PathBuf,
    pub(crate) apps: Vec<RealAppId>,
    pub(crate) lan: bool,
}

/// A `menjin dev` whose sockets are bound: whoever connects now is answered once it serves.
#[derive(Debug)]
pub(crate) struct Running {
    /// What clients call; the issuer.
    pub(super) public_url: Url,
    /// The same server from this machine alone, where `/dev` is.
    pub(super) local_url: Url,
    pub(super) simulator_url: Url,
    pub(super) backend_secret: String,
    pub(super) data: PathBuf,
    pub(super) apps: Vec<RealAppId>,
    pub(super) lan: bool,
    _folder: Folder,
    menjin: Menjin,
    listeners: Listeners,
    sim: Sim,
    sim_listener: TcpListener,
}

pub(crate) async fn start(options: Options) -> anyhow::Result<Running> {
    let Options { port, sim_port, data, apps, lan } = options;
    let folder = Folder::open(&data)?;
    let secrets = Secrets::of(&folder, &apps)?;
    let listeners = bind(port, lan)?;
    let sim_listener = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, sim_port)), "--sim-port")?;
    let public_url = address_of(&listeners.public)?;
    let local_url = listeners.admin.as_ref().map_or_else(|| Ok(public_url.clone()), address_of)?;
    let simulator_url = address_of(&sim_listener)?;
    let places = Places { public_url: &public_url, local_url: &local_url, simulator: &simulator_url, lan, apps: &apps };
    let text = configuration::text(&places);
    let file = folder.path().join(settings::FILE);
    fs::write(&file, &text).with_context(|| format!("{} can't be written (--data)", file.display()))?;
    let config = Config::parse(&text, folder.path())?;
    let dev = Dev { simulator: Simulator::new(simulator_url.clone())?, lan };
    let menjin = Menjin::new(config, Around { dev: Some(dev), ..Around::default() }).await?;
    let sim = simulator(&secrets);
    let backend_secret = secrets.backend;
    Ok(Running {
        public_url,
        local_url,
        simulator_url,
        backend_secret,
        data,
        apps,
        lan,
        _folder: folder,
        menjin,
        listeners,
        sim,
        sim_listener,
    })
}

impl Running {
    /// Where the server is for this machine.
    pub(crate) fn local_url(&self) -> &Url {
        &self.local_url
    }

    /// Serves until `stop` resolves: the server first, then the simulator that it may still be asking.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        let (stopping, mut stopped) = watch::channel(());
        let sim_listener = listen::asynchronous(self.sim_listener)?;
        let simulating = tokio::spawn(self.sim.serve(sim_listener, async move {
            // An error means that the other end is gone, which is the news.
            stopped.changed().await.ok();
        }));
        let served = self.menjin.serve(self.listeners, stop).await;
        drop(stopping);
        simulating.await.context("the simulator")?.context("the simulator")?;
        served
    }
}

/// Of the secrets that are made here, those that are handed on.
struct Secrets {
    app: String,
    aes_key: String,
    backend: String,
}

impl Secrets {
    fn of(folder: &Folder, apps: &[RealAppId]) -> anyhow::Result<Self> {
        folder.secret(MASTER_KEY, || Ok(init::secret()))?;
        let random = || Ok(random_text());
        folder.secret(HAPI_SECRET, random)?;
        for app in apps {
            folder.secret(&app.secret_file(), || app.ask_secret())?;
        }
        let app = folder.secret(APP_SECRET, || Ok(app_secret()))?;
        let backend = folder.secret(BACKEND_SECRET, random)?;
        folder.secret(others::PRIVATE_KEY, || Ok(menjin_sim::APP_PRIVATE_KEY.to_owned()))?;
        let aes_key = folder.secret(others::AES_KEY, || Ok(aes_key()))?;
        Ok(Self { app, aes_key, backend })
    }
}

/// 32 random bytes, in characters that need no escape in any header or address.
fn random_text() -> String {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    URL_SAFE_NO_PAD.encode(entropy.bytes::<32>())
}

/// 32 hexadecimal digits, as WeChat makes them.
fn app_secret() -> String {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    format!("{:032x}", u128::from_be_bytes(entropy.bytes()))
}

/// 16 random bytes, as Alipay's console shows them.
fn aes_key() -> String {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    STANDARD.encode(entropy.bytes::<16>())
}

/// On the local network, loopback has a listener of its own, and only there are `/dev` and the operator's side.
fn bind(port: u16, lan: bool) -> anyhow::Result<Listeners> {
    if lan {
        let (public, loopback) = lan::bind(port)?;
        return Ok(Listeners { public, admin: Some(loopback) });
    }
    let public = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "--port")?;
    Ok(Listeners { public, admin: None })
}

fn address_of(listener: &TcpListener) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{}", listener.local_addr()?))?)
}

fn simulator(secrets: &Secrets) -> Sim {
    let apps = [(DEMO, DEMO_APPID), (DEMO_ONE, DEMO_ONE_APPID)].map(|(id, appid)| {
        let mut app = menjin_sim::App::mini_program(appid, &secrets.app).bound_to(DEMO);
        id.clone_into(&mut app.name);
        app
    });
    let others = others::simulated(&secrets.app, &secrets.aes_key);
    Sim::new(menjin_sim::Options {
        apps: apps.into_iter().chain(sites::simulated(&secrets.app)).chain(others).collect(),
        ..menjin_sim::Options::default()
    })
}
