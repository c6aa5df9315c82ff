//! Pictures that nobody shows any more, taken out of the folder: of uploads that were broken off, of people who are gone or
//! have chosen another address.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::name::Name;
use super::shelf::{self, Found};
use crate::state::Menjin;

/// An upload is over long before, however much clocks differ.
const OLD: Duration = Duration::from_hours(1);
/// So many files are looked at in a round at most, and one folder more.
const ROUND: usize = 1000;
const FOLDERS: u16 = 256;

/// One round: the whole folder where there are few pictures, else the next part of it.
pub(crate) async fn sweep(menjin: &Menjin) -> anyhow::Result<()> {
    let now = menjin.clock.now();
    let mut looked_at = 0;
    for _ in 0..FOLDERS {
        let part = menjin.avatars.next.fetch_add(1, Ordering::Relaxed);
        for found in menjin.avatars.shelf.list(part).await? {
            looked_at += 1;
            if now.since(found.written_at) >= OLD {
                sweep_one(menjin, found).await?;
            }
        }
        if looked_at >= ROUND {
            break;
        }
    }
    Ok(())
}

async fn sweep_one(menjin: &Menjin, found: Found) -> anyhow::Result<()> {
    let is_shown = match &found.name {
        Some(name) => is_shown(menjin, name).await?,
        None => false,
    };
    if !is_shown {
        shelf::remove(found.path).await?;
        metrics::counter!("menjin_avatars_swept_total").increment(1);
    }
    Ok(())
}

/// The end of the address counts: what it begins with may have been changed (`avatars.url`). Of people who were merged each
/// one's own picture counts, too: they show it again when they are separated.
async fn is_shown(menjin: &Menjin, name: &Name) -> anyhow::Result<bool> {
    let end = format!("/{name}");
    let addresses = menjin.store.pictures_of(name.user(menjin)).await?;
    Ok(addresses.iter().any(|address| address.ends_with(&end)))
}
