//! Guessing is slow, wherever it comes from, and locks nobody out of their own account.

use serde_json::json;

use super::{PASSWORD, access, login, open, register};
use crate::harness::{Answer, Setup, TestServer};

fn limited(limits: &str) -> Setup {
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    Setup { limits: limits.to_owned(), server, ..open() }
}

async fn from(t: &TestServer, ip: &str, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password}).to_string();
    let headers = [("x-forwarded-for", ip)];
    t.anon().send(reqwest::Method::POST, "/v1/login/shop/password", Some(body), &headers).await
}

#[tokio::test]
async fn ht_10_wrong_passwords_of_an_account_are_counted_wherever_they_come_from() {
    let t = TestServer::with(limited("failures_per_account = 3")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    // Nobody's name is counted the same way: being barred tells nothing.
    for name in ["alice", "nobody"] {
        for nth in 0..3 {
            from(&t, &format!("198.51.100.{nth}"), name, "wrong password").await.problem(401, "password_wrong");
        }
        let barred = from(&t, "198.51.100.9", name, "wrong password").await;
        let wait: u64 = barred.header("retry-after").parse().unwrap();
        assert!((1..=1200).contains(&wait), "a third of an hour at most: {wait}");
        let detail = barred.problem(429, "too_many_requests")["detail"].to_string();
        assert!(!detail.contains("address") && !detail.contains("地址"), "it is not the address's limit: {detail}");
        from(&t, "198.51.100.9", &name.to_uppercase(), PASSWORD).await.problem(429, "too_many_requests");
    }
}

/// On a device with this id.
async fn on(t: &TestServer, device: &str, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password, "device": {"id": device}}).to_string();
    let headers = [("x-forwarded-for", "203.0.113.7")];
    t.anon().send(reqwest::Method::POST, "/v1/login/shop/password", Some(body), &headers).await
}

/// A stranger has used up the wrong passwords of this name.
async fn use_up(t: &TestServer, name: &str) {
    for nth in 0..3 {
        from(t, &format!("198.51.100.{nth}"), name, "wrong password").await.problem(401, "password_wrong");
    }
    from(t, "198.51.100.9", name, PASSWORD).await.problem(429, "too_many_requests");
}

#[tokio::test]
async fn ht_10_a_stranger_locks_nobody_out_of_a_device_that_they_are_signed_in_on() {
    let t = TestServer::with(limited("failures_per_account = 3")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    on(&t, "device-of-alice", "alice", PASSWORD).await.ok(200);
    use_up(&t, "alice").await;
    for _ in 0..5 {
        on(&t, "device-of-alice", "alice", PASSWORD).await.ok(200);
    }
    // There, too, guesses are counted.
    for _ in 0..3 {
        on(&t, "device-of-alice", "alice", "wrong password").await.problem(401, "password_wrong");
    }
    on(&t, "device-of-alice", "alice", PASSWORD).await.problem(429, "too_many_requests");
}

/// Many people share an address: what one of them is told must say nothing of the others.
#[tokio::test]
async fn whoever_shares_an_address_with_somebody_does_not_learn_that_they_are_signed_in_there() {
    let t = TestServer::with(limited("failures_per_account = 3")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    on(&t, "device-of-alice", "alice", PASSWORD).await.ok(200);
    for name in ["alice", "nobody"] {
        use_up(&t, name).await;
        from(&t, "203.0.113.7", name, "wrong password").await.problem(429, "too_many_requests");
        on(&t, "another-device", name, "wrong password").await.problem(429, "too_many_requests");
    }
}

#[tokio::test]
async fn ht_10_a_stranger_bars_nobody_from_what_asks_for_their_password_again() {
    let t = TestServer::with(limited("failures_per_account = 3")).await;
    let signed_in = register(&t, "alice", PASSWORD).await.ok(201);
    let phone = t.phone_with_token(access(&signed_in));
    use_up(&t, "alice").await;
    t.advance(std::time::Duration::from_mins(6));
    let export = async |password: &str| phone.post("/v1/me/export", json!({"password": password})).await;
    export(PASSWORD).await.ok(200);
    for _ in 0..3 {
        export("wrong password").await.problem(403, "old_password_wrong");
    }
    export(PASSWORD).await.problem(429, "too_many_requests");
}

#[tokio::test]
async fn a_right_password_costs_none_of_the_wrong_ones() {
    let t = TestServer::with(limited("failures_per_account = 3")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    for _ in 0..5 {
        login(&t, "alice", PASSWORD).await.ok(200);
    }
    for _ in 0..3 {
        login(&t, "alice", "wrong password").await.problem(401, "password_wrong");
    }
}

#[tokio::test]
async fn ht_10_wrong_passwords_bar_their_address_whatever_names_it_tries() {
    let t = TestServer::with(limited("failures_per_app = 3\nfailures_per_address = 100")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let mut barred = false;
    for nth in 0..5 {
        barred |= from(&t, "198.51.100.1", &format!("name{nth}"), "wrong password").await.status == 429;
    }
    assert!(barred);
    from(&t, "198.51.100.1", "alice", PASSWORD).await.problem(429, "too_many_requests");
    from(&t, "198.51.100.2", "alice", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn an_address_makes_a_few_accounts_an_hour() {
    let t = TestServer::with(limited("registrations_per_address = 2")).await;
    for nth in 0..2 {
        register(&t, &format!("name{nth}"), PASSWORD).await.ok(201);
    }
    register(&t, "name2", PASSWORD).await.problem(429, "too_many_requests");
    login(&t, "name1", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn the_present_password_is_not_guessed_with_a_stolen_token_either() {
    let t = TestServer::with(limited("failures_per_account = 2")).await;
    let signed_in = register(&t, "alice", PASSWORD).await.ok(201);
    let thief = t.phone_with_token(access(&signed_in));
    let body = json!({"old_password": "wrong password", "new_password": "another good password"});
    let mut last = 0;
    for _ in 0..6 {
        last = thief.put("/v1/me/password", body.clone()).await.status.as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_full_line_bars_nobody_from_their_account() {
    let toml = "[passwords]\nat_once = 1\nwaiting = 0\n".to_owned();
    let t = TestServer::with(Setup { toml, ..limited("failures_per_account = 3") }).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    let mut busy = 0;
    for round in 0.. {
        if busy > 3 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the line is never full");
        let names: Vec<_> = (0..5).map(|nth| format!("name{round}-{nth}")).collect();
        let others = names.iter().enumerate().map(|(nth, name)| (format!("198.51.{round}.{nth}"), name.as_str()));
        let all = others.chain([("203.0.113.7".to_owned(), "alice")]);
        let all = all.map(async |(ip, name)| from(&t, &ip, name, PASSWORD).await);
        let hers = futures_util::future::join_all(all).await.pop().unwrap();
        if hers.status == 200 {
            continue;
        }
        hers.problem(503, "passwords_busy");
        busy += 1;
    }
    from(&t, "203.0.113.8", "alice", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn more_than_may_wait_are_told_to_come_again_whether_the_name_is_anybodys_or_not() {
    let toml = "[passwords]\nat_once = 1\nwaiting = 1\n".to_owned();
    let t = TestServer::with(Setup { toml, ..open() }).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    for (name, otherwise) in [("alice", 200), ("nobody", 401)] {
        let asked = (0..24).map(async |_| login(&t, name, PASSWORD).await);
        let answers = futures_util::future::join_all(asked).await;
        let (done, busy): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == otherwise);
        assert!(!done.is_empty() && !busy.is_empty(), "{name}: one is hashed, one waits, and the others are told");
        for answer in busy {
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.problem(503, "passwords_busy")["action"], "retry", "{name}");
        }
    }
    login(&t, "alice", PASSWORD).await.ok(200);
}
