//! One TLS handshake as a phone makes it: what the server showed, and what is wrong with it.
//!
//! Does not: trusting anything that the system would not; saying it to people (`address`).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use menjin_server::CertificateFacts;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const DEADLINE: Duration = Duration::from_secs(10);

/// How it went.
#[derive(Debug)]
pub(super) enum Handshake {
    /// As it should; facts of the server's own certificate.
    Good(Option<CertificateFacts>),
    /// Nobody took the connection.
    NoConnection(String),
    /// Whoever is there speaks no TLS, or breaks off.
    NoTls(String),
    /// Whoever is there speaks only TLS that is too old.
    TooOld,
    /// Its certificate has expired.
    Expired(Option<CertificateFacts>),
    /// Its certificate does not hold yet.
    NotYet,
    /// Its certificate is for others.
    WrongName,
    /// Its certificate vouches for itself.
    SelfSigned,
    /// The certificate in between is not shown.
    Incomplete,
    /// Its certificate comes from an authority that nobody trusts.
    Untrusted,
    /// Anything else.
    Refused(String),
}

/// Shakes hands with the first address that takes a connection.
pub(super) async fn with(addresses: &[SocketAddr], host: &str) -> Handshake {
    match tokio::time::timeout(DEADLINE, shaken(addresses, host)).await {
        Ok(handshake) => handshake,
        Err(_) => Handshake::NoConnection("no answer within 10 s".to_owned()),
    }
}

async fn shaken(addresses: &[SocketAddr], host: &str) -> Handshake {
    let stream = match TcpStream::connect(addresses).await {
        Ok(stream) => stream,
        Err(error) => return Handshake::NoConnection(error.to_string()),
    };
    let (watching, config) = match watching() {
        Ok(ready) => ready,
        Err(error) => return Handshake::Refused(error.to_string()),
    };
    let Ok(name) = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()) else {
        return Handshake::WrongName;
    };
    let shaken = TlsConnector::from(config).connect(name, stream).await;
    let chain = watching.chain.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shaken {
        Ok(_) => Handshake::Good(chain.first().and_then(|own| CertificateFacts::of(own))),
        Err(error) => why(&error, &chain),
    }
}

fn why(error: &std::io::Error, chain: &[CertificateDer<'static>]) -> Handshake {
    let own = chain.first().and_then(|own| CertificateFacts::of(own));
    let Some(refused) = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>()) else {
        return Handshake::NoTls(error.to_string());
    };
    if let rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) =
        refused
    {
        return Handshake::TooOld;
    }
    let rustls::Error::InvalidCertificate(refused) = refused else {
        return Handshake::NoTls(refused.to_string());
    };
    if let CertificateError::Expired | CertificateError::ExpiredContext { .. } = refused {
        Handshake::Expired(own)
    } else if let CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } = refused {
        Handshake::NotYet
    } else if let CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } = refused {
        Handshake::WrongName
    } else if own.is_some_and(|own| own.is_its_own_issuer) {
        Handshake::SelfSigned
    } else if let CertificateError::UnknownIssuer | CertificateError::BadSignature = refused {
        // An intermediate that is missing can't be told from one that nobody knows; to show none at all is the usual slip.
        if chain.len() == 1 { Handshake::Incomplete } else { Handshake::Untrusted }
    } else {
        Handshake::Refused(refused.to_string())
    }
}

fn watching() -> Result<(Arc<Watching>, Arc<ClientConfig>), rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let judge = Verifier::new(Arc::clone(&provider))?;
    let watching = Arc::new(Watching { judge, chain: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&watching) as _)
        .with_no_client_auth();
    Ok((watching, Arc::new(config)))
}

/// The system's judge, and what it was shown.
#[derive(Debug)]
struct Watching {
    judge: Verifier,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = std::iter::once(own).chain(above).map(|it| it.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        self.judge.verify_server_cert(own, above, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
