//! What can't be done for one person, or for one part of a round, keeps nobody else waiting.

use std::time::Duration;

use serde_json::json;

use super::{COOLING_OFF, alice, leaves};
use crate::harness::{Actor, TestServer};
use crate::rows::Rows;

async fn number(phone: &Actor<'_>) -> i64 {
    phone.get("/v1/me").await.ok(200)["user"]["number"].as_i64().unwrap()
}

/// From now on nobody empties the rows of these.
async fn refuse_to_erase(rows: &mut Rows, numbers: &[i64]) {
    let numbers = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let refused = format!("NEW.erased_at IS NOT NULL AND NEW.number IN ({numbers})");
    rows.run_own(
        &format!(
            "CREATE TRIGGER stays BEFORE UPDATE ON users WHEN {refused} BEGIN SELECT RAISE(ABORT, 'it stays'); END"
        ),
        &format!(
            "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF {refused} THEN RAISE EXCEPTION 'it stays'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER stays BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stays()"
        ),
        &format!(
            "CREATE TRIGGER stays BEFORE UPDATE ON users FOR EACH ROW
            IF {refused} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it stays'; END IF"
        ),
    )
    .await;
}

async fn all_numbers(rows: &mut Rows) -> Vec<i64> {
    rows.all("SELECT number FROM users ORDER BY number").await.iter().map(|row| row[0].int()).collect()
}

async fn allow_again(rows: &mut Rows) {
    rows.run_own("DROP TRIGGER stays", "DROP TRIGGER stays ON users", "DROP TRIGGER stays").await;
}

#[tokio::test]
async fn somebody_who_can_not_be_erased_keeps_nobody_waiting() {
    let t = TestServer::start().await;
    let (phone, mut bob) = (alice(&t).await, t.phone("bob").await);
    let mut rows = Rows::of(&t).await;
    refuse_to_erase(&mut rows, &[number(&phone).await]).await;
    leaves(&phone).await;
    t.clock.advance(Duration::from_secs(1));
    leaves(&bob).await;
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    for _ in 0..2 {
        let error = format!("{:#}", t.menjin.upkeep().await.unwrap_err());
        assert!(error.contains("1 could not be erased"), "{error}");
    }
    assert_eq!(bob.login(json!({})).await.ok(200)["is_new_user"], true, "he was due after her");
    phone.refresh_with(&phone.refresh_token()).await.problem(401, "user_deleting");
    allow_again(&mut rows).await;
    t.menjin.upkeep().await.unwrap();
    phone.refresh_with(&phone.refresh_token()).await.problem(401, "account_closed");
}

/// A store that is full refuses everybody, and would say so of each of them each minute.
#[tokio::test]
async fn after_ten_failures_in_a_row_the_next_round_goes_on_behind_them() {
    let t = TestServer::start().await;
    let mut phones = Vec::new();
    for nth in 0..23 {
        phones.push(t.phone(&format!("person {nth}")).await);
        leaves(&phones[nth]).await;
        t.clock.advance(Duration::from_secs(1));
    }
    let mut rows = Rows::of(&t).await;
    let numbers = all_numbers(&mut rows).await;
    refuse_to_erase(&mut rows, &numbers[..12]).await;
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    let erased = "SELECT count(*) FROM users WHERE erased_at IS NOT NULL";
    for (failures, gone) in [("10 could not", 0), ("2 could not", 11), ("10 could not", 11)] {
        let error = format!("{:#}", t.menjin.upkeep().await.unwrap_err());
        assert!(error.contains(failures), "{error}");
        assert_eq!(rows.all(erased).await[0][0].int(), gone, "{error}");
    }
    allow_again(&mut rows).await;
    // The two that are left of this turn, and then those before them.
    t.menjin.upkeep().await.unwrap();
    assert_eq!(rows.all(erased).await[0][0].int(), 13);
    t.menjin.upkeep().await.unwrap();
    assert_eq!(rows.all(erased).await[0][0].int(), 23);
    phones[0].refresh_with(&phones[0].refresh_token()).await.problem(401, "account_closed");
}

/// Whoever is erased in between shows that it is not the store: the failures are their own.
#[tokio::test]
async fn failures_with_others_between_them_stop_no_round() {
    let t = TestServer::start().await;
    for nth in 0..24 {
        leaves(&t.phone(&format!("person {nth}")).await).await;
        t.clock.advance(Duration::from_secs(1));
    }
    let mut rows = Rows::of(&t).await;
    let numbers: Vec<i64> = all_numbers(&mut rows).await.into_iter().step_by(2).collect();
    refuse_to_erase(&mut rows, &numbers).await;
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    let error = format!("{:#}", t.menjin.upkeep().await.unwrap_err());
    assert!(error.contains("12 could not"), "{error}");
    assert_eq!(rows.all("SELECT count(*) FROM users WHERE erased_at IS NOT NULL").await[0][0].int(), 12);
}

/// A program may have left a million lines: no transaction takes them all, and each round would begin with them again.
#[tokio::test]
async fn what_a_program_left_behind_is_emptied_before_the_last_transaction() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    let mut rows = Rows::of(&t).await;
    let number = number(&phone).await;
    let own = format!("(SELECT id FROM users WHERE number = {number})");
    for _ in 0..9 {
        let again = format!(
            "INSERT INTO audit (at, action, actor, user_id, ip, detail)
            SELECT at, 'login.refused', 'user', user_id, '203.0.113.9', 'of her' FROM audit WHERE user_id = {own}"
        );
        rows.run(&again).await;
    }
    refuse_to_erase(&mut rows, &[number]).await;
    leaves(&phone).await;
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    t.menjin.upkeep().await.unwrap_err();
    for (left, of) in [
        ("audit", format!("user_id = {own} AND (ip IS NOT NULL OR detail <> 'new user')")),
        ("sessions", format!("user_number = {number} AND (ip IS NOT NULL OR device_id IS NOT NULL)")),
    ] {
        let count = rows.all(&format!("SELECT count(*) FROM {left} WHERE {of}")).await[0][0].int();
        assert_eq!(count, 0, "{left}: the next round has less to do");
    }
    allow_again(&mut rows).await;
    t.menjin.upkeep().await.unwrap();
    phone.refresh_with(&phone.refresh_token()).await.problem(401, "account_closed");
}

#[tokio::test]
async fn a_sweep_that_fails_keeps_nobody_who_is_due() {
    let t = TestServer::start().await;
    let mut phone = alice(&t).await;
    leaves(&phone).await;
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    let mut rows = Rows::of(&t).await;
    rows.breaks("arrivals").await;
    let error = format!("{:#}", t.menjin.upkeep().await.unwrap_err());
    assert!(error.contains("arrivals"), "{error}");
    rows.mends("arrivals").await;
    assert_eq!(phone.login(json!({})).await.ok(200)["is_new_user"], true);
}
