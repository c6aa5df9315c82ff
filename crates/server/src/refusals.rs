//! Refusals that stand in the audit: of an account, a back end, an operator; once a minute each, so that nobody fills it from
//! outside.
//!
//! Does not: refuse. A line is written after the answer, which takes no longer for that.

use crate::entropy::sha256;
use crate::state::Menjin;
use crate::store::AuditLine;

/// Writes down that somebody was refused.
pub(crate) fn tell(menjin: &Menjin, line: AuditLine) {
    if !menjin.limits.may_tell_refusal(whom(&line)) {
        return;
    }
    let menjin = menjin.clone();
    tokio::spawn(async move {
        if let Err(error) = menjin.store.audit(line, menjin.clock.now()).await {
            tracing::warn!(error = format!("{error:#}"), "a refusal was not written down");
        }
    });
}

/// What lines are counted by: the account that they are about, else the operator, else the app.
fn whom(line: &AuditLine) -> [u8; 32] {
    let whom = match (&line.user, &line.by) {
        (Some(user), _) => user.to_string(),
        (None, Some(by)) => by.clone(),
        (None, None) => line.app.clone().unwrap_or_default(),
    };
    sha256(format!("{} {whom}", line.action).as_bytes())
}
