//! A late 401 of a session that was replaced says by which device and when, while the store knows; one of somebody who was called
//! back since says no longer that they are gone.

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
    let Some(session) = session else { return problem };
    if !matches!(problem, Problem::Ended(EndReason::UserDeleting | EndReason::UserDisabled)) {
        return told(menjin, problem, session).await;
    }
    // What the guard heard when it ended may hold no more, and would keep a client from signing in.
    let found = menjin.store.user_of_session(session).await.ok().flatten();
    let now = found.and_then(|(user, session)| Some(session.ended?.1.now_of(&user)));
    told(menjin, now.map_or(problem, Problem::Ended), session).await
}
