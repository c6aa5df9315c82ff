//! TLS of the public side: what handshakes are signed with, and how a new certificate takes the former one's place.
//!
//! Both files are read once a second and compared by what is in them. That sees a file written anew, one renamed over the
//! other, a folder behind a symlink swapped, and works on network file systems, where notices of the kernel miss some.
//! Does not: reading and judging (`certificate`), handshakes (`connection`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use menjin_token::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::certificate::{Certificate, Contents};
use crate::config::{Config, ConfigError, TlsFiles};
use crate::entropy::sha256;
use crate::state::Menjin;

const EVERY: Duration = Duration::from_secs(1);
const A_DAY: i64 = 24 * 60 * 60;

/// The certificate of the public side.
pub(crate) struct Tls {
    files: TlsFiles,
    public_url: Option<Url>,
    shown: Arc<Shown>,
    seen: Mutex<Seen>,
}

/// What handshakes are signed with.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// What the files were found to hold, by digest.
struct Seen {
    certificate: Certificate,
    shown: [u8; 32],
    latest: [u8; 32],
    refused: Option<[u8; 32]>,
    reminded: Option<i64>,
}

impl Tls {
    /// What `[tls]` names; `None` where a proxy has the certificate.
    pub(crate) fn load(config: &Config, now: Timestamp) -> Result<Option<Self>, ConfigError> {
        let Some(files) = config.tls.files() else { return Ok(None) };
        let contents = Contents::read(&files)?;
        let certificate = contents.judge(&files, now)?;
        let public_url = config.server.public_url.clone();
        for remark in certificate.remarks(&files, public_url.as_ref()) {
            tracing::warn!("{remark}");
        }
        let shown = Arc::new(Shown(ArcSwap::new(Arc::clone(&certificate.certified))));
        let digest = contents.digest();
        let seen = Seen { certificate, shown: digest, latest: digest, refused: None, reminded: None };
        Ok(Some(Self { files, public_url, shown, seen: Mutex::new(seen) }))
    }

    /// TLS 1.2 and 1.3; HTTP/2 for those who know it.
    pub(crate) fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let versions = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .context("versions of TLS")?;
        let mut config = versions.with_no_client_auth().with_cert_resolver(Arc::clone(&self.shown) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files. A change is taken once it looks the same twice, as the two are rarely written in one moment;
    /// one that can't be taken is told of once, and tried again.
    async fn look(&self, now: Timestamp, at_once: bool) {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || Contents::read(&files)).await;
        let Ok(read) = read else { return };
        let digest = read.as_ref().map_or_else(|error| sha256(error.to_string().as_bytes()), Contents::digest);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_settled = std::mem::replace(&mut seen.latest, digest) == digest || at_once;
        if digest == seen.shown {
            seen.refused = None;
        } else if is_settled {
            match read.and_then(|contents| contents.judge(&self.files, now)) {
                Ok(certificate) => self.show(&mut seen, certificate, digest),
                Err(_) if seen.refused == Some(digest) && !at_once => {}
                Err(error) => {
                    seen.refused = Some(digest);
                    tracing::warn!("the new certificate is not taken, the former one stays: {error}");
                }
            }
        }
        self.remind(&mut seen, now);
    }

    fn show(&self, seen: &mut Seen, certificate: Certificate, digest: [u8; 32]) {
        self.shown.0.store(Arc::clone(&certificate.certified));
        tracing::info!(tls.until = %certificate.until, "a new certificate is shown from now on");
        for remark in certificate.remarks(&self.files, self.public_url.as_ref()) {
            tracing::warn!("{remark}");
        }
        (seen.certificate, seen.shown, seen.refused, seen.reminded) = (certificate, digest, None, None);
    }

    /// Tells of the end, once a day while it is near.
    fn remind(&self, seen: &mut Seen, now: Timestamp) {
        let file = self.files.cert.display().to_string();
        let until = seen.certificate.until.secs();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        metrics::gauge!("menjin_tls_certificate_expires_timestamp_seconds", "file" => file).set(until as f64);
        let today = now.secs() / A_DAY;
        if let Some(soon) = seen.certificate.ends_soon(now).filter(|_| seen.reminded != Some(today)) {
            seen.reminded = Some(today);
            tracing::warn!("{soon}");
        }
    }
}

/// Follows the files for as long as menjin runs.
pub(crate) async fn follow(menjin: Menjin) {
    let Some(tls) = menjin.tls.get() else { return };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        tls.look(menjin.clock.now(), false).await;
    }
}

impl Menjin {
    /// What connections of the public side are taken with; `None` where a proxy speaks TLS.
    pub(crate) fn open_tls(&self) -> anyhow::Result<Option<TlsAcceptor>> {
        let Some(tls) = Tls::load(&self.config, self.clock.now())? else { return Ok(None) };
        self.tls.get_or_init(|| tls).acceptor().map(Some)
    }

    /// Whether `[tls]` is configured.
    pub fn speaks_tls(&self) -> bool {
        self.config.tls.files().is_some()
    }

    /// Looks at the files of `[tls]` now, and takes what they hold at once.
    pub async fn renew_certificate(&self) {
        if let Some(tls) = self.tls.get() {
            tls.look(self.clock.now(), true).await;
        }
    }
}
