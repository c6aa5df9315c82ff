//! How Redis is reached: by password, by TLS, through sentinels, or not at all.

use menjin_testbed::{Redis, RedisSentinel, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{at, dump};
use crate::broker::until;
use crate::harness::{Setup, TestServer};
use crate::log::Log;

fn trying(redis: String) -> Setup {
    Setup { toml: redis, ..Setup::default() }
}

fn lost(log: &Log) -> usize {
    log.lines().iter().filter(|line| line["fields"]["message"].as_str().unwrap().starts_with("Redis is lost")).count()
}

/// Whether menjin writes to this Redis: it tries each second, for as long as it runs.
fn is_used(redis: &Redis) -> bool {
    dump(redis).contains(":up ")
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_a_warning_and_people_sign_in() {
    let log = Log::start();
    let port = free_port().unwrap();
    let t = TestServer::with(trying(at(&format!("redis://:hunter2@127.0.0.1:{port}")))).await;
    t.phone("alice").await.refresh().await.ok(200);
    t.anon().get("/readyz").await;
    assert_eq!(lost(&log), 1, "told once: {}", log.text());
    assert!(!log.text().contains("hunter2"));
    assert!(t.admin_get("/metrics").await.text.contains("menjin_redis_up "));
}

#[tokio::test]
async fn a_redis_that_comes_late_is_used_from_then_on() {
    let log = Log::start();
    let redis = Redis::start().unwrap();
    redis.stop().unwrap();
    let _t = TestServer::with(trying(at(&redis.url()))).await;
    assert_eq!(lost(&log), 1);
    redis.start_again().unwrap();
    until(async || is_used(&redis)).await;
    until(async || log.text().contains("Redis is back")).await;
}

#[tokio::test]
async fn a_password_is_given_and_never_logged() {
    let log = Log::start();
    let redis = Redis::start_with_password().unwrap();
    let _t = TestServer::with(trying(at(&redis.url()))).await;
    assert!(is_used(&redis));
    let password = redis.url().split([':', '@']).nth(2).unwrap().to_owned();
    let wrong = TestServer::with(trying(at(&redis.url().replace(&password, "hunter2")))).await;
    wrong.phone("alice").await;
    assert_eq!(lost(&log), 1);
    assert!(!log.text().contains("hunter2") && !log.text().contains(&password));
}

#[tokio::test]
async fn by_tls_its_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, other) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("redis.pem", &certificate.pem()), file("redis.key", &key.serialize_pem()));
    let port = free_port().unwrap().to_string();
    let settings = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let redis = Redis::start_with(&[&settings[..], &["--tls-auth-clients", "no"]].concat()).unwrap();
    let trusting = |name: &str, authority: &str| {
        format!("{}ca_file = \"{}\"\n", at(&format!("rediss://localhost:{port}")), file(name, authority))
    };
    let log = Log::start();
    let _t = TestServer::with(trying(trusting("other.pem", &other.pem()))).await;
    assert!(!is_used(&redis));
    assert_eq!(lost(&log), 1, "{}", log.text());
    let _t = TestServer::with(trying(trusting("ours.pem", &ours.pem()))).await;
    assert!(is_used(&redis));
}

#[tokio::test]
async fn behind_sentinels_whichever_server_is_the_primary_is_used() {
    let redis = RedisSentinel::start().unwrap();
    let _t = TestServer::with(trying(at(&format!("redis+sentinel://{}/{}", redis.address(), redis.service())))).await;
    assert!(is_used(redis.primary().unwrap()));
    redis.kill_primary().unwrap();
    let primary = redis.primary().unwrap();
    primary.flush().unwrap();
    until(async || is_used(primary)).await;
}
