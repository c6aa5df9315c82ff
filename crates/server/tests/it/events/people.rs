//! What a receiver is told that is behind: people who were merged, parted or erased before it asked.

use serde_json::{Value, json};

use super::{all, kinds, reading};
use crate::harness::{APPID, Actor, OTHER_APPID, TestServer};

const MERGE: &str = "/v1/me/merge";

fn of<'e>(events: &'e [Value], user: &str) -> Vec<&'e str> {
    events.iter().filter(|it| it["data"]["user"] == user).map(|it| it["type"].as_str().unwrap()).collect()
}

fn one<'e>(events: &'e [Value], kind: &str) -> &'e Value {
    let found: Vec<_> = events.iter().filter(|it| it["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}: {events:#?}");
    &found[0]["data"]
}

async fn erase(t: &TestServer, user: &str) {
    let by = menjin_server::store::Actor::command();
    t.menjin.delete_user(&by, user.parse().unwrap(), menjin_server::WhenToDelete::Now).await.unwrap();
}

async fn merge(into: &Actor<'_>, from: &Actor<'_>) {
    into.post(MERGE, json!({"access_token": from.access_token(), "confirm": true})).await.ok(200);
}

#[tokio::test]
async fn of_whoever_was_merged_and_erased_before_it_asks_it_hears_everything_that_it_needs() {
    let t = TestServer::with(reading("")).await;
    let (alice, twin) = (t.phone("alice").await, t.phone("twin").await);
    let (stays, goes) = (alice.user_id(), twin.user_id());
    merge(&alice, &twin).await;
    let before = all(&t, "crm").await;
    let known: Vec<_> = kinds(&before).into_iter().map(str::to_owned).collect();
    erase(&t, &stays).await;
    let events = all(&t, "crm").await;
    assert_eq!(events[..before.len()], before, "the same events as a receiver that was not behind");
    assert_eq!(known.iter().filter(|kind| *kind == "user.created").count(), 2);
    assert_eq!(
        one(&events, "user.merged"),
        &json!({"user": goes, "other_user": stays}),
        "else nobody knew whose data goes"
    );
    assert_eq!(one(&events, "user.deleted"), &json!({"user": stays}));
    assert_eq!(of(&events, &stays).last(), Some(&"user.deleted"), "{events:#?}");
}

#[tokio::test]
async fn a_merge_that_was_undone_is_told_to_who_is_behind() {
    let t = TestServer::with(reading("")).await;
    let (alice, twin) = (t.phone("alice").await, t.phone("twin").await);
    merge(&alice, &twin).await;
    let by = menjin_server::store::Actor::command();
    t.menjin.unmerge_user(&by, twin.user_id().parse().unwrap()).await.unwrap();
    for user in [alice.user_id(), twin.user_id()] {
        erase(&t, &user).await;
    }
    let events = all(&t, "crm").await;
    let both = json!({"user": twin.user_id(), "other_user": alice.user_id()});
    assert_eq!((one(&events, "user.merged"), one(&events, "user.unmerged")), (&both, &both));
    assert_eq!(of(&events, &twin.user_id()).last(), Some(&"user.deleted"));
}

/// Else a back end that knew only the other name would keep for ever what it has of them.
#[tokio::test]
async fn who_knew_somebody_by_another_name_hears_of_the_user_that_they_are_since() {
    let t = TestServer::with(reading("")).await;
    let alice = t.phone("alice").await;
    let mut twin = t.phone_of("twin");
    twin.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let stranger = t.phone("stranger").await;
    merge(&alice, &twin).await;
    for user in [alice.user_id(), stranger.user_id()] {
        erase(&t, &user).await;
    }
    let club = all(&t, "club-crm").await;
    assert_eq!(one(&club, "user.merged"), &json!({"user": twin.user_id(), "other_user": alice.user_id()}));
    assert_eq!(one(&club, "user.deleted"), &json!({"user": alice.user_id()}));
    assert_eq!(of(&club, &stranger.user_id()), [""; 0], "MT-01");
}

#[tokio::test]
async fn a_number_that_moves_is_a_change_for_both() {
    let t = TestServer::with(reading("")).await;
    for person in ["alice", "bob"] {
        t.sim.change_person(person, |it| "13800005555".clone_into(&mut it.phone.number));
    }
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    for (phone, person) in [(&alice, "alice"), (&alice, "alice"), (&bob, "bob")] {
        phone.post("/v1/me/phone", json!({"phone_code": t.sim.phone_code(APPID, person)})).await.ok(200);
    }
    let events = all(&t, "crm").await;
    assert_eq!(of(&events, &alice.user_id()), ["user.created", "phone.changed", "phone.changed"], "bound, and lost");
    assert_eq!(of(&events, &bob.user_id()), ["user.created", "phone.changed"]);
    assert!(!json!(events).to_string().contains("5555"), "no number in an event");
}
