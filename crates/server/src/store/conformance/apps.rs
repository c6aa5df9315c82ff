//! Apps that are registered by command: an id stands for one app for ever, two client secrets live at most, and every
//! change is told.

use std::time::Duration;

use menjin_token::Timestamp;
use tokio::time::Instant;

use super::Bench;
use super::sample::{MASTER, TOKEN_LIFE, at, audit_lines, fresh, sealed};
use crate::store::{
    AppAdded, AppChange, AppChanged, AppRow, AuditLine, ChangingApp, ClientSecretRow, EventKind, Store,
};

/// A back end with one client secret.
pub(super) fn app(id: &str) -> AppRow {
    AppRow {
        id: id.into(),
        kind: "backend".into(),
        name: None,
        audience: format!("{id}-api"),
        scopes: "session-data sessions:open".into(),
        platform: None,
        open_account: None,
        app_secret: None,
        passwords: false,
        register: false,
        created_at: at(0),
        disabled_at: None,
        secrets: vec![ClientSecretRow { digest: fresh(), created_at: at(0) }],
    }
}

/// A mini program of this appid.
pub(super) fn mini_program(id: &str, appid: &str) -> AppRow {
    AppRow {
        kind: "mini_program".into(),
        name: Some("商城".into()),
        platform: Some(("wechat".into(), appid.into())),
        open_account: Some("company".into()),
        app_secret: Some(sealed(MASTER, "app secret")),
        secrets: Vec::new(),
        ..app(id)
    }
}

fn line() -> AuditLine {
    AuditLine { action: "app.changed", actor: "operator", ..AuditLine::default() }
}

pub(super) async fn add(store: &dyn Store, row: AppRow) -> AppAdded {
    store.add_app(row, line()).await.unwrap()
}

fn changing(app: &str, change: AppChange, now: Timestamp) -> ChangingApp {
    let (cut_at, tokens_until) = (now.plus(Duration::from_secs(1)), now.plus(TOKEN_LIFE));
    ChangingApp { app: app.into(), change, now, began: Instant::now(), cut_at, tokens_until, audit: line() }
}

async fn change(store: &dyn Store, app: &str, change: AppChange, now: Timestamp) -> AppChanged {
    store.change_app(changing(app, change, now)).await.unwrap()
}

async fn told(store: &dyn Store) -> Vec<EventKind> {
    store.events_since(0).await.unwrap().into_iter().map(|event| event.kind).collect()
}

async fn secrets(store: &dyn Store, app: &str) -> Vec<[u8; 32]> {
    let apps = store.apps().await.unwrap();
    let app = apps.into_iter().find(|it| it.id == app).unwrap();
    app.secrets.into_iter().map(|secret| secret.digest).collect()
}

pub(in crate::store) async fn an_app_is_what_it_was_registered_as(t: Bench) {
    assert!(t.store.apps().await.unwrap().is_empty());
    let (shop, office) = (mini_program("shop", "wx-shop"), app("office"));
    for row in [&shop, &office] {
        assert_eq!(add(&*t.store, row.clone()).await, AppAdded::Added);
    }
    assert_eq!(t.other.apps().await.unwrap(), [office, shop]);
    assert_eq!(told(&*t.other).await, [EventKind::AppsChanged, EventKind::AppsChanged]);
}

pub(in crate::store) async fn what_people_do_by_password_is_kept_changed_and_told(t: Bench) {
    let desk = AppRow { kind: "web".into(), passwords: true, ..app("desk") };
    assert_eq!(add(&*t.store, desk.clone()).await, AppAdded::Added);
    assert_eq!(t.other.apps().await.unwrap(), std::slice::from_ref(&desk));
    for (passwords, register) in [(true, true), (false, false)] {
        let changed = change(&*t.store, "desk", AppChange::Passwords { passwords, register }, at(1)).await;
        assert_eq!(changed, AppChanged::Changed);
        assert_eq!(t.other.apps().await.unwrap(), [AppRow { passwords, register, ..desk.clone() }]);
    }
    assert_eq!(told(&*t.other).await, [EventKind::AppsChanged, EventKind::AppsChanged, EventKind::AppsChanged]);
    assert_eq!(audit_lines(&*t.store).await, 3);
    let to = AppChange::Passwords { passwords: true, register: false };
    let nobody = change(&*t.store, "nobody", to, at(1)).await;
    assert_eq!(nobody, AppChanged::AppUnknown);
}

pub(in crate::store) async fn an_id_stands_for_one_app_for_ever_and_an_appid_while_it_lives(t: Bench) {
    assert_eq!(add(&*t.store, mini_program("shop", "wx-shop")).await, AppAdded::Added);
    assert_eq!(add(&*t.other, app("shop")).await, AppAdded::IdTaken);
    assert_eq!(add(&*t.other, mini_program("club", "wx-shop")).await, AppAdded::AppidTaken);
    assert_eq!(change(&*t.store, "shop", AppChange::Remove, at(1)).await, AppChanged::Changed);
    assert!(t.other.apps().await.unwrap().is_empty());
    assert_eq!(add(&*t.other, app("shop")).await, AppAdded::IdUsedBefore);
    assert_eq!(add(&*t.other, mini_program("club", "wx-shop")).await, AppAdded::Added);
    for gone in [AppChange::Remove, AppChange::Disable, AppChange::Enable, AppChange::AddSecret(fresh())] {
        assert_eq!(change(&*t.store, "shop", gone, at(2)).await, AppChanged::AppUnknown, "{gone:?}");
    }
}

pub(in crate::store) async fn of_racing_registrations_one_stands(t: Bench) {
    for round in 0..3 {
        let added = t
            .race(8, |node, nth| async move {
                // Half of them want the same id, half the same appid.
                let id = if nth < 4 { format!("shop-{round}") } else { format!("shop-{round}-{nth}") };
                let appid = if nth < 4 { format!("wx-{round}-{nth}") } else { format!("wx-{round}") };
                (nth < 4, add(&*node, mini_program(&id, &appid)).await)
            })
            .await;
        for same_id in [true, false] {
            let of_kind = added.iter().filter(|(kind, _)| *kind == same_id);
            let stood = of_kind.filter(|(_, added)| *added == AppAdded::Added).count();
            assert_eq!(stood, 1, "{added:?}");
        }
        assert_eq!(t.store.apps().await.unwrap().len(), 2 * (round + 1));
    }
}

pub(in crate::store) async fn two_client_secrets_live_at_most(t: Bench) {
    assert_eq!(add(&*t.store, app("office")).await, AppAdded::Added);
    let first = secrets(&*t.other, "office").await;
    let added = t
        .race(8, |node, nth| async move {
            let nth = i64::try_from(nth).unwrap();
            change(&*node, "office", AppChange::AddSecret(fresh()), at(1 + nth)).await
        })
        .await;
    assert_eq!(added.iter().filter(|it| **it == AppChanged::Changed).count(), 1, "{added:?}");
    assert_eq!(added.iter().filter(|it| **it == AppChanged::TooManySecrets).count(), 7, "{added:?}");
    let both = secrets(&*t.store, "office").await;
    assert_eq!((both.len(), both[0]), (2, first[0]), "the oldest first");
    assert_eq!(change(&*t.store, "office", AppChange::RevokeSecret(first[0]), at(20)).await, AppChanged::Changed);
    let again = change(&*t.other, "office", AppChange::RevokeSecret(first[0]), at(20)).await;
    assert_eq!(again, AppChanged::SecretUnknown);
    assert_eq!(secrets(&*t.other, "office").await, both[1..]);
    assert_eq!(change(&*t.other, "office", AppChange::AddSecret(fresh()), at(21)).await, AppChanged::Changed);
}

pub(in crate::store) async fn a_client_secret_is_revoked_by_its_own_app_alone(t: Bench) {
    for id in ["office", "mailer"] {
        assert_eq!(add(&*t.store, app(id)).await, AppAdded::Added);
    }
    let of_mailer = secrets(&*t.store, "mailer").await[0];
    let revoked = change(&*t.store, "office", AppChange::RevokeSecret(of_mailer), at(1)).await;
    assert_eq!(revoked, AppChanged::SecretUnknown);
    assert_eq!(secrets(&*t.other, "mailer").await, [of_mailer]);
}

pub(in crate::store) async fn a_disabled_app_is_told_and_its_tokens_are_cut(t: Bench) {
    assert_eq!(add(&*t.store, app("office")).await, AppAdded::Added);
    assert_eq!(change(&*t.store, "office", AppChange::Enable, at(1)).await, AppChanged::Unchanged);
    assert_eq!(change(&*t.store, "office", AppChange::Disable, at(2)).await, AppChanged::Changed);
    assert_eq!(change(&*t.other, "office", AppChange::Disable, at(3)).await, AppChanged::Unchanged);
    assert_eq!(t.other.apps().await.unwrap()[0].disabled_at, Some(at(2)));
    assert_eq!(change(&*t.other, "office", AppChange::Enable, at(4)).await, AppChanged::Changed);
    assert_eq!(t.store.apps().await.unwrap()[0].disabled_at, None);
    let cut = EventKind::AppNotBefore("office".into());
    let events = t.other.events_since(0).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
    assert_eq!(kinds, [EventKind::AppsChanged, cut, EventKind::AppsChanged, EventKind::AppsChanged]);
    assert!(events[1].at >= at(3), "with the time to hear of it");
    assert_eq!(
        events[1].until.since(at(2).plus(TOKEN_LIFE)),
        events[1].at.since(at(3)),
        "no longer than its tokens live"
    );
}

pub(in crate::store) async fn while_a_change_waits_for_its_turn_the_tokens_of_its_app_are_cut(t: Bench) {
    const WAITED: Duration = Duration::from_secs(7);
    for (id, cutting) in [("office", AppChange::Disable), ("mailer", AppChange::Remove)] {
        assert_eq!(add(&*t.store, app(id)).await, AppAdded::Added);
        let late = ChangingApp { began: Instant::now() - WAITED, ..changing(id, cutting, at(2)) };
        assert_eq!(t.store.change_app(late).await.unwrap(), AppChanged::Changed);
        let events = t.other.events_since(0).await.unwrap();
        let cut = events.iter().find(|event| event.kind == EventKind::AppNotBefore(id.into())).unwrap();
        assert!(cut.at >= at(3).plus(WAITED) && cut.until >= at(2).plus(TOKEN_LIFE + WAITED), "{cut:?}");
    }
}

pub(in crate::store) async fn a_removed_app_leaves_nothing_but_its_id(t: Bench) {
    let row = AppRow { secrets: app("shop").secrets, ..mini_program("shop", "wx-shop") };
    assert_eq!(add(&*t.store, row).await, AppAdded::Added);
    assert_eq!(change(&*t.other, "shop", AppChange::Remove, at(1)).await, AppChanged::Changed);
    assert_eq!((t.raw)("SELECT count(*) FROM app_secrets"), "0");
    let emptied = "SELECT count(*) FROM apps WHERE id = 'shop' AND removed_at IS NOT NULL AND scopes = ''
        AND name IS NULL AND platform IS NULL AND appid IS NULL AND open_account IS NULL AND app_secret IS NULL";
    assert_eq!((t.raw)(emptied), "1");
    let cut = EventKind::AppNotBefore("shop".into());
    assert_eq!(told(&*t.store).await, [EventKind::AppsChanged, cut, EventKind::AppsChanged]);
}

pub(in crate::store) async fn every_change_of_an_app_leaves_its_line_and_no_other(t: Bench) {
    assert_eq!(add(&*t.store, app("office")).await, AppAdded::Added);
    assert_eq!(add(&*t.store, app("office")).await, AppAdded::IdTaken);
    change(&*t.store, "office", AppChange::Disable, at(1)).await;
    change(&*t.store, "office", AppChange::Disable, at(2)).await;
    change(&*t.store, "nobody", AppChange::Remove, at(3)).await;
    change(&*t.store, "office", AppChange::RevokeSecret(fresh()), at(4)).await;
    assert_eq!(audit_lines(&*t.store).await, 2);
}
