//! What operators do about who somebody is, and the words in which they are refused.

use menjin_server::problem::{NotDone, PeopleFault};
use menjin_server::store::Actor;
use menjin_token::UserId;
use serde_json::{Value, json};

use super::{MERGE, identities, link_qq, on_qq, start};

fn id(pair: &Value) -> UserId {
    pair["user"]["id"].as_str().unwrap().parse().unwrap()
}

fn fault<T: std::fmt::Debug>(done: Result<T, NotDone>) -> PeopleFault {
    match done {
        Err(NotDone::People(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_operator_merges_and_undoes_it() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (other, pair) = on_qq(&t, "alice").await;
    let (into, from): (UserId, UserId) = (phone.user_id().parse().unwrap(), id(&pair));
    let by = Actor { kind: "operator", id: Some("dana".to_owned()), ip: None };
    let preview = t.menjin.merge_users(&by, (from, into), true).await.unwrap();
    assert_eq!((preview.merged, preview.moved.identities, preview.sessions_ended), (false, 1, 1));
    other.get("/v1/me").await.ok(200);
    let done = t.menjin.merge_users(&by, (from, into), false).await.unwrap();
    assert!(done.merged && done.undo_until > t.menjin_now());
    other.get("/v1/me").await.problem(401, "user_merged");
    let account = t.menjin.account(from).await.unwrap();
    assert_eq!((account.id, account.aliases), (into, vec![from]));
    assert_eq!(fault(t.menjin.merge_users(&by, (from, into), false).await), PeopleFault::AlreadyMerged);
    assert_eq!(fault(t.menjin.merge_users(&by, (into, into), false).await), PeopleFault::MergeRefused);
    assert_eq!(fault(t.menjin.unmerge_user(&by, into).await), PeopleFault::NotMerged);

    let undone = t.menjin.unmerge_user(&by, from).await.unwrap();
    assert_eq!((undone.user, undone.from, undone.sessions_ended), (from, into, 1));
    phone.get("/v1/me").await.problem(401, "user_merged");
    assert_eq!(id(&on_qq(&t, "alice").await.1), from);
    assert_eq!(t.phone("alice").await.user_id(), into.to_string());
    assert_eq!(fault(t.menjin.unmerge_user(&by, from).await), PeopleFault::NotMerged);
}

#[tokio::test]
async fn of_two_merges_that_lie_over_each_other_the_later_one_is_undone_first() {
    let t = start().await;
    let [alice, bob, carol] = [t.phone("alice").await, t.phone("bob").await, t.phone("carol").await]
        .map(|it| it.user_id().parse::<UserId>().unwrap());
    let by = Actor::command();
    for both in [(carol, bob), (bob, alice)] {
        t.menjin.merge_users(&by, both, false).await.unwrap();
    }
    let refused = t.menjin.unmerge_user(&by, carol).await;
    assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("undo that first")), "{refused:?}");
    assert_eq!(fault(refused), PeopleFault::MergeCovered);
    assert_eq!(t.menjin.unmerge_user(&by, bob).await.unwrap().from, alice);
    assert_eq!(t.menjin.unmerge_user(&by, carol).await.unwrap().from, bob);
    assert_eq!(t.phone("carol").await.user_id(), carol.to_string());
}

#[tokio::test]
async fn a_merge_is_final_after_its_time() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (_, pair) = on_qq(&t, "alice").await;
    phone.post(MERGE, json!({"access_token": pair["access_token"], "confirm": true})).await.ok(200);
    t.clock.advance(std::time::Duration::from_hours(24 * 30));
    assert_eq!(fault(t.menjin.unmerge_user(&Actor::command(), id(&pair)).await), PeopleFault::MergeFinal);
    assert_eq!(id(&on_qq(&t, "alice").await.1).to_string(), phone.user_id());
}

#[tokio::test]
async fn an_operator_takes_an_identity_away_and_the_last_only_by_force() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let user: UserId = phone.user_id().parse().unwrap();
    link_qq(&t, &phone, "alice").await.ok(201);
    let by = Actor::command();
    let all = t.menjin.identities_of(user).await.unwrap();
    let appids: Vec<_> = all.iter().map(|it| (it.platform.as_str(), it.has_unionid)).collect();
    assert_eq!(appids, [("wechat", true), ("qq", true)]);
    assert_eq!(t.menjin.unlink_identity(&by, user, all[0].id, false).await.unwrap(), 1);
    phone.get("/v1/me").await.problem(401, "session_kicked");
    assert_eq!(fault(t.menjin.unlink_identity(&by, user, all[0].id, false).await), PeopleFault::IdentityUnknown);
    assert_eq!(fault(t.menjin.unlink_identity(&by, user, all[1].id, false).await), PeopleFault::LastIdentity);
    assert_eq!(t.menjin.unlink_identity(&by, user, all[1].id, true).await.unwrap(), 0);
    let (qq, pair) = on_qq(&t, "alice").await;
    assert_eq!((&pair["is_new_user"], identities(&qq).await.len()), (&json!(true), 1));
}
