//! How people sign in by platforms: their identities listed, proved once more, linked and unlinked.
//!
//! Not here: identities that a sign-in makes (`opening`), two users that turn out to be one (`merges`).

use async_trait::async_trait;
use menjin_token::{IdentityId, SessionId, Timestamp, UserId};

use super::{Actor, AuditLine, IdentityName, Result};

/// A platform's `session_key`: the name of its row, sealed, with a keyed digest that tells an unchanged one.
pub type FreshKey = ([u8; 16], Vec<u8>, [u8; 32]);

/// An identity that its platform has proved a moment ago, beside a session that is open already.
#[derive(Debug, Clone)]
pub struct ProvedIdentity {
    /// Which one.
    pub name: IdentityName,
    /// The person's name in the open-platform account, and that account.
    pub unionid: Option<(String, String)>,
    /// The `session_key` that came with it: the platform has forgotten the one before.
    pub session_key: Option<FreshKey>,
    /// Superseded keys are kept until then.
    pub superseded_until: Timestamp,
    /// The time.
    pub now: Timestamp,
}

/// An identity as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// Its id.
    pub id: IdentityId,
    /// The platform.
    pub platform: String,
    /// The platform's appid.
    pub appid: String,
    /// Whether the platform told the person's name in the open-platform account.
    pub has_unionid: bool,
    /// Since when it is there.
    pub created_at: Timestamp,
}

/// An identity that somebody wants to sign in by, too.
#[derive(Debug, Clone)]
pub struct Linking {
    /// Who.
    pub user: UserId,
    /// The identity, proved a moment ago.
    pub proved: ProvedIdentity,
    /// Its id, should it be new.
    pub new_identity: IdentityId,
    /// The app that it was proved in.
    pub app: String,
    /// Who wants it.
    pub by: Actor,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// They sign in by it from now on.
    Linked(IdentityRow),
    /// They did before.
    Already(IdentityRow),
    /// Somebody else does, or is the person whom the platform calls so in its other apps.
    Taken,
    /// There is no such user, or they may not sign in.
    Gone,
}

/// An identity that shall sign nobody in any more.
#[derive(Debug, Clone)]
pub struct Unlinking {
    /// Whose.
    pub user: UserId,
    /// Which one.
    pub identity: IdentityId,
    /// Platform and appid of what people sign in from here: only an identity of these is a way to sign in.
    pub ways: Vec<(String, String)>,
    /// Whether people sign in by name and password here: only then a password is a way, too.
    pub by_password: bool,
    /// Whether it may be their last way to sign in.
    pub even_last: bool,
    /// Who wants it.
    pub by: Actor,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlinked {
    /// It is gone, with its keys; these sessions, which it had opened, are over.
    Unlinked(Vec<SessionId>),
    /// They have no such identity.
    Unknown,
    /// It is the last way in which they sign in.
    Last,
}

impl Unlinking {
    /// Whether somebody with these identities, and perhaps a password, would be locked out.
    pub(super) fn locks_out(&self, identities: &[IdentityRow], has_password: bool) -> bool {
        let is_way =
            |it: &IdentityRow| self.ways.iter().any(|(platform, appid)| (platform, appid) == (&it.platform, &it.appid));
        let is_left =
            has_password && self.by_password || identities.iter().any(|it| it.id != self.identity && is_way(it));
        !self.even_last && !is_left
    }

    pub(super) fn line(&self, identity: &IdentityRow) -> AuditLine {
        let detail = Some(format!("{} {} {}", identity.id, identity.platform, identity.appid));
        AuditLine { user: Some(self.user), detail, ..self.by.line("identity.unlinked") }
    }

    pub(super) fn session_line(&self, session: SessionId) -> AuditLine {
        let detail = Some("identity unlinked".to_owned());
        AuditLine { user: Some(self.user), session: Some(session), detail, ..self.by.line("session.ended") }
    }
}

impl Linking {
    /// The identity as it will be, should it be new.
    pub(super) fn row(&self) -> IdentityRow {
        IdentityRow {
            id: self.new_identity,
            platform: self.proved.name.platform.to_owned(),
            appid: self.proved.name.appid.clone(),
            has_unionid: self.proved.unionid.is_some(),
            created_at: self.proved.now,
        }
    }

    pub(super) fn line(&self, user: UserId) -> AuditLine {
        let IdentityName { platform, appid, .. } = &self.proved.name;
        let detail = Some(format!("{} {platform} {appid}", self.new_identity));
        AuditLine { user: Some(user), app: Some(self.app.clone()), detail, ..self.by.line("identity.linked") }
    }
}

/// How people sign in by platforms.
#[async_trait]
pub trait Identities: Send + Sync {
    /// A user's identities, the oldest first.
    async fn identities_of(&self, user: UserId) -> Result<Vec<IdentityRow>>;
    /// Whose an identity is that was proved once more; its `session_key` takes the place of the former. `None`: nobody's.
    async fn prove_identity(&self, proved: ProvedIdentity) -> Result<Option<UserId>>;
    /// Adds an identity to a user. Atomic: of racing callers and sign-ins with one identity, or one unionid, one user has it.
    async fn link_identity(&self, linking: Linking) -> Result<Linked>;
    /// Takes an identity away, and ends the sessions that it opened. Atomic: racing callers leave a way to sign in.
    async fn unlink_identity(&self, unlinking: Unlinking) -> Result<Unlinked>;
}
