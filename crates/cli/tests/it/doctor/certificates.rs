//! Certificates for this machine's name, right and wrong, and the authority that the tests trust.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority and the one below it, which signs.
pub(crate) struct Authority {
    pub(crate) root: String,
    between: CertifiedIssuer<'static, KeyPair>,
}

/// What a server shows, and the key that it has.
pub(crate) struct Shown {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(name), KeyPair::generate().unwrap()).unwrap();
        let pem = root.pem();
        let between = CertifiedIssuer::signed_by(authority("between"), KeyPair::generate().unwrap(), &root).unwrap();
        Self { root: pem, between }
    }

    /// A certificate for these names, with the whole chain.
    pub(crate) fn shown(&self, names: &[&str]) -> Shown {
        self.shown_until(names, 2090)
    }

    /// The same; it ends with this year's first day.
    pub(crate) fn shown_until(&self, names: &[&str], year: i32) -> Shown {
        let own = self.own(names, year);
        Shown { chain: format!("{}{}", own.chain, self.between.pem()), key: own.key }
    }

    /// The server's certificate without the one above it.
    pub(crate) fn alone(&self, names: &[&str]) -> Shown {
        self.own(names, 2090)
    }

    fn own(&self, names: &[&str], year: i32) -> Shown {
        let key = KeyPair::generate().unwrap();
        let own = parameters(names, year).signed_by(&key, &self.between).unwrap();
        Shown { chain: own.pem(), key: key.serialize_pem() }
    }
}

/// A certificate that vouches for itself.
pub(crate) fn self_signed(name: &str) -> Shown {
    let key = KeyPair::generate().unwrap();
    let own = parameters(&[name], 2090).self_signed(&key).unwrap();
    Shown { chain: own.pem(), key: key.serialize_pem() }
}

impl Shown {
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        Arc::new(config.unwrap())
    }
}

fn parameters(names: &[&str], year: i32) -> CertificateParams {
    let mut parameters = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, names[0]);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(year, 1, 1);
    parameters
}

fn authority(name: &str) -> CertificateParams {
    let mut own = CertificateParams::new(Vec::new()).unwrap();
    own.distinguished_name.push(DnType::CommonName, name);
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    own
}
