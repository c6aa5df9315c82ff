//! What people agreed to: which version of which document, when, and where it was said.

use async_trait::async_trait;
use menjin_token::{Timestamp, UserId};

use super::{Actor, Result};

/// So many consents that somebody gave to a document and withdrew are kept, the newest: whoever changes their mind by a program
/// would fill the store, and have all of it read at each sign-in.
const KEPT: usize = 20;

/// Somebody's consent to a version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    /// The document.
    pub document: String,
    /// Its version.
    pub version: String,
    /// The app in which it was said.
    pub app: String,
    /// From where.
    pub ip: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When.
    pub given_at: Timestamp,
    /// Since when it holds no more.
    pub withdrawn_at: Option<Timestamp>,
}

/// The consents to a document that hold, the oldest first: not withdrawn, and given since the document was last withdrawn, which
/// may have been under another name of the same person.
pub(crate) fn holding<'r>(
    rows: &'r [ConsentRow],
    document: &'r str,
) -> impl DoubleEndedIterator<Item = &'r ConsentRow> {
    let of_document = move |row: &&ConsentRow| row.document == document;
    let withdrawn = rows.iter().filter(of_document).filter_map(|row| row.withdrawn_at).max();
    let since = move |row: &&ConsentRow| withdrawn.is_none_or(|at| at <= row.given_at);
    rows.iter().filter(of_document).filter(|row| row.withdrawn_at.is_none()).filter(since)
}

/// When a consent of now was given: never before the document was last withdrawn, whatever the clocks of two nodes say, as it
/// would not hold.
pub(super) fn given_at(before: &[ConsentRow], document: &str, now: Timestamp) -> Timestamp {
    let withdrawn = before.iter().filter(|row| row.document == document).filter_map(|row| row.withdrawn_at).max();
    withdrawn.map_or(now, |at| at.max(now))
}

/// From when on somebody's withdrawn consents to a document are kept, the oldest first in what is given; none: there are few.
pub(super) fn kept_from(own: &[ConsentRow], document: &str) -> Option<Timestamp> {
    let withdrawn = own.iter().filter(|row| row.document == document && row.withdrawn_at.is_some());
    withdrawn.rev().nth(KEPT - 1).map(|row| row.given_at)
}

/// A consent to note.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// Name of its row, should it be new.
    pub row: [u8; 16],
    /// The document.
    pub document: String,
    /// Its version.
    pub version: String,
}

/// What somebody says of documents.
#[derive(Debug, Clone)]
pub struct Consenting {
    /// Who.
    pub user: UserId,
    /// The same, for the audit.
    pub by: Actor,
    /// In which app.
    pub app: String,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// What they agree to.
    pub given: Vec<NewConsent>,
    /// Documents that they agree to no longer, in whatever version.
    pub withdrawn: Vec<String>,
    /// The time.
    pub now: Timestamp,
}

/// Consents.
#[async_trait]
pub trait Consents: Send + Sync {
    /// All of a user's, with those of who was merged into them, the oldest first; by number, as a sign-in asks this, too.
    async fn consents_of(&self, number: i64) -> Result<Vec<ConsentRow>>;
    /// Notes what is new, with its audit, and gives all; `None`: there is no such user. Atomic: of racing callers who agree to
    /// one version one leaves a row. Of consents that were withdrawn the newest are kept.
    async fn change_consents(&self, consenting: Consenting) -> Result<Option<Vec<ConsentRow>>>;
}
