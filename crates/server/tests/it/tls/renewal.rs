//! New certificates are taken while menjin serves, and none that is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::time::Instant;

use super::{Authority, Issued, https, parameters, put, start};
use crate::harness::{Setup, TestServer};
use crate::log::Log;

const PATIENCE: Duration = Duration::from_secs(20);

/// Connects anew until this certificate is shown; everybody who comes meanwhile is shown it or one of `former`.
async fn until_shown(authority: &Authority, t: &TestServer, new: &Issued, former: &[&Issued]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = authority.shown(t).await;
        if shown == new.der {
            return;
        }
        assert!(former.iter().any(|issued| issued.der == shown), "something else is shown");
        assert!(Instant::now() < deadline, "the new certificate is not taken");
    }
}

/// Waits for so many warnings; gives their words.
async fn warnings(log: &Log, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = log.lines().into_iter().filter(|line| line["level"] == "WARN");
        let said: Vec<String> =
            lines.map(|line| line["fields"]["message"].as_str().unwrap_or_default().to_owned()).collect();
        if said.len() >= count {
            return said;
        }
        assert!(Instant::now() < deadline, "{count} warnings: {}", log.text());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_no_connection_is_lost() {
    let authority = Authority::new();
    let [first, second] = [authority.issue(), authority.issue()];
    let t = start(&first, Setup::default()).await;
    let client = authority.client();
    let early = client.get(https(&t, "/healthz")).send().await.unwrap();
    assert_eq!(early.status(), StatusCode::OK);
    let mut kept = authority.connect(&t, rustls::DEFAULT_VERSIONS, "http/1.1").await.unwrap();
    assert_eq!(authority.shown(&t).await, first.der);
    second.put_into(t.folder.path());
    until_shown(&authority, &t, &second, &[&first]).await;
    let late = client.get(https(&t, "/healthz")).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::OK);
    let (answer, shown) = on_a_kept_connection(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(shown, first.der, "an open connection goes on as it began");
}

async fn on_a_kept_connection(
    stream: &mut tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
) -> (String, CertificateDer<'static>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer, stream.get_ref().1.peer_certificates().unwrap()[0].clone())
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_swapped_behind_a_symlink_is_seen() {
    use std::os::unix::fs::symlink;
    let authority = Authority::new();
    let [first, second] = [authority.issue(), authority.issue()];
    let folder = Arc::new(crate::store::Folder::new());
    // As Kubernetes lays out a secret: cert.pem -> ..data/cert.pem, ..data -> ..2026_1.
    for (name, issued) in [("..2026_1", &first), ("..2026_2", &second)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        issued.put_into(&folder.path().join(name));
    }
    symlink("..2026_1", folder.path().join("..data")).unwrap();
    for file in ["cert.pem", "key.pem"] {
        symlink(format!("..data/{file}"), folder.path().join(file)).unwrap();
    }
    let t = super::start_in(Arc::clone(&folder), Setup::default()).await;
    assert_eq!(authority.shown(&t).await, first.der);
    symlink("..2026_2", folder.path().join("..data_tmp")).unwrap();
    std::fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    std::fs::remove_dir_all(folder.path().join("..2026_1")).unwrap();
    until_shown(&authority, &t, &second, &[&first]).await;
}

#[tokio::test]
async fn while_the_two_files_do_not_match_the_former_pair_is_shown() {
    let log = Log::start();
    let authority = Authority::new();
    let [first, second] = [authority.issue(), authority.issue()];
    let t = start(&first, Setup::default()).await;
    put(t.folder.path(), "cert.pem", &second.cert);
    let said = warnings(&log, 1).await;
    assert!(said[0].contains("the former one stays") && said[0].contains("`tls.key`"), "{said:?}");
    assert_eq!(authority.shown(&t).await, first.der);
    put(t.folder.path(), "key.pem", &second.key);
    until_shown(&authority, &t, &second, &[&first]).await;
    assert_eq!(warnings(&log, 1).await.len(), 1, "told once: {}", log.text());
    let told =
        |line: &Value| line["fields"]["message"].as_str().is_some_and(|it| it.contains("a new certificate is shown"));
    assert_eq!(log.lines().iter().filter(|line| told(line)).count(), 1);
}

#[tokio::test]
async fn a_wrong_new_file_changes_nothing_and_is_told_of() {
    let log = Log::start();
    let authority = Authority::new();
    let first = authority.issue();
    let t = start(&first, Setup::default()).await;
    let mut expired = parameters(&["localhost"]);
    (expired.not_before, expired.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    put(t.folder.path(), "cert.pem", "nonsense");
    assert!(warnings(&log, 1).await[0].contains("`tls.cert`"));
    std::fs::remove_file(t.folder.path().join("key.pem")).unwrap();
    assert!(warnings(&log, 2).await[1].contains("`tls.key`"));
    authority.sign(&expired).put_into(t.folder.path());
    let said = warnings(&log, 3).await;
    assert!(said[2].contains("`tls.cert`") && said[2].contains("has expired"), "{said:?}");
    assert_eq!(authority.shown(&t).await, first.der);
    for secret in [&first.key, &authority.issue().key] {
        assert!(!log.text().contains(secret.lines().nth(1).unwrap()), "a key is in the log");
    }
    let second = authority.issue();
    second.put_into(t.folder.path());
    until_shown(&authority, &t, &second, &[&first]).await;
}

#[tokio::test]
async fn asked_to_look_it_takes_the_new_files_at_once() {
    let authority = Authority::new();
    let [first, second] = [authority.issue(), authority.issue()];
    let t = start(&first, Setup::default()).await;
    assert_eq!(authority.shown(&t).await, first.der);
    second.put_into(t.folder.path());
    t.menjin.renew_certificate().await;
    assert_eq!(authority.shown(&t).await, second.der);
}

#[tokio::test]
async fn nobody_is_turned_away_while_certificates_change_all_the_time() {
    let authority = Arc::new(Authority::new());
    let certificates = [authority.issue(), authority.issue()];
    let t = start(&certificates[0], Setup::default()).await;
    let done = Arc::new(AtomicBool::new(false));
    let newcomers = tokio::spawn({
        let (authority, done, url) = (Arc::clone(&authority), Arc::clone(&done), https(&t, "/healthz"));
        async move {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) {
                let answer = authority.client().get(&url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                answers += 1;
            }
            answers
        }
    });
    for issued in certificates.iter().rev().cycle().take(20) {
        put(t.folder.path(), "key.pem", &issued.key);
        t.menjin.renew_certificate().await;
        assert_ne!(authority.shown(&t).await, issued.der, "a pair that does not match is never shown");
        put(t.folder.path(), "cert.pem", &issued.cert);
        t.menjin.renew_certificate().await;
        assert_eq!(authority.shown(&t).await, issued.der);
    }
    done.store(true, Ordering::Relaxed);
    assert!(newcomers.await.unwrap() > 0);
}

#[tokio::test]
async fn the_end_is_in_the_metrics_and_told_of_two_weeks_before() {
    let log = Log::start();
    let authority = Authority::new();
    let mut parameters = parameters(&["localhost"]);
    parameters.not_after = rcgen::date_time_ymd(2090, 1, 1);
    let t = start(&authority.sign(&parameters), Setup::default()).await;
    let ends = 3_786_912_000_i64;
    let file = t.folder.path().join("cert.pem");
    let gauge = "menjin_tls_certificate_expires_timestamp_seconds";
    let metric = format!("{gauge}{{file=\"{}\"}} {ends}", file.display());
    let deadline = Instant::now() + PATIENCE;
    while !t.admin_get("/metrics").await.text.contains(&metric) {
        assert!(Instant::now() < deadline, "{metric}");
    }
    let a_day = Duration::from_hours(24);
    let left = u64::try_from(ends - menjin_server::Clock::now(&*t.clock).secs()).unwrap();
    t.clock.advance(Duration::from_secs(left).saturating_sub(15 * a_day));
    t.menjin.renew_certificate().await;
    assert!(warnings(&log, 0).await.is_empty());
    for days_on in [2, 1] {
        t.clock.advance(days_on * a_day);
        t.menjin.renew_certificate().await;
        t.menjin.renew_certificate().await;
    }
    let said = warnings(&log, 2).await;
    assert_eq!(said.len(), 2, "once a day: {said:?}");
    assert!(said.iter().all(|it| it.contains("ends soon, on 2090-01-01T00:00:00Z")), "{said:?}");
    t.clock.advance(13 * a_day);
    t.menjin.renew_certificate().await;
    assert!(warnings(&log, 3).await[2].contains("has expired"));
}
