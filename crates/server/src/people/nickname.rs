//! A nickname that somebody typed, judged by the platform before it is kept (design §4.7).
//!
//! What the platform wants somebody to look at is kept: nobody sits there to look, and its doubts are mostly wrong.

use menjin_platform::{OpenId, Verdict};

use super::asking::ask_again;
use crate::apps::{App, with_token};
use crate::problem::Problem;
use crate::state::Menjin;

/// Whether a nickname may be kept; anybody may have any where nobody judges.
pub(crate) async fn may_be_called(
    menjin: &Menjin,
    app: &App,
    openid: Option<&OpenId>,
    nickname: &str,
) -> Result<(), Problem> {
    let Some(moderation) = app.moderation() else { return Ok(()) };
    // Whom a back end vouched for, the platform does not know before they come by it.
    let openid = openid.ok_or(Problem::NicknameUnchecked)?;
    let asked = with_token(menjin, app, |token| {
        Box::pin(async move { moderation.check_nickname(&token, openid, nickname).await })
    });
    let verdict = asked.await.map_err(ask_again)?;
    metrics::counter!("menjin_nicknames_total", "app" => app.id.clone(), "verdict" => word(verdict)).increment(1);
    match verdict {
        Verdict::Pass | Verdict::Review => Ok(()),
        Verdict::Risky => Err(Problem::NicknameRefused),
        Verdict::Unseen => Err(Problem::NicknameUnchecked),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Review => "review",
        Verdict::Risky => "risky",
        Verdict::Unseen => "unseen",
    }
}
