//! menjin under TLS of its own: a throwaway authority, servers that show its certificates, clients that trust it alone.

mod handshakes;
mod refusals;
mod renewal;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use reqwest::StatusCode;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Setup, TestServer};
use crate::store::Folder;

/// Who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: rcgen::Certificate,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

/// What a certificate says beside its names.
pub(crate) fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = parameters(&[]);
        // OpenSSL takes a certificate whose issuer has its own name for self-signed.
        parameters.distinguished_name.push(DnType::CommonName, "an authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = parameters.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(parameters, key), own }
    }

    pub(crate) fn pem(&self) -> String {
        self.own.pem()
    }

    /// For where tests serve.
    pub(crate) fn issue(&self) -> Issued {
        self.sign(&parameters(&["localhost", "127.0.0.1"]))
    }

    pub(crate) fn sign(&self, parameters: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Issued { cert: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// A client over HTTP/1 that trusts this authority alone.
    pub(crate) fn client(&self) -> reqwest::Client {
        let own = reqwest::Certificate::from_der(self.own.der()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([own]).retry(reqwest::retry::never());
        client.timeout(std::time::Duration::from_secs(20)).build().unwrap()
    }

    /// A connection under TLS of one of these versions, on which this protocol is to be spoken.
    pub(crate) async fn connect(
        &self,
        t: &TestServer,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.der().clone()).unwrap();
        let provider = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = provider.with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(address(t)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// The certificate that a newcomer is shown.
    pub(crate) async fn shown(&self, t: &TestServer) -> CertificateDer<'static> {
        let stream = self.connect(t, rustls::DEFAULT_VERSIONS, "http/1.1").await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    }
}

pub(crate) fn address(t: &TestServer) -> &str {
    t.url.trim_start_matches("http://")
}

pub(crate) fn https(t: &TestServer, path: &str) -> String {
    format!("https://{}{path}", address(t))
}

impl Issued {
    /// Puts both where `[tls]` names them, each in one step.
    pub(crate) fn put_into(&self, folder: &Path) {
        put(folder, "cert.pem", &self.cert);
        put(folder, "key.pem", &self.key);
    }
}

/// Puts one file where another may be, as careful programs do.
pub(crate) fn put(folder: &Path, name: &str, text: &str) {
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

/// A server with this certificate.
pub(crate) async fn start(issued: &Issued, setup: Setup) -> TestServer {
    let folder = Arc::new(Folder::new());
    issued.put_into(folder.path());
    start_in(folder, setup).await
}

/// The same, with what stands in `folder` already.
pub(crate) async fn start_in(folder: Arc<Folder>, setup: Setup) -> TestServer {
    let toml = format!("{}\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n", setup.toml);
    let public_url = Some("https://localhost".to_owned());
    let t = TestServer::with(Setup { folder: Some(folder), toml, public_url, ..setup }).await;
    // Once it answers, it has read the files.
    assert_eq!(t.admin_get("/metrics").await.status, StatusCode::OK);
    t
}

/// Signs a person in; gives the answer's body.
pub(crate) async fn sign_in(t: &TestServer, client: &reqwest::Client, person: &str) -> Value {
    let body = json!({"code": t.code(person)});
    let answer = client.post(https(t, "/v1/login/shop")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}
