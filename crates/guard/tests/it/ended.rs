//! The set of endings by itself.

use std::time::Duration;

use menjin_guard::token::{SessionId, Timestamp, UserId};
use menjin_guard::{Ended, Subject};

use crate::harness::{LIFE, NOW, session, user};

fn subject() -> Subject<'static> {
    Subject { user: Some(user()), session: Some(session()), client_id: Some("shop") }
}

fn code(ended: &Ended, subject: Subject<'_>, iat: Timestamp) -> Option<String> {
    ended.refusal_for(subject, iat).map(|because| because.code)
}

#[test]
fn an_ended_session_refuses_all_its_tokens_and_no_others() {
    let ended = Ended::new();
    ended.end_session(session(), "session_kicked", NOW, NOW.plus(LIFE));
    let because = ended.refusal_for(subject(), NOW.plus(LIFE)).unwrap();
    assert_eq!((because.code.as_str(), because.at), ("session_kicked", NOW));
    let other = Subject { session: Some(SessionId::new(NOW, [9; 10])), ..subject() };
    assert_eq!(ended.refusal_for(other, NOW), None);
    assert_eq!(ended.refusal_for(Subject::default(), NOW), None);
}

#[test]
fn every_reason_is_told_by_its_code_and_an_unknown_one_as_session_ended() {
    let codes = [
        "session_ended",
        "session_replaced",
        "session_kicked",
        "session_expired",
        "user_disabled",
        "password_changed",
        "refresh_reused",
        "restored",
        "account_closed",
        "user_merged",
        "token_expired",
    ];
    for reason in codes.into_iter().chain(["", "token_missing", "forbidden", "<script>"]) {
        let ended = Ended::new();
        ended.end_session(session(), reason, NOW, NOW.plus(LIFE));
        let expected = if codes.contains(&reason) { reason } else { "session_ended" };
        assert_eq!(code(&ended, subject(), NOW).as_deref(), Some(expected));
    }
}

#[test]
fn a_cut_refuses_what_was_issued_before_it_and_takes_what_comes_after() {
    let cut = NOW.plus(Duration::from_millis(90_500));
    for ended in [
        {
            let ended = Ended::new();
            ended.user_not_before(user(), "password_changed", cut, NOW.plus(LIFE));
            ended
        },
        {
            let ended = Ended::new();
            ended.app_not_before("shop", "password_changed", cut, NOW.plus(LIFE));
            ended
        },
    ] {
        assert!(code(&ended, subject(), NOW).is_some());
        assert!(code(&ended, subject(), NOW.plus(Duration::from_secs(89))).is_some());
        assert!(
            code(&ended, subject(), NOW.plus(Duration::from_secs(90))).is_some(),
            "the cut's own second can't be told apart"
        );
        assert!(code(&ended, subject(), NOW.plus(Duration::from_secs(91))).is_none());
    }
}

#[test]
fn a_session_opened_after_the_cut_in_the_same_second_works_at_once() {
    let ended = Ended::new();
    let cut = NOW.plus(Duration::from_millis(500));
    ended.user_not_before(user(), "password_changed", cut, NOW.plus(LIFE));
    let opened = |millis| Subject {
        session: Some(SessionId::new(NOW.plus(Duration::from_millis(millis)), [9; 10])),
        ..subject()
    };
    assert_eq!(code(&ended, opened(499), NOW).as_deref(), Some("password_changed"));
    assert_eq!(code(&ended, opened(500), NOW), None);
    assert_eq!(code(&ended, opened(999), NOW), None);
}

#[test]
fn a_cut_of_one_user_or_app_is_no_cut_of_another() {
    let ended = Ended::new();
    ended.user_not_before(UserId::new(NOW, [9; 10]), "user_disabled", NOW, NOW.plus(LIFE));
    ended.app_not_before("shop-2", "session_ended", NOW, NOW.plus(LIFE));
    assert_eq!(ended.refusal_for(subject(), NOW), None);
}

#[test]
fn of_two_cuts_the_later_counts_whichever_is_told_first() {
    let later = NOW.plus(Duration::from_mins(1));
    for order in [[NOW, later], [later, NOW]] {
        let ended = Ended::new();
        for at in order {
            ended.user_not_before(user(), "session_ended", at, at.plus(LIFE));
        }
        assert_eq!(ended.refusal_for(subject(), NOW.plus(Duration::from_secs(30))).unwrap().at, later);
        ended.forget_before(NOW.plus(LIFE).plus(Duration::from_mins(1)));
        assert_eq!(ended.len(), 1);
    }
}

#[test]
fn of_a_sessions_end_and_a_later_cut_of_its_user_the_later_says_why() {
    let later = NOW.plus(Duration::from_mins(1));
    let ended = Ended::new();
    ended.end_session(session(), "user_disabled", NOW, later.plus(LIFE));
    ended.user_not_before(user(), "user_disabled", NOW, later.plus(LIFE));
    assert_eq!(code(&ended, subject(), NOW).as_deref(), Some("user_disabled"));
    ended.user_not_before(user(), "session_kicked", later, later.plus(LIFE));
    assert_eq!(code(&ended, subject(), NOW).as_deref(), Some("session_kicked"), "a lifted ban");
    let opened_later = Subject { session: Some(SessionId::new(later, [9; 10])), ..subject() };
    assert_eq!(code(&ended, opened_later, later), None);
    ended.end_session(session(), "session_replaced", later.plus(LIFE), later.plus(LIFE));
    assert_eq!(code(&ended, subject(), NOW).as_deref(), Some("session_replaced"));
}

#[test]
fn an_ending_is_kept_until_no_leeway_could_let_its_tokens_in() {
    let ended = Ended::new();
    let until = NOW.plus(LIFE);
    ended.end_session(session(), "session_ended", NOW, until);
    ended.user_not_before(user(), "session_ended", NOW, until);
    ended.app_not_before("shop", "session_ended", NOW, until);
    ended.key_revoked("one");
    ended.forget_before(until.plus(Duration::from_secs(59)));
    assert_eq!(ended.len(), 4);
    ended.forget_before(until.plus(Duration::from_mins(1)));
    assert_eq!(ended.len(), 1);
    assert!(ended.is_key_revoked("one"), "a revoked key stays revoked");
}

#[test]
fn the_feed_is_stale_before_the_first_reading_and_when_the_last_is_too_old() {
    let ended = Ended::new();
    assert!(ended.is_stale(NOW) && ended.is_empty());
    ended.mark_read(NOW);
    assert!(!ended.is_stale(NOW.plus(Duration::from_secs(30))));
    assert!(ended.is_stale(NOW.plus(Duration::from_millis(30_001))));
    assert!(!ended.is_stale(NOW.minus(Duration::from_secs(30))), "a clock that was set right by a little");
    assert!(ended.is_stale(NOW.minus(Duration::from_millis(30_001))), "read before the clock was set back");
    ended.mark_read(NOW.plus(Duration::from_secs(30)));
    assert!(!ended.is_stale(NOW.plus(Duration::from_mins(1))));
    assert!(!ended.is_stale(NOW), "a clock set back is no lag");
    ended.mark_read(NOW);
    assert!(ended.is_stale(NOW.plus(Duration::from_mins(1))), "what was read before it was set back does not vouch");
}

#[test]
fn a_lag_of_zero_means_one_second() {
    let strict = Ended::with_max_lag(Duration::ZERO);
    strict.mark_read(NOW);
    assert!(!strict.is_stale(NOW.plus(Duration::from_secs(1))));
    assert!(strict.is_stale(NOW.plus(Duration::from_millis(1001))));
}

#[test]
fn a_change_of_roles_outdates_what_was_issued_before_it_and_nothing_else() {
    let ended = Ended::new();
    let until = NOW.plus(std::time::Duration::from_mins(15));
    let roles = ["clerk".to_owned(), "boss".to_owned()];
    let outdated = |version| ended.outdates(Some(user()), &roles, version);
    assert!(!outdated(None) && !outdated(Some(1)), "nothing has changed");
    ended.roles_of_user(user(), 7, until);
    assert!(outdated(None) && outdated(Some(6)) && !outdated(Some(7)) && !outdated(Some(8)));
    let somebody = menjin_guard::token::UserId::new(NOW, [77; 10]);
    assert!(!ended.outdates(Some(somebody), &roles, None) && !ended.outdates(None, &roles, None));
    // What is heard late changes nothing that came after it.
    ended.roles_of_user(user(), 5, until);
    assert!(outdated(Some(6)) && !outdated(Some(7)));
    ended.role_changed("boss", 9, until);
    assert!(outdated(Some(8)) && !outdated(Some(9)));
    assert!(ended.outdates(Some(somebody), &roles, Some(8)));
    assert!(!ended.outdates(Some(somebody), &roles[..1], Some(8)) && !ended.outdates(Some(somebody), &[], None));
    assert_eq!(ended.len(), 2);
    ended.forget_before(until.plus(std::time::Duration::from_mins(2)));
    assert!(ended.is_empty() && !outdated(None));
}
