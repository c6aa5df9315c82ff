//! A late 401 of a session that was replaced says by which device and when, while the store knows.

use menjin_token::SessionId;

use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::EndReason;

/// `problem`, with what took the place of the session if that is what it says.
pub(crate) async fn told(menjin: &Menjin, problem: Problem, session: SessionId) -> Problem {
    if !matches!(problem, Problem::Ended(EndReason::Replaced)) {
        return problem;
    }
    // A store that fails just now changes nothing about the refusal.
    let found = menjin.store.replacement(session).await.ok().flatten();
    found.map_or(problem, Problem::Replaced)
}

/// The same for a token that the guard has verified and refused.
pub(crate) async fn told_of_token(menjin: &Menjin, problem: Problem, token: &str) -> Problem {
    let decoded = menjin_token::dangerous::decode_unverified(token).ok();
    let session = decoded.and_then(|(_, claims)| claims.get("sid")?.as_str()?.parse().ok());
    match session {
        Some(session) => told(menjin, problem, session).await,
        None => problem,
    }
}
