//! Values that no method writes: a user who was disabled, and what no version of menjin wrote.

use super::Bench;
use super::sample::{at, claiming, ended, identity, opening, presented, sign_in};
use crate::store::{
    CodeClaim, CodeDigest, DeviceClass, EndReason, IdempotencyKey, Opened, Opening, Refused, Rotation, StoreError, Who,
};

impl Bench {
    /// As `raw`, beside the threads that answer.
    fn change(&self, sql: &str) -> String {
        tokio::task::block_in_place(|| (self.raw)(sql))
    }
}

pub(in crate::store) async fn a_disabled_user_signs_in_nowhere(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    t.change("UPDATE users SET disabled_at = 1");
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    t.change("UPDATE identities SET unionid = 'union', open_account = 'company'");
    let mut elsewhere = identity("alice");
    elsewhere.appid = "wx-other".into();
    let code = |n| CodeDigest([n; 32]);
    let known = Opening { code: Some(code(1)), ..opening("alice", at(1)) };
    let joined = Opening { code: Some(code(2)), who: Who::Identity(elsewhere), unionid, ..opening("alice", at(1)) };
    for opening in [known, joined] {
        let code = opening.code.unwrap();
        let key = IdempotencyKey { key: code.0, body: [0; 32] };
        let claiming = claiming(code, Some(key));
        assert_eq!(t.store.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
        assert!(matches!(t.store.open_session(opening).await.unwrap(), Opened::Disabled));
        let refused = Refused("user_disabled".into());
        assert_eq!(t.other.claim_code(claiming).await.unwrap(), CodeClaim::Refused(refused));
    }
    assert!(t.store.user(alice.user().id).await.unwrap().unwrap().disabled_at.is_some());
    let count = |table: &str| t.change(&format!("SELECT count(*) FROM {table}"));
    assert_eq!((count("sessions"), count("identities"), count("users")), ("1".into(), "1".into(), "1".into()));
}

pub(in crate::store) async fn a_disabled_users_refresh_ends_the_session(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    t.change("UPDATE users SET disabled_at = 1");
    assert!(t.store.unrefreshed(alice.session()).await.unwrap().is_none());
    for _ in 0..2 {
        let rotation = t.store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap();
        assert!(matches!(rotation, Rotation::Ended(EndReason::UserDisabled)), "{rotation:?}");
    }
    assert_eq!(ended(&*t.store, alice.session()).await, Some(EndReason::UserDisabled));
}

pub(in crate::store) async fn a_value_that_no_version_wrote_is_named(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    t.change("UPDATE sessions SET ended_at = 1, end_reason = 'bored', device_class = 'watch'");
    let StoreError::Unavailable(cause) = t.store.session(alice.session()).await.unwrap_err();
    assert!(format!("{cause:#}").contains("sessions.end_reason can't be"), "{cause:#}");
    t.change("UPDATE sessions SET ended_at = NULL, end_reason = NULL");
    let row = t.store.session(alice.session()).await.unwrap().unwrap();
    assert_eq!(row.device.class, DeviceClass::Other, "a later version may know more devices");
    t.change("UPDATE grants SET counter = -1");
    let StoreError::Unavailable(cause) = t.store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap_err();
    assert!(format!("{cause:#}").contains("grants.counter can't be"), "{cause:#}");
}
