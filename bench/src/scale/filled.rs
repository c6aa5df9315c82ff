//! A store with so many people in it, and the menjin that is configured for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::Context as _;
use menjin_guard::{Clock as _, SystemClock};
use menjin_server::config::Config;
use menjin_server::seal::Sealer;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::due;
use super::place::{Loading, Place};
use crate::database::Database;
use crate::menjin;
use crate::process::free_address;

/// People of one batch, each with five rows.
const BATCH: u64 = 20_000;

pub(crate) struct Filled<'d> {
    pub(crate) place: Place<'d>,
    pub(crate) crowd: Crowd,
    pub(crate) config: PathBuf,
    pub(crate) address: SocketAddr,
    /// How long the rows took.
    pub(crate) took: Duration,
    /// On disk.
    pub(crate) bytes_a_person: f64,
}

impl<'d> Filled<'d> {
    /// Makes a store in `folder`, or on the database server, and fills it.
    pub(crate) fn new(
        database: Option<&'d Database>,
        folder: &Path,
        platform: SocketAddr,
        size: u64,
    ) -> anyhow::Result<Self> {
        let place = Place::new(database, folder);
        let address = free_address()?;
        let path = menjin::configure(folder, address, platform, place.url())?;
        let config = Config::load(Some(&path))?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(menjin_server::migrate(&config)).context("making the schema")?;
        let crowd = Crowd::new(size, SystemClock.now(), Sealer::new(&config.master_keys()?));
        let empty = place.bytes()?;
        let began = Instant::now();
        fill(&place, &crowd)?;
        let took = began.elapsed();
        place.settle()?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 bytes")]
        let bytes_a_person = place.bytes()?.saturating_sub(empty) as f64 / size as f64;
        Ok(Self { place, crowd, config: path, address, took, bytes_a_person })
    }

    /// Adds so many rows that are due for the sweeper, also while menjin runs; each round others.
    pub(crate) fn make_due(&self, count: u64, round: u64) -> anyhow::Result<()> {
        self.place.loader(Loading::InUse)?.write(&due::rows(&self.crowd, count, round))
    }
}

/// Rows are made beside writing them.
fn fill(place: &Place<'_>, crowd: &Crowd) -> anyhow::Result<()> {
    let mut loader = place.loader(Loading::Empty)?;
    let (give, take) = sync_channel(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut from = 0;
            // A loader that failed takes no more.
            while from < crowd.size && give.send((from, crowd.rows(from..crowd.size.min(from + BATCH)))).is_ok() {
                from += BATCH;
            }
        });
        for (from, batch) in take {
            loader.write(&batch).with_context(|| format!("writing people from {from} on"))?;
            eprint!("\rfilling: {from} of {} people ", crowd.size);
        }
        eprint!("\r{:50}\r", "");
        Ok(())
    })
}
