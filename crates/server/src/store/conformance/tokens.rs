//! The platform's access token of an app is replaced by whoever read the present one.

use super::Bench;
use super::sample::{MASTER, at, sealed};
use crate::store::{PlatformTokenRow, Store};

fn row(version: i64, text: &str) -> PlatformTokenRow {
    PlatformTokenRow { version, sealed: sealed(MASTER, text), expires_at: at(7200 + version) }
}

async fn read(store: &dyn Store, app: &str) -> Option<(i64, Vec<u8>, menjin_token::Timestamp)> {
    let row = store.platform_token(app).await.unwrap()?;
    Some((row.version, row.sealed, row.expires_at))
}

async fn put(store: &dyn Store, app: &str, former: i64, row: PlatformTokenRow) -> bool {
    store.put_platform_token(app, former, row).await.unwrap()
}

pub(in crate::store) async fn a_platform_token_is_put_once(t: Bench) {
    assert_eq!(read(&*t.store, "shop").await, None);
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert!(!put(&*t.other, "shop", 0, row(1, "second")).await);
    assert_eq!(read(&*t.other, "shop").await, Some((1, sealed(MASTER, "first"), at(7201))));
}

pub(in crate::store) async fn of_racing_nodes_one_replaces_the_token(t: Bench) {
    for former in 0..3 {
        let put = t
            .race(8, |node, at| async move {
                let text = format!("token {at}");
                put(&*node, "shop", former, row(former + 1, &text)).await.then_some(text)
            })
            .await;
        let winners: Vec<_> = put.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        let expected = (former + 1, sealed(MASTER, &winners[0]), at(7201 + former));
        assert_eq!(read(&*t.store, "shop").await, Some(expected));
    }
}

pub(in crate::store) async fn an_outdated_version_replaces_nothing(t: Bench) {
    assert!(!put(&*t.store, "shop", 1, row(2, "of nothing")).await);
    assert_eq!(read(&*t.store, "shop").await, None);
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert!(put(&*t.store, "shop", 1, row(2, "second")).await);
    assert!(!put(&*t.store, "shop", 1, row(2, "late")).await);
    assert!(!put(&*t.store, "shop", 3, row(4, "early")).await);
    assert_eq!(read(&*t.store, "shop").await, Some((2, sealed(MASTER, "second"), at(7202))));
}

pub(in crate::store) async fn each_app_has_its_own(t: Bench) {
    assert!(put(&*t.store, "shop", 0, row(1, "of shop")).await);
    assert!(put(&*t.store, "club", 0, row(1, "of club")).await);
    assert!(put(&*t.store, "club", 1, row(2, "of club again")).await);
    assert_eq!(read(&*t.store, "shop").await.map(|(_, sealed, _)| sealed), Some(sealed(MASTER, "of shop")));
    assert_eq!(read(&*t.store, "club").await.map(|(_, sealed, _)| sealed), Some(sealed(MASTER, "of club again")));
}
