//! Operators: a link, a code and the last admin stand for one, however many race.

use menjin_token::Timestamp;

use super::Bench;
use super::sample::{MASTER, at, fresh, sealed, sweeping};
use crate::store::{
    Actor, AddingOperator, AuditLine, ChangingOperator, HeldDigest, NewLink, NewOperatorSession, OperatorChange,
    OperatorChanged, OperatorRole, OperatorShown, OperatorTokenAdded, OperatorTokenRow, RedeemingLink, ShownStep,
    Store,
};

fn by() -> Actor {
    Actor { kind: "operator", id: Some("root".into()), ip: None }
}

pub(super) fn link(until: i64) -> NewLink {
    NewLink { digest: fresh(), until: at(until) }
}

async fn add(store: &dyn Store, name: &str, role: OperatorRole, link: NewLink) -> bool {
    store
        .add_operator(AddingOperator { name: name.into(), role, link: Some(link), now: at(0), by: by() })
        .await
        .unwrap()
}

pub(super) async fn change(store: &dyn Store, name: &str, change: OperatorChange) -> OperatorChanged {
    store.change_operator(ChangingOperator { name: name.into(), change, now: at(60), by: by() }).await.unwrap()
}

pub(super) fn session(name: &str, now: Timestamp) -> NewOperatorSession {
    let until = now.plus(std::time::Duration::from_hours(8));
    NewOperatorSession { digest: fresh(), operator: name.into(), ip: Some("::1".into()), user_agent: None, now, until }
}

fn redeeming(name: &str, link: HeldDigest, now: Timestamp) -> RedeemingLink {
    RedeemingLink { link, sealed: sealed(MASTER, "proofs"), totp_step: 10, session: session(name, now) }
}

/// An operator who has redeemed their link at second 1.
pub(super) async fn set_up(store: &dyn Store, name: &str, role: OperatorRole) -> HeldDigest {
    let waiting = link(1800);
    assert!(add(store, name, role, waiting).await);
    let redeeming = redeeming(name, waiting.digest, at(1));
    let opened = redeeming.session.digest;
    assert!(store.redeem_link(redeeming).await.unwrap());
    opened
}

fn step(step: i64) -> ShownStep {
    ShownStep { step, set_up_at: at(1) }
}

/// How many lines the audit has of this.
pub(super) fn lines(t: &Bench, action: &str) -> u64 {
    let count = format!("SELECT count(*) FROM audit WHERE action = '{action}'");
    tokio::task::block_in_place(|| (t.raw)(&count)).parse().unwrap()
}

async fn names(store: &dyn Store) -> Vec<(String, OperatorRole)> {
    let mut all: Vec<_> = store.operators().await.unwrap().into_iter().map(|it| (it.name, it.role)).collect();
    all.sort();
    all
}

pub(in crate::store) async fn an_operator_is_set_up_by_a_link_that_works_once(t: Bench) {
    let waiting = link(1800);
    assert!(add(&*t.store, "lin", OperatorRole::Support, waiting).await);
    assert!(!add(&*t.other, "lin", OperatorRole::Admin, link(1800)).await, "the name is taken");
    assert_eq!(t.store.operator_proof("lin").await.unwrap(), None);
    assert_eq!(t.other.operator_of_link(waiting.digest, at(1799)).await.unwrap().as_deref(), Some("lin"));
    assert_eq!(t.other.operator_of_link(waiting.digest, at(1800)).await.unwrap(), None, "it is over");
    assert_eq!(t.other.operator_of_link(fresh(), at(1)).await.unwrap(), None);
    assert!(!t.store.redeem_link(redeeming("lin", waiting.digest, at(1800))).await.unwrap());
    assert!(!t.store.redeem_link(redeeming("mallory", waiting.digest, at(1))).await.unwrap(), "it is not theirs");

    let redeeming_it = redeeming("lin", waiting.digest, at(1));
    let opened = redeeming_it.session.digest;
    assert!(t.store.redeem_link(redeeming_it).await.unwrap());
    assert!(!t.store.redeem_link(redeeming("lin", waiting.digest, at(2))).await.unwrap(), "it is used");
    let proof = t.other.operator_proof("lin").await.unwrap().unwrap();
    assert_eq!((proof.sealed, proof.set_up_at), (sealed(MASTER, "proofs"), at(1)));
    let row = t.other.operator_session(opened).await.unwrap().unwrap();
    assert_eq!((row.operator.as_str(), row.role, row.proved_at), ("lin", OperatorRole::Support, at(1)));
    let lin = &t.store.operators().await.unwrap()[0];
    assert_eq!((lin.set_up_at, lin.signed_in_at), (Some(at(1)), Some(at(1))));
    assert_eq!(lines(&t, "operator.created"), 1);
    assert_eq!(lines(&t, "operator.set_up"), 1);
}

pub(in crate::store) async fn of_racing_callers_with_one_link_one_is_set_up(t: Bench) {
    let waiting = link(1800);
    assert!(add(&*t.store, "lin", OperatorRole::Admin, waiting).await);
    let redeem = |node: std::sync::Arc<dyn Store>, _| async move {
        node.redeem_link(redeeming("lin", waiting.digest, at(1))).await.unwrap()
    };
    let redeemed = t.race(8, redeem).await;
    assert_eq!(redeemed.into_iter().filter(|it| *it).count(), 1);
}

pub(in crate::store) async fn a_code_is_used_once_and_in_order(t: Bench) {
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    assert!(
        !t.store.open_operator_session(session("lin", at(2)), OperatorShown::Step(step(10))).await.unwrap(),
        "the link used it"
    );
    assert!(!t.store.open_operator_session(session("nobody", at(2)), OperatorShown::Step(step(11))).await.unwrap());
    let open = |node: std::sync::Arc<dyn Store>, _| async move {
        node.open_operator_session(session("lin", at(30)), OperatorShown::Step(step(11))).await.unwrap()
    };
    let opened = t.race(8, open).await;
    assert_eq!(opened.into_iter().filter(|it| *it).count(), 1);
    let later = session("lin", at(60));
    assert!(t.store.open_operator_session(later.clone(), OperatorShown::Step(step(12))).await.unwrap());
    assert!(
        !t.store.open_operator_session(session("lin", at(60)), OperatorShown::Step(step(11))).await.unwrap(),
        "an older one is worth nothing"
    );
    assert!(!t.store.prove_operator_session(later.digest, OperatorShown::Step(step(12)), at(90)).await.unwrap());
    assert!(t.store.prove_operator_session(later.digest, OperatorShown::Step(step(13)), at(90)).await.unwrap());
    assert!(
        !t.store.prove_operator_session(fresh(), OperatorShown::Step(step(14)), at(90)).await.unwrap(),
        "no such sign-in"
    );
    assert_eq!(t.other.operator_session(later.digest).await.unwrap().unwrap().proved_at, at(90));
    assert_eq!(lines(&t, "operator.signed_in"), 2);
}

pub(in crate::store) async fn the_last_admin_stays(t: Bench) {
    let demote = OperatorChange::Role(OperatorRole::Viewer);
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    assert!(add(&*t.store, "wei", OperatorRole::Admin, link(1800)).await);
    for change_of_lin in [OperatorChange::Remove, demote] {
        assert_eq!(change(&*t.store, "lin", change_of_lin).await, OperatorChanged::LastAdmin, "wei can't sign in yet");
    }
    assert_eq!(change(&*t.store, "lin", OperatorChange::Role(OperatorRole::Admin)).await, OperatorChanged::Unchanged);
    assert_eq!(change(&*t.store, "nobody", OperatorChange::Remove).await, OperatorChanged::Unknown);
    assert_eq!(change(&*t.store, "wei", OperatorChange::Remove).await, OperatorChanged::Changed(vec![]));
    assert_eq!(names(&*t.other).await, [("lin".to_owned(), OperatorRole::Admin)]);
    assert_eq!(lines(&t, "operator.removed"), 1, "what is refused leaves no line");
}

pub(in crate::store) async fn of_racing_removals_and_demotions_one_admin_is_left(t: Bench) {
    let mut keeper: Option<String> = None;
    for round in 0..4 {
        let admins: Vec<String> = (0..4).map(|nth| format!("r{round}-{nth}")).collect();
        for admin in &admins {
            set_up(&*t.store, admin, OperatorRole::Admin).await;
        }
        if let Some(keeper) = keeper {
            assert_eq!(change(&*t.store, &keeper, OperatorChange::Remove).await, OperatorChanged::Changed(vec![]));
        }
        let act = |node: std::sync::Arc<dyn Store>, nth: usize| {
            let name = admins[nth % admins.len()].clone();
            let what =
                if nth.is_multiple_of(2) { OperatorChange::Remove } else { OperatorChange::Role(OperatorRole::Viewer) };
            async move { change(&*node, &name, what).await }
        };
        let done = t.race(8, act).await;
        let all = names(&*t.other).await;
        let left: Vec<_> = all.iter().filter(|(_, role)| *role == OperatorRole::Admin).collect();
        assert_eq!(left.len(), 1, "{done:?}");
        assert!(done.contains(&OperatorChanged::LastAdmin), "{done:?}");
        keeper = Some(left[0].0.clone());
    }
}

pub(in crate::store) async fn what_proves_them_moves_to_another_master_key(t: Bench) {
    const NEXT: [u8; 4] = [9, 9, 9, 9];
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    assert!(add(&*t.store, "wei", OperatorRole::Viewer, link(1800)).await, "nothing of theirs is sealed yet");
    let counts = t.store.sealed_counts().await.unwrap();
    let counts: Vec<_> =
        counts.iter().filter(|it| it.table == "operators").map(|it| (it.master_key, it.rows)).collect();
    assert_eq!(counts, [(MASTER, 1)]);
    let found = t.other.sealed_elsewhere(NEXT, 100).await.unwrap();
    assert_eq!((found.len(), found[0].table, found[0].row.as_slice()), (1, "operators", &b"lin"[..]));
    let anew = found.into_iter().map(|value| (value, sealed(NEXT, "proofs"))).collect();
    t.store.reseal(anew).await.unwrap();
    assert_eq!(t.other.operator_proof("lin").await.unwrap().unwrap().sealed, sealed(NEXT, "proofs"));
    assert!(t.other.sealed_elsewhere(NEXT, 100).await.unwrap().is_empty());
}

pub(in crate::store) async fn a_reset_ends_sign_ins_and_what_was_proved_before(t: Bench) {
    let opened = set_up(&*t.store, "lin", OperatorRole::Admin).await;
    let waiting = link(1800);
    assert_eq!(change(&*t.store, "lin", OperatorChange::Reset(waiting)).await, OperatorChanged::Changed(vec![]));
    assert_eq!(t.other.operator_session(opened).await.unwrap(), None);
    assert_eq!(t.other.operator_proof("lin").await.unwrap(), None);
    assert!(
        !t.other.open_operator_session(session("lin", at(61)), OperatorShown::Step(step(99))).await.unwrap(),
        "proved before the reset"
    );
    let again = link(1800);
    assert_eq!(change(&*t.store, "lin", OperatorChange::Reset(again)).await, OperatorChanged::Changed(vec![]));
    assert!(
        !t.store.redeem_link(redeeming("lin", waiting.digest, at(62))).await.unwrap(),
        "a newer link took its place"
    );
    assert!(t.store.redeem_link(redeeming("lin", again.digest, at(62))).await.unwrap());
    assert_eq!(lines(&t, "operator.reset"), 2);
}

pub(in crate::store) async fn a_role_changes_at_once_and_a_removed_operator_is_gone(t: Bench) {
    set_up(&*t.store, "root", OperatorRole::Admin).await;
    let opened = set_up(&*t.store, "lin", OperatorRole::Viewer).await;
    let promote = OperatorChange::Role(OperatorRole::Support);
    assert_eq!(change(&*t.store, "lin", promote).await, OperatorChanged::Changed(vec![]));
    assert_eq!(t.other.operator_session(opened).await.unwrap().unwrap().role, OperatorRole::Support);
    assert_eq!(change(&*t.store, "lin", OperatorChange::Remove).await, OperatorChanged::Changed(vec![]));
    assert_eq!(t.other.operator_session(opened).await.unwrap(), None);
    assert!(add(&*t.store, "lin", OperatorRole::Viewer, link(1800)).await, "the name is free again");
}

pub(in crate::store) async fn a_sign_in_is_seen_and_ended_once(t: Bench) {
    let opened = set_up(&*t.store, "lin", OperatorRole::Viewer).await;
    t.store.see_operator_session(opened, at(120)).await.unwrap();
    assert_eq!(t.other.operator_session(opened).await.unwrap().unwrap().seen_at, at(120));
    let line = || AuditLine { action: "operator.signed_out", actor: "operator", ..AuditLine::default() };
    for _ in 0..2 {
        t.store.end_operator_session(opened, line(), at(130)).await.unwrap();
    }
    assert_eq!(t.other.operator_session(opened).await.unwrap(), None);
    assert_eq!(lines(&t, "operator.signed_out"), 1);
}

fn token(name: &str, role: OperatorRole, created_by: Option<&str>) -> OperatorTokenRow {
    OperatorTokenRow {
        name: name.to_owned(),
        role,
        created_by: created_by.map(str::to_owned),
        created_at: at(2),
        until: None,
    }
}

async fn add_token(store: &dyn Store, row: OperatorTokenRow) -> OperatorTokenAdded {
    store.add_operator_token(fresh(), row, by()).await.unwrap()
}

async fn tokens(store: &dyn Store) -> Vec<String> {
    let mut all: Vec<_> = store.operator_tokens().await.unwrap().into_iter().map(|token| token.name).collect();
    all.sort();
    all
}

pub(in crate::store) async fn a_token_is_known_by_its_digest_until_it_is_revoked(t: Bench) {
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    let export = token("export", OperatorRole::Support, Some("lin"));
    let (one, two): (HeldDigest, HeldDigest) = (fresh(), fresh());
    let added = t.store.add_operator_token(one, export.clone(), by()).await.unwrap();
    assert_eq!(added, OperatorTokenAdded::Added(None));
    let again = t.other.add_operator_token(two, export.clone(), by()).await.unwrap();
    assert_eq!(again, OperatorTokenAdded::Taken);
    assert_eq!(t.other.operator_token(one).await.unwrap(), Some(export.clone()));
    assert_eq!(t.other.operator_token(two).await.unwrap(), None);
    assert_eq!(t.other.operator_tokens().await.unwrap(), [export]);
    assert_eq!(t.other.remove_operator_token("export", by(), at(1)).await.unwrap(), Some(vec![]));
    assert_eq!(t.store.remove_operator_token("export", by(), at(1)).await.unwrap(), None);
    assert_eq!(t.store.operator_token(one).await.unwrap(), None);
    assert_eq!(lines(&t, "operator_token.created"), 1);
    assert_eq!(lines(&t, "operator_token.revoked"), 1);
    let longest = "n".repeat(32);
    assert_eq!(add_token(&*t.store, token(&longest, OperatorRole::Admin, None)).await, OperatorTokenAdded::Added(None));
    let of_a_program = token("made", OperatorRole::Support, Some(&format!("token:{longest}")));
    let added = t.store.add_operator_token(one, of_a_program.clone(), by()).await.unwrap();
    assert_eq!(added, OperatorTokenAdded::Added(None), "the longest name makes tokens, too");
    assert_eq!(t.other.operator_token(one).await.unwrap(), Some(of_a_program));
}

pub(in crate::store) async fn what_a_token_made_ends_with_it(t: Bench) {
    set_up(&*t.store, "root", OperatorRole::Admin).await;
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    let until = |end: i64, row: OperatorTokenRow| OperatorTokenRow { until: Some(at(end)), ..row };
    let added = |end: Option<i64>| OperatorTokenAdded::Added(end.map(at));
    let admin = |name, by| token(name, OperatorRole::Admin, Some(by));
    assert_eq!(add_token(&*t.store, until(100, admin("first", "lin"))).await, added(Some(100)));
    assert_eq!(add_token(&*t.other, admin("second", "token:first")).await, added(Some(100)), "it lives no longer");
    assert_eq!(add_token(&*t.store, until(200, admin("third", "token:second"))).await, added(Some(100)));
    assert_eq!(add_token(&*t.other, until(50, admin("shorter", "token:first"))).await, added(Some(50)));
    assert_eq!(add_token(&*t.store, admin("another", "lin")).await, added(None));
    let ends = t.other.operator_tokens().await.unwrap();
    assert!(ends.iter().all(|row| row.name == "another" || row.until <= Some(at(100))), "{ends:?}");

    let ended = t.other.remove_operator_token("first", by(), at(3)).await.unwrap();
    assert_eq!(ended, Some(["second", "shorter", "third"].map(str::to_owned).to_vec()));
    assert_eq!(tokens(&*t.store).await, ["another"]);
    assert_eq!(lines(&t, "operator_token.revoked"), 4, "each has its line");

    // Whoever may do less keeps what may do no more, but nothing that a token made which is gone.
    add_token(&*t.store, token("looks", OperatorRole::Viewer, Some("token:another"))).await;
    add_token(&*t.store, token("own", OperatorRole::Viewer, Some("lin"))).await;
    let demoted = change(&*t.store, "lin", OperatorChange::Role(OperatorRole::Viewer)).await;
    assert_eq!(demoted, OperatorChanged::Changed(vec!["another".to_owned(), "looks".to_owned()]));
    assert_eq!(tokens(&*t.store).await, ["own"]);
}

pub(in crate::store) async fn nobody_who_is_gone_makes_a_token(t: Bench) {
    set_up(&*t.store, "lin", OperatorRole::Support).await;
    let over = OperatorTokenRow { until: Some(at(2)), ..token("over", OperatorRole::Admin, None) };
    add_token(&*t.store, over).await;
    add_token(&*t.store, token("looks", OperatorRole::Viewer, None)).await;
    for maker in ["nobody", "token:nobody", "token:over", "lin", "token:lin", "token:looks"] {
        let row = token("made", OperatorRole::Admin, Some(maker));
        assert_eq!(add_token(&*t.other, row).await, OperatorTokenAdded::MakerGone, "{maker}");
    }
    assert_eq!(tokens(&*t.other).await, ["looks", "over"]);
    assert_eq!(lines(&t, "operator_token.created"), 2, "what is refused leaves no line");
}

pub(in crate::store) async fn a_token_that_is_made_while_its_maker_goes_ends_too(t: Bench) {
    set_up(&*t.store, "root", OperatorRole::Admin).await;
    for round in 0..8 {
        let (operator, first) = (format!("lin{round}"), format!("first{round}"));
        set_up(&*t.store, &operator, OperatorRole::Admin).await;
        add_token(&*t.store, token(&first, OperatorRole::Admin, Some(&operator))).await;
        let of_token = format!("token:{first}");
        let act = |node: std::sync::Arc<dyn Store>, nth: usize| {
            let (operator, first) = (operator.clone(), first.clone());
            let maker = if nth % 2 == 1 && round % 2 == 0 { operator.clone() } else { of_token.clone() };
            let made = token(&format!("made{round}-{nth}"), OperatorRole::Viewer, Some(&maker));
            async move {
                match nth {
                    0 if round % 2 == 0 => drop(change(&*node, &operator, OperatorChange::Remove).await),
                    0 => drop(node.remove_operator_token(&first, by(), at(3)).await.unwrap()),
                    _ => drop(add_token(&*node, made).await),
                }
            }
        };
        t.race(8, act).await;
        assert!(tokens(&*t.other).await.is_empty(), "round {round}: {:?}", tokens(&*t.other).await);
    }
}

pub(in crate::store) async fn tokens_end_with_the_operator_who_made_them(t: Bench) {
    set_up(&*t.store, "root", OperatorRole::Admin).await;
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    for (name, role, created_by) in [
        ("looks", OperatorRole::Viewer, Some("lin")),
        ("does-all", OperatorRole::Admin, Some("lin")),
        ("made-by-it", OperatorRole::Support, Some("token:does-all")),
        ("of-root", OperatorRole::Admin, Some("root")),
        ("by-command", OperatorRole::Admin, None),
    ] {
        assert_eq!(add_token(&*t.store, token(name, role, created_by)).await, OperatorTokenAdded::Added(None));
    }
    let changed = |ended: &[&str]| OperatorChanged::Changed(ended.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(change(&*t.store, "lin", OperatorChange::Reset(link(1800))).await, changed(&[]));
    let demote = OperatorChange::Role(OperatorRole::Viewer);
    assert_eq!(change(&*t.store, "lin", demote).await, changed(&["does-all", "made-by-it"]));
    assert_eq!(change(&*t.other, "lin", OperatorChange::Remove).await, changed(&["looks"]));
    assert_eq!(tokens(&*t.other).await, ["by-command", "of-root"]);
    assert_eq!(lines(&t, "operator_token.revoked"), 3);
}

pub(in crate::store) async fn what_proves_an_operator_is_kept_anew_once_and_their_addresses_are_known(t: Bench) {
    set_up(&*t.store, "lin", OperatorRole::Admin).await;
    let (former, anew) = (sealed(MASTER, "proofs"), sealed(MASTER, "in today's form"));
    assert!(t.store.reseal_operator("lin", former.clone(), anew.clone()).await.unwrap());
    assert!(!t.other.reseal_operator("lin", former, sealed(MASTER, "late")).await.unwrap());
    let proof = t.other.operator_proof("lin").await.unwrap().unwrap();
    assert_eq!((proof.sealed, proof.set_up_at), (anew, at(1)), "the same set-up");
    assert_eq!(t.other.operator_addresses("lin").await.unwrap(), ["::1"]);
    assert!(t.other.operator_addresses("nobody").await.unwrap().is_empty());
    // No text of PostgreSQL has a zero: whoever sends one names nobody, and breaks nothing.
    assert_eq!(t.other.operator_proof("lin\0").await.unwrap(), None);
    assert_eq!(t.store.remove_operator_token("a\0", by(), at(1)).await.unwrap(), None);
    assert_eq!(t.store.user_by_external_id("emp\0").await.unwrap(), None);
}

pub(in crate::store) async fn what_operators_hold_goes_after_its_time(t: Bench) {
    let opened = set_up(&*t.store, "lin", OperatorRole::Admin).await;
    assert!(add(&*t.store, "wei", OperatorRole::Viewer, link(1800)).await);
    let row = OperatorTokenRow { until: Some(at(3600)), ..token("export", OperatorRole::Viewer, None) };
    assert_eq!(add_token(&*t.store, row).await, OperatorTokenAdded::Added(Some(at(3600))));
    assert_eq!(t.store.sweep(sweeping(at(1800))).await.unwrap().rows, 0);
    assert_eq!(t.store.sweep(sweeping(at(1801))).await.unwrap().rows, 1, "the link of wei");
    assert_eq!(t.store.sweep(sweeping(at(3601))).await.unwrap().rows, 1, "the token");
    assert!(t.store.operator_session(opened).await.unwrap().is_some());
    assert_eq!(t.store.sweep(sweeping(at(8 * 3600 + 2))).await.unwrap().rows, 1, "the sign-in");
    assert_eq!(t.store.operator_session(opened).await.unwrap(), None);
    assert_eq!(names(&*t.store).await.len(), 2, "operators stay");
}
