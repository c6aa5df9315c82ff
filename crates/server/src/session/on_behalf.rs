//! What an app may learn of its refresh tokens, and how it ends their sessions (RFC 7662, RFC 7009).
//!
//! Does not: who may (`oidc`).

use menjin_token::GrantId;

use super::{logout, refresh};
use crate::extract::Client;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{AuditLine, EndReason, Ends, LivingGrant};

/// A refresh token that we made, whatever became of it.
pub(crate) struct RefreshToken {
    /// The app that holds it.
    pub(crate) app: String,
    /// Its grant.
    pub(crate) grant: GrantId,
    counter: u32,
}

impl RefreshToken {
    /// `None` for what we never made.
    pub(crate) async fn of(menjin: &Menjin, text: &str) -> Result<Option<Self>, Problem> {
        match refresh::believe(menjin, text).await {
            Ok(it) => Ok(Some(Self { app: it.app, grant: it.token.grant(), counter: it.token.counter() })),
            Err(Problem::TokenInvalid) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// What it stands for, if it is the one to be traded next.
    pub(crate) async fn living(&self, menjin: &Menjin) -> Result<Option<LivingGrant>, Problem> {
        let grant = menjin.store.living_grant(self.grant, menjin.clock.now()).await?;
        Ok(grant.filter(|grant| grant.counter == self.counter))
    }
}

/// An app gives up a session that it holds: it is over at once, on every node.
pub(crate) async fn end_for(menjin: &Menjin, app: &str, which: Ends, client: &Client) -> Result<(), Problem> {
    let line = AuditLine {
        action: "session.revoked",
        actor: "app",
        app: Some(app.to_owned()),
        ip: client.ip_text(),
        ..AuditLine::default()
    };
    logout::end(menjin, which, EndReason::Logout, line).await.map(drop)
}
