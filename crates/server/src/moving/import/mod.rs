//! `menjin import`: users and identities of another system, safe to repeat.
//!
//! Lives here: the order of things, a batch after the other. Does not: reading a source (`csv`, `json_lines`, `table`), what
//! a person must be like (`check`) and may lack (`profile`), the file of what was left out (`report`).

mod check;
mod csv;
mod json_lines;
mod moment;
mod profile;
mod raw;
mod report;
mod source;
mod table;

use std::path::PathBuf;

use anyhow::Context as _;
use menjin_token::{Id, Kind};

use self::check::Checks;
use self::raw::{Found, Reject};
use self::report::Report;
pub use self::source::Origin;
use self::source::Source;
pub use self::table::{Columns, Table};
use super::Progress;
use crate::people::password::sealed;
use crate::state::Menjin;
use crate::store::{AuditLine, Clash, MovedIn, NewIdentity, Newcomer};

/// People in one transaction.
const BATCH: usize = 200;

/// Where people come from, and how.
#[derive(Debug)]
pub struct Import {
    /// Where they are.
    pub from: Origin,
    /// The app whose openids they are, where the source does not say.
    pub app: Option<String>,
    /// What times without an offset mean, in minutes east of UTC.
    pub utc_offset: i16,
    /// Says what would happen, and writes nothing.
    pub dry_run: bool,
    /// Where those who were left out are listed.
    pub rejects: PathBuf,
}

/// What became of them.
#[derive(Debug, Default)]
pub struct Imported {
    /// People read.
    pub read: u64,
    /// New here.
    pub made: u64,
    /// Here before, with identities that are new.
    pub completed: u64,
    /// Here before.
    pub there: u64,
    /// Left out.
    pub rejected: u64,
    /// How many for each reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Taken in, or here before, and a field of theirs left out.
    pub incomplete: u64,
    /// How many fields for each reason, the most frequent first.
    pub left_out: Vec<(String, u64)>,
    /// The highest number that was read.
    pub highest: i64,
    /// The number that the next new user gets; absent in a dry run.
    pub next_number: Option<i64>,
    /// Columns that nothing is made of.
    pub ignored: Vec<String>,
}

impl Menjin {
    /// Takes people in. What is here already is never changed, so that the same source may come again.
    pub async fn import(&self, import: &Import, progress: Progress<'_>) -> anyhow::Result<Imported> {
        let mut checks = Checks::new((&self.config.app, self.apps.has_passwords()), import, self.clock.now())?;
        if !import.dry_run {
            // Whoever comes for the first time meanwhile must not get the number of somebody further down.
            self.store.number_from(highest(&import.from).await?).await?;
        }
        let mut source = Source::open(&import.from).await?;
        let mut report = Report::at(&import.rejects, source.place())?;
        let mut imported = Imported::default();
        let mut batch = Batch::default();
        while let Some(found) = source.next().await? {
            imported.read += 1;
            match self.checked(found, &mut checks) {
                Ok((place, newcomer)) => batch.add(place, newcomer),
                Err(reject) => report.write(&reject)?,
            }
            if batch.places.len() == BATCH {
                self.move_in(&mut batch, import, (&mut imported, &mut report)).await?;
                let (done, all) = source.progress();
                progress(done, all);
            }
        }
        self.move_in(&mut batch, import, (&mut imported, &mut report)).await?;
        let (_, all) = source.progress();
        progress(all, all);
        report.finish(&mut imported)?;
        imported.highest = checks.highest();
        imported.ignored = source.ignored();
        if !import.dry_run {
            imported.next_number = Some(self.store.number_from(imported.highest).await?);
            self.note(&imported, &import.from).await?;
        }
        Ok(imported)
    }

    fn checked(&self, found: Found, checks: &mut Checks) -> Result<(Place, Newcomer), Reject> {
        let raw = found?;
        let person = checks.check(&raw)?;
        let identities = person.identities.into_iter();
        let newcomer = Newcomer {
            id: self.new_id(),
            number: person.number,
            external_id: person.external_id,
            nickname: person.nickname,
            avatar_url: person.avatar_url,
            created_at: person.created_at,
            disabled: person.disabled,
            password: person.password.map(|(name, hash)| sealed(self, &name, &hash, None)),
            identities: identities.map(|(name, unionid)| NewIdentity { id: self.new_id(), name, unionid }).collect(),
        };
        Ok((Place { place: raw.place, left_out: person.left_out }, newcomer))
    }

    fn new_id<K: Kind>(&self) -> Id<K> {
        Id::new(self.clock.now(), self.entropy.bytes())
    }

    async fn move_in(
        &self,
        batch: &mut Batch,
        import: &Import,
        (imported, report): (&mut Imported, &mut Report),
    ) -> anyhow::Result<()> {
        if batch.places.is_empty() {
            return Ok(());
        }
        let Batch { places, newcomers } = std::mem::take(batch);
        let moved = self.store.move_in(newcomers, self.clock.now(), import.dry_run).await.context("writing")?;
        for (Place { place, left_out }, moved) in places.into_iter().zip(moved) {
            if !matches!(moved, MovedIn::Refused(_)) {
                report.write_fields(&left_out)?;
            }
            match moved {
                MovedIn::Made => imported.made += 1,
                MovedIn::Completed => imported.completed += 1,
                MovedIn::There => imported.there += 1,
                MovedIn::Refused(clash) => report.write(&refused(place, clash))?,
            }
        }
        Ok(())
    }

    async fn note(&self, imported: &Imported, from: &Origin) -> anyhow::Result<()> {
        let Imported { made, completed, there, rejected, .. } = imported;
        let detail = format!("{from}: {made} made, {completed} completed, {there} there, {rejected} rejected");
        let line =
            AuditLine { action: "users.imported", actor: "operator", detail: Some(detail), ..AuditLine::default() };
        self.store.audit(line, self.clock.now()).await.context("writing the audit")
    }
}

/// The highest number of a source, of those who will be left out too.
async fn highest(from: &Origin) -> anyhow::Result<i64> {
    let mut source = Source::open(from).await?;
    let mut highest = 0;
    while let Some(found) = source.next().await? {
        highest = highest.max(found.ok().and_then(|raw| check::number(&raw)).unwrap_or(0));
    }
    Ok(highest)
}

/// Where somebody stands in the source, and which fields they come without.
struct Place {
    place: u64,
    left_out: Vec<Reject>,
}

/// People who move in together, and where each stands in the source.
#[derive(Default)]
struct Batch {
    places: Vec<Place>,
    newcomers: Vec<Newcomer>,
}

impl Batch {
    fn add(&mut self, place: Place, newcomer: Newcomer) {
        self.places.push(place);
        self.newcomers.push(newcomer);
    }
}

fn refused(place: u64, clash: Clash) -> Reject {
    match clash {
        Clash::Number => Reject::new(place, &"number", "another user has it"),
        Clash::ExternalId(user) => Reject::with_user(place, "external_id", "another user has it", user),
        Clash::Username(user) => Reject::with_user(place, "username", "belongs to another user", user),
        Clash::Identity { user, .. } => Reject::with_user(place, "openid", "belongs to another user", user),
    }
}
