//! `/admin/v1/users/{user}/merge` and `…/unmerge`.

use menjin_server::store::OperatorRole;
use serde_json::json;

use super::{Program, acts, each};
use crate::harness::TestServer;
use crate::operators::hand::Hand;

#[tokio::test]
async fn two_users_are_merged_as_previewed_found_as_one_and_made_two_again() {
    let t = TestServer::start().await;
    let (alice, twin) = (t.phone("alice").await, t.phone("twin").await);
    let (into, from) = (alice.user_id(), twin.user_id());
    let support = Program::of(&t, OperatorRole::Support).await;
    let merge = format!("/users/{from}/merge");
    let preview = support.post(&merge, Some(json!({"into": into, "preview": true}))).await.ok(200);
    assert_eq!((&preview["merged"], &preview["sessions_ended"]), (&json!(false), &json!(1)));
    twin.get("/v1/me").await.ok(200);
    let done = support.post(&merge, Some(json!({"into": into}))).await.ok(200);
    assert_eq!((&done["merged"], &done["moved"]), (&json!(true), &preview["moved"]));
    twin.get("/v1/me").await.problem(401, "user_merged");
    assert_eq!(support.get(&format!("/users/{from}")).await.ok(200)["id"], into);
    assert_eq!(each(&support.all("/users").await, "id"), std::slice::from_ref(&into), "who was merged is in no list");
    assert_eq!(each(&support.all(&format!("/users?id={from}")).await, "id"), std::slice::from_ref(&into));
    support.post(&merge, Some(json!({"into": into}))).await.problem(409, "already_merged");
    support.post(&format!("/users/{from}/unmerge"), None).await.ok(200);
    support.post(&format!("/users/{from}/unmerge"), None).await.problem(409, "not_merged");
    assert_eq!(support.get(&format!("/users/{from}")).await.ok(200)["id"], from);
    let mut lines = acts(&support, OperatorRole::Support).await;
    lines.dedup();
    for action in ["user.merged", "user.unmerged"] {
        assert!(lines.contains(&action.to_owned()), "{lines:?}");
    }
}

/// As the command refuses it: an id or a number that leads to somebody else since is no way around.
#[tokio::test]
async fn a_second_merge_of_merged_users_is_refused_by_whatever_name_they_are_called() {
    let t = TestServer::start().await;
    let (alice, twin) = (t.phone("alice").await.user_id(), t.phone("twin").await.user_id());
    let third = t.phone("third").await.user_id();
    let support = Program::of(&t, OperatorRole::Support).await;
    let mut numbers = Vec::new();
    for user in [&alice, &twin] {
        numbers.push(support.get(&format!("/users/{user}")).await.ok(200)["number"].to_string());
    }
    let [alices, twins] = &numbers[..] else { panic!("{numbers:?}") };
    let merge = async |from: &str, body| support.post(&format!("/users/{from}/merge"), Some(body)).await;
    merge(twins, json!({"into": alices})).await.ok(200);
    for (from, into) in
        [(twins, &alice), (twins, alices), (&alice, &twin), (alices, twins), (twins, &third), (&third, twins)]
    {
        for preview in [true, false] {
            let refused = merge(from, json!({"into": into, "preview": preview})).await;
            refused.problem(409, "already_merged");
        }
    }
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    for from in [&twin, twins] {
        let page = lin.get(&format!("/console/people/{alice}/merge?from={from}")).await;
        assert!(page.status == 409 && page.text.contains("already_merged"), "{from}: {}", page.text);
    }
    let form_token = lin.form_token().await;
    let fields = [("form_token", form_token.as_str()), ("from", third.as_str())];
    let late = lin.post(&format!("/console/people/{twin}/merge"), &fields).await;
    assert!(late.status == 409 && late.text.contains("already_merged"), "merged since the preview: {}", late.text);

    let parted = support.post(&format!("/users/{twins}/unmerge"), None).await.ok(200);
    assert_eq!((&parted["user"], &parted["from"]), (&json!(twin), &json!(alice)));
}

#[tokio::test]
async fn each_misuse_of_a_merge_is_refused() {
    let t = TestServer::start().await;
    let user = t.phone("alice").await.user_id();
    let support = Program::of(&t, OperatorRole::Support).await;
    let merge = format!("/users/{user}/merge");
    support.post(&merge, Some(json!({"into": user}))).await.problem(409, "merge_refused");
    support.post(&merge, Some(json!({"into": "999999"}))).await.problem(404, "user_unknown");
    assert_eq!(
        support.post(&merge, Some(json!({"into": "alice"}))).await.problem(400, "field_invalid")["field"],
        "into"
    );
    assert_eq!(support.post(&merge, Some(json!({}))).await.problem(400, "field_invalid")["field"], "into");
    assert_eq!(support.post("/users/alice/unmerge", None).await.problem(400, "field_invalid")["field"], "user");
    support.post("/users/999999/unmerge", None).await.problem(404, "user_unknown");
    support.post("/users/1/unmerge", None).await.problem(409, "not_merged");
    support.post(&format!("/users/{user}/unmerge"), None).await.problem(409, "not_merged");
    let (second, third) = (t.phone("bob").await.user_id(), t.phone("carol").await.user_id());
    for (from, into) in [(&third, &second), (&second, &user)] {
        support.post(&format!("/users/{from}/merge"), Some(json!({"into": into}))).await.ok(200);
    }
    support.post(&format!("/users/{third}/unmerge"), None).await.problem(409, "merge_covered");
}
