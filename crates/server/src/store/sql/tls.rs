//! The way to a database server: whose certificate is believed, and what is said when it is not.

use std::path::{Path, PathBuf};

use menjin_testbed::{MariaDb, Postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Database, OnOldSchema, OpenError};
use crate::config::StorePlace;
use crate::store::Upkeep as _;

/// The loopback as an address that nobody takes for it.
const AFAR: &str = "[::ffff:127.0.0.1]";

/// Certificates in a folder: a server's, of this authority's, and its authority's own.
struct Issued {
    folder: TempDir,
}

impl Issued {
    /// For these names.
    fn to(names: &[&str]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("ca.pem", authority.pem()), ("certificate.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn open(url: &str, base: &Path) -> Result<(), String> {
    let place = StorePlace::parse(url, base)?;
    let opened = Database::open(&place, 2, OnOldSchema::Migrate).await;
    match opened {
        Ok(database) => {
            database.ready().await.unwrap();
            Ok(())
        }
        Err(OpenError::Unreachable { why }) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

/// What an address says, by the words of each driver.
struct Words {
    checked: &'static str,
    encrypted: &'static str,
    plain: &'static str,
    authority: &'static str,
}

/// `url` names 127.0.0.1, whose certificate is `issued`, as is that of `AFAR`.
async fn who_answers_is_checked(url: &str, issued: &Issued, words: &Words) {
    let Words { checked, encrypted, plain, authority } = words;
    let here = issued.folder.path();
    let other = Issued::to(&["127.0.0.1"]);
    let afar = url.replace("127.0.0.1", AFAR);
    // CR-05: on the way to another machine the check needs no word, and is of the authority that the address names.
    let refused = open(&afar, here).await.unwrap_err();
    assert!(refused.contains("UnknownIssuer") && refused.contains(authority), "{refused}");
    open(&format!("{afar}?{authority}=ca.pem"), here).await.unwrap();
    assert!(
        open(&format!("{afar}?{authority}=ca.pem"), other.folder.path()).await.unwrap_err().contains("certificate")
    );
    let refused = open(&format!("{afar}?{authority}=nowhere.pem"), here).await.unwrap_err();
    assert!(refused.contains("exist"), "{refused}");
    // Within the machine too, where the address asks for it.
    open(&format!("{url}?{checked}&{authority}=ca.pem"), here).await.unwrap();
    assert!(open(&format!("{url}?{checked}"), here).await.unwrap_err().contains(authority));
    // Another name than the certificate's.
    let named = url.replace("127.0.0.1", "localhost");
    let refused = open(&format!("{named}?{checked}&{authority}=ca.pem"), here).await.unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
    // Encrypted, whoever answers.
    for url in [url, &afar] {
        open(&format!("{url}?{encrypted}"), here).await.unwrap();
    }
    open(&format!("{url}?{plain}"), here).await.unwrap_err();
}

/// A server without TLS, where the address wants it.
async fn tls_that_is_not_there_is_asked_for(url: String, encrypted: &str) {
    for url in [format!("{url}?{encrypted}"), url.replace("127.0.0.1", AFAR)] {
        let refused = open(&url, Path::new("")).await.unwrap_err();
        assert!(refused.contains("switch TLS on at the server"), "{refused}");
    }
    open(&url, Path::new("")).await.unwrap();
}

mod on_postgres {
    use super::*;

    const WORDS: Words = Words {
        checked: "sslmode=verify-full",
        encrypted: "sslmode=require",
        plain: "sslmode=disable",
        authority: "sslrootcert",
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cr_05_who_answers_is_checked() {
        let issued = Issued::to(&["127.0.0.1", "::ffff:127.0.0.1"]);
        let (certificate, key) = (issued.path("certificate.pem"), issued.path("key.pem"));
        let start = move || Postgres::start_with_tls(&certificate, &key).unwrap();
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        who_answers_is_checked(&server.database(), &issued, &WORDS).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tls_that_is_not_there_is_asked_for() {
        let url = tokio::task::spawn_blocking(|| Postgres::shared().database()).await.unwrap();
        super::tls_that_is_not_there_is_asked_for(url, WORDS.encrypted).await;
    }
}

mod on_mariadb {
    use super::*;

    const WORDS: Words = Words {
        checked: "ssl-mode=VERIFY_IDENTITY",
        encrypted: "ssl-mode=REQUIRED",
        plain: "ssl-mode=DISABLED",
        authority: "ssl-ca",
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cr_05_who_answers_is_checked() {
        let issued = Issued::to(&["127.0.0.1", "::ffff:127.0.0.1"]);
        let (certificate, key) = (issued.path("certificate.pem"), issued.path("key.pem"));
        let start = move || MariaDb::start_with_tls(&certificate, &key).unwrap();
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        who_answers_is_checked(&server.database(), &issued, &WORDS).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tls_that_is_not_there_is_asked_for() {
        let url = tokio::task::spawn_blocking(|| MariaDb::shared().database()).await.unwrap();
        super::tls_that_is_not_there_is_asked_for(url, WORDS.encrypted).await;
    }
}

/// A packet of `MySQL`'s.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// As `MySQL` 8 greets, without TLS, with `caching_sha2_password`; then it asks for the password itself.
async fn mysql_8_without_tls(listener: tokio::net::TcpListener) {
    let greeting = [
        b"\x0a8.4.0\0\x01\0\0\0saltsalt\0".as_slice(),
        &0x8208_u16.to_le_bytes(),
        b"\x2d\x02\0",
        &0x0008_u16.to_le_bytes(),
        b"\x15\0\0\0\0\0\0\0\0\0\0saltsaltsalt\0caching_sha2_password\0",
    ];
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(&packet(0, &greeting.concat())).await.unwrap();
    let mut said = [0; 1024];
    assert!(stream.read(&mut said).await.unwrap() > 4);
    stream.write_all(&packet(2, &[1, 4])).await.unwrap();
    assert!(stream.read(&mut said).await.unwrap() > 4);
    stream.write_all(&packet(4, b"\x01a public key")).await.unwrap();
    // It hangs up when it has seen enough.
    while stream.read(&mut said).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn a_password_that_mysql_8_takes_by_tls_alone_is_explained() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mysql://menjin:hunter2@{}/menjin", listener.local_addr().unwrap());
    let serving = tokio::spawn(mysql_8_without_tls(listener));
    let refused = open(&url, Path::new("")).await.unwrap_err();
    assert!(refused.contains("caching_sha2_password") && refused.contains("needs TLS or a socket"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    serving.await.unwrap();
}
