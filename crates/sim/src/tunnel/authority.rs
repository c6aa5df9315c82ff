//! A certificate authority of its own for each start. Its key is never written, and it can vouch for the platforms' hosts alone.

use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use tokio_rustls::TlsAcceptor;

use super::hosts::HOSTS;
use crate::clock;

/// Clocks differ by a little.
const BEFORE: Duration = Duration::days(1);
/// Long enough for a simulator that is left running.
const AFTER: Duration = Duration::days(90);

/// Whom clients of the proxy are to trust.
#[derive(Clone)]
pub struct Authority {
    certificate: Arc<str>,
    tls: Arc<ServerConfig>,
}

impl Authority {
    /// A new one, that nobody trusts yet.
    pub fn new() -> anyhow::Result<Self> {
        let now = OffsetDateTime::from_unix_timestamp(clock::system_seconds()).context("this machine's clock")?;
        let own = CertifiedIssuer::self_signed(own(now)?, KeyPair::generate()?).context("making a CA")?;
        let key = KeyPair::generate()?;
        let shown = shown(now)?.signed_by(&key, &own).context("making a certificate")?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let versions = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let versions = versions.with_safe_default_protocol_versions().context("versions of TLS")?;
        let mut tls = versions.with_no_client_auth().with_single_cert(vec![shown.der().clone()], private)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { certificate: own.pem().into(), tls: Arc::new(tls) })
    }

    /// What goes into the CA file, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.tls))
    }
}

fn own(now: OffsetDateTime) -> anyhow::Result<CertificateParams> {
    let mut own = CertificateParams::new(Vec::new())?;
    own.distinguished_name.push(DnType::CommonName, "menjin sim, for tests on this machine");
    own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted_subtrees = HOSTS.iter().map(|host| GeneralSubtree::DnsName(host.name.to_owned())).collect();
    own.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    (own.not_before, own.not_after) = (now - BEFORE, now + AFTER);
    Ok(own)
}

fn shown(now: OffsetDateTime) -> anyhow::Result<CertificateParams> {
    let mut shown = CertificateParams::new(HOSTS.iter().map(|host| host.name.to_owned()).collect::<Vec<_>>())?;
    shown.distinguished_name.push(DnType::CommonName, HOSTS[0].name);
    shown.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    shown.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    shown.use_authority_key_identifier_extension = true;
    (shown.not_before, shown.not_after) = (now - BEFORE, now + AFTER);
    Ok(shown)
}
