//! People of another system with their names and passwords: taken in once, opened as there, and never changed by a second import.

use serde_json::json;

use super::{PASSWORD, import, kept, login, open, register};
use crate::harness::TestServer;

/// Made with Python's hashlib, as Django writes it: the password is `s3cret of old`.
const PBKDF2: &str = "pbkdf2_sha256$1000$saltsaltsalt$ioUrAjLM+RiWVMjpgQzpavVvD2b248Jc5JJGcIKUtqQ=";

#[tokio::test]
async fn somebody_of_another_system_signs_in_with_the_password_that_they_had() {
    let t = TestServer::with(open()).await;
    let rows = [format!("7,Alice,{PBKDF2},Al,1"), "8,bob,!unusable,Bo,1".to_owned(), "9,carol,md5$x$y,Ca,0".to_owned()];
    let head = "number,username,password_hash,nickname,active";
    let imported = import(&t, head, &rows).await;
    assert_eq!((imported.made, imported.rejected, imported.incomplete), (3, 0, 1), "{:?}", imported.reasons);
    assert!(imported.left_out[0].0.starts_with("password_hash is in no form that is taken"), "{:?}", imported.left_out);
    assert_eq!(kept(&t, "Alice").await.0, "pbkdf2_sha256$1000");
    login(&t, "alice", "s3cret of new").await.problem(401, "password_wrong");
    let signed_in = login(&t, "alice", "s3cret of old").await.ok(200);
    assert_eq!((&signed_in["user"]["number"], &signed_in["user"]["nickname"]), (&json!(7), &json!("Al")));
    assert_eq!(kept(&t, "Alice").await.0, "argon2id$v=19$m=19456,t=2,p=1");
    login(&t, "bob", "!unusable").await.problem(401, "password_wrong");
    let again = import(&t, head, &rows).await;
    assert_eq!((again.there, again.made, again.completed, again.rejected), (3, 0, 0, 0));
    assert_eq!(kept(&t, "Alice").await.0, "argon2id$v=19$m=19456,t=2,p=1", "what is here is never changed");
    login(&t, "alice", "s3cret of old").await.ok(200);
}

#[tokio::test]
async fn a_name_that_somebody_has_is_given_to_nobody_else() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let rows = [
        format!("7,ALICE,{PBKDF2}"),
        format!("8,bob,{PBKDF2}"),
        format!("9,Bob,{PBKDF2}"),
        format!("10,with space,{PBKDF2}"),
    ];
    let imported = import(&t, "number,username,password_hash", &rows).await;
    assert_eq!((imported.made, imported.rejected), (1, 3));
    let mut reasons: Vec<&str> = imported.reasons.iter().map(|(why, _)| why.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "username belongs to another user",
            "username must be 1 to 150 letters, digits and . _ - @ + without spaces",
            "username stands twice in the source",
        ]
    );
    login(&t, "alice", PASSWORD).await.ok(200);
    login(&t, "alice", "s3cret of old").await.problem(401, "password_wrong");
}

#[tokio::test]
async fn somebody_who_is_here_by_a_mini_program_gets_the_password_that_they_had_elsewhere() {
    let t = TestServer::with(open()).await;
    let rows = ["7,o-alice,,".to_owned()];
    assert_eq!(import(&t, "number,openid,username,password_hash", &rows).await.made, 1);
    let rows = [format!("7,o-alice,alice,{PBKDF2}")];
    let imported = import(&t, "number,openid,username,password_hash", &rows).await;
    assert_eq!((imported.completed, imported.rejected), (1, 0), "{:?}", imported.reasons);
    assert_eq!(login(&t, "alice", "s3cret of old").await.ok(200)["user"]["number"], 7);
}

#[tokio::test]
async fn a_hash_that_would_take_minutes_is_left_out() {
    let t = TestServer::with(open()).await;
    let hashes = [
        "pbkdf2_sha256$999999999$saltsaltsalt$SmO+ivuiyCfX8uYvf8uXZmGwsT4ekVsHaJ5GpHWkUCc=",
        "pbkdf2_sha256$0$saltsaltsalt$SmO+ivuiyCfX8uYvf8uXZmGwsT4ekVsHaJ5GpHWkUCc=",
        "argon2$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$SmO+ivuiyCfX8uYvf8uXZmGwsT4ekVsHaJ5GpHWkUCc",
        "bcrypt$$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcdefghi",
        "plain text",
    ];
    let rows: Vec<String> =
        (1..).zip(hashes).map(|(number, hash)| format!("{number},user{number},\"{hash}\"")).collect();
    let imported = import(&t, "number,username,password_hash", &rows).await;
    assert_eq!((imported.made, imported.incomplete), (5, 5), "{:?}", imported.left_out);
    for number in 1..=5 {
        assert_eq!(kept(&t, &format!("user{number}")).await.0, "none");
    }
}
