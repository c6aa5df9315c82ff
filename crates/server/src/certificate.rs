//! A certificate and its private key, as `[tls]` names them: read, and judged before anybody sees them.
//!
//! Does not: serving with them, noticing new ones (`tls`).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use menjin_token::Timestamp;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::config::{Config, ConfigError, TlsFiles};
use crate::entropy::sha256;

/// Who renews by hand hears of the end so long before.
pub(crate) const SOON: Duration = Duration::from_hours(14 * 24);

/// A longer file is none of these.
const LARGEST: u64 = 1024 * 1024;

/// What the two files hold.
pub(crate) struct Contents {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// A certificate that handshakes may be signed with.
pub(crate) struct Certificate {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) until: Timestamp,
}

/// What `menjin serve` makes of `[tls]` at this time: a refusal, or what is worth a second look.
pub fn check_certificate(config: &Config, now: Timestamp) -> Result<Vec<String>, ConfigError> {
    let Some(files) = config.tls.files() else { return Ok(Vec::new()) };
    let certificate = Contents::read(&files)?.judge(&files, now)?;
    let mut remarks = certificate.remarks(&files, config.server.public_url.as_ref());
    remarks.extend(certificate.ends_soon(now));
    Ok(remarks)
}

impl Contents {
    pub(crate) fn read(files: &TlsFiles) -> Result<Self, ConfigError> {
        Ok(Self { cert: read("tls.cert", &files.cert)?, key: Zeroizing::new(read("tls.key", &files.key)?) })
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(&[sha256(&self.cert), sha256(&self.key)].concat())
    }

    pub(crate) fn judge(&self, files: &TlsFiles, now: Timestamp) -> Result<Certificate, ConfigError> {
        let refused = |why: String| refused("tls.cert", &files.cert, &why);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.cert).collect::<Result<_, _>>().unwrap_or_default();
        let Some(own) = chain.first() else {
            return Err(refused(
                "holds no whole PEM certificate (-----BEGIN CERTIFICATE-----): name the full chain, the server's own first"
                    .to_owned(),
            ));
        };
        let times = ParsedCertificate::try_from(own).ok().and_then(|_| validity(own));
        let (from, until) = times.ok_or_else(|| refused("begins with a certificate that can't be read".to_owned()))?;
        let key = private_key(&self.key, &files.key)?;
        let is_of = |certificate: &CertificateDer<'static>| {
            let pair = CertifiedKey::new(vec![certificate.clone()], Arc::clone(&key));
            !matches!(pair.keys_match(), Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)))
        };
        if !is_of(own) {
            if chain.iter().skip(1).any(is_of) {
                return Err(refused("must begin with the server's own certificate, then those above it".to_owned()));
            }
            let why = "does not belong to the certificate in `tls.cert`: name the key that it was requested with";
            return Err(self::refused("tls.key", &files.key, why));
        }
        if now > until {
            return Err(refused(format!("has expired on {until}: renew it")));
        }
        if now < from {
            return Err(refused(format!(
                "holds only from {from} on: check this machine's clock, or use the former one"
            )));
        }
        Ok(Certificate { certified: Arc::new(CertifiedKey::new(chain, key)), until })
    }
}

impl Certificate {
    /// What is allowed and yet worth a second look.
    pub(crate) fn remarks(&self, files: &TlsFiles, public_url: Option<&Url>) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(host) = public_url.and_then(Url::host).filter(|host| !self.covers(host)) {
            let cert = files.cert.display();
            remarks.push(format!(
                "`tls.cert`: {cert} is not for {host}, the host of `server.public_url`: clients that call it so refuse it"
            ));
        }
        if anybody_reads(&files.key) {
            let key = files.key.display();
            remarks.push(format!(
                "`tls.key`: {key} is readable by every account of this machine: `chmod o-rwx` it, and consider a new key"
            ));
        }
        remarks
    }

    pub(crate) fn ends_soon(&self, now: Timestamp) -> Option<String> {
        let until = self.until;
        if now > until {
            return Some(format!(
                "`tls.cert`: the certificate has expired on {until}, and clients refuse it: renew it"
            ));
        }
        (until.since(now) < SOON).then(|| format!("`tls.cert`: the certificate ends soon, on {until}: renew it"))
    }

    fn covers(&self, host: &Host<&str>) -> bool {
        let name = match *host {
            Host::Domain(name) => ServerName::try_from(name).ok(),
            Host::Ipv4(address) => Some(ServerName::from(std::net::IpAddr::from(address))),
            Host::Ipv6(address) => Some(ServerName::from(std::net::IpAddr::from(address))),
        };
        let own = self.certified.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok());
        own.zip(name).is_some_and(|(own, name)| verify_server_name(&own, &name).is_ok())
    }
}

fn private_key(pem: &[u8], file: &Path) -> Result<Arc<dyn rustls::sign::SigningKey>, ConfigError> {
    let refused = |why: &str| refused("tls.key", file, why);
    let Ok(key) = PrivateKeyDer::from_pem_slice(pem) else {
        let is_encrypted = pem.windows(9).any(|word| word == b"ENCRYPTED");
        return Err(refused(if is_encrypted {
            "is encrypted, and nobody is asked for its password: `openssl pkey -in <it> -out <new>` takes it off"
        } else {
            "holds no whole PEM private key (-----BEGIN PRIVATE KEY-----)"
        }));
    };
    let unusable = |_| refused("holds a key that TLS can't use: RSA of 2048 bits or more, ECDSA or Ed25519 are right");
    aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(unusable)
}

fn refused(key: &str, file: &Path, why: &str) -> ConfigError {
    ConfigError::refused(key, format!("{} {why}", file.display()))
}

fn read(key: &str, file: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    File::open(file).and_then(|opened| opened.take(LARGEST).read_to_end(&mut bytes)).map_err(|error| {
        let remedy = "it must be there and readable by the account that menjin runs as";
        refused(key, file, &format!("can't be read: {error}; {remedy}"))
    })?;
    Ok(bytes)
}

/// Whether its permissions are wider than owner and group.
#[cfg(unix)]
fn anybody_reads(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn anybody_reads(_: &Path) -> bool {
    false
}

/// What a certificate says of itself, which rustls judges but does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// From when on it holds.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether it says that it issued itself.
    pub is_its_own_issuer: bool,
}

impl CertificateFacts {
    /// Of a certificate in DER (RFC 5280 §4.1.2).
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = Der(certificate).next()?;
        let (_, signed) = Der(certificate).next()?;
        let mut fields = Der(signed);
        let (mut tag, _) = fields.next()?;
        if tag == 0xa0 {
            (tag, _) = fields.next()?;
        }
        let (_algorithm, issuer, (validity, times)) = (fields.next()?, fields.next()?, fields.next()?);
        let subject = fields.next()?;
        let mut times = Der(times);
        let (from, until) = (times.next()?, times.next()?);
        ((tag, validity) == (0x02, 0x30)).then_some(())?;
        Some(Self { from: time(from)?, until: time(until)?, is_its_own_issuer: issuer == subject })
    }
}

fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    CertificateFacts::of(certificate).map(|facts| (facts.from, facts.until))
}

/// `UTCTime` `YYMMDDHHMMSSZ` or `GeneralizedTime` `YYYYMMDDHHMMSSZ`.
fn time((tag, digits): (u8, &[u8])) -> Option<Timestamp> {
    let digits = std::str::from_utf8(digits).ok().filter(|it| it.is_ascii())?;
    let (year, rest) = match (tag, digits.len()) {
        (0x17, 13) => {
            let (year, rest) = digits.split_at(2);
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), rest)
        }
        (0x18, 15) => (digits[..4].to_owned(), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| &rest[at..at + 2];
    format!("{year}-{}-{}T{}:{}:{}{}", part(0), part(2), part(4), part(6), part(8), &rest[10..]).parse().ok()
}

/// Values of DER, one after the other: a tag, a length, and so many bytes.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, short], rest) = self.0.split_first_chunk()?;
        let (length, rest) = if short < 0x80 {
            (usize::from(short), rest)
        } else {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (long.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?, rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn both_forms_of_time_are_read_and_nothing_else() {
        assert_eq!(time((0x17, b"491231235959Z")), Some(at("2049-12-31T23:59:59Z")));
        assert_eq!(time((0x17, b"500101000000Z")), Some(at("1950-01-01T00:00:00Z")));
        assert_eq!(time((0x18, b"99991231235959Z")), Some(at("9999-12-31T23:59:59Z")));
        for wrong in [&b"4912312359Z"[..], b"491331235959Z", b"4912312359591", "49123123595é".as_bytes(), b""] {
            assert_eq!(time((0x17, wrong)), None, "{wrong:?}");
            assert_eq!(time((0x18, wrong)), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_times_of_a_certificate_are_those_that_it_was_made_with() {
        let mut parameters = rcgen::CertificateParams::new(vec!["login.menjin.test".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 2);
        for (year, until) in [(2049, "2049-03-04T00:00:00Z"), (2050, "2050-03-04T00:00:00Z")] {
            parameters.not_after = rcgen::date_time_ymd(year, 3, 4);
            let made = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            assert_eq!(validity(made.der()), Some((at("2026-01-02T00:00:00Z"), at(until))));
            let whole: &[u8] = made.der();
            assert!((0..120).all(|length| validity(&whole[..length]).is_none()), "cut short");
        }
    }
}
