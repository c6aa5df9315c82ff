//! One exchange a code: claimed in the store before the platform hears of it, whatever node, retry or race (design §4.7).

use std::time::Duration;

use menjin_platform::{Identity, JsCode, Platform};
use menjin_token::SessionId;

use crate::entropy::sha256;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{Claiming, CodeClaim, CodeDigest, IdempotencyKey, Refused};

/// How often a repeated request looks whether the first one is done.
const LOOK: Duration = Duration::from_millis(25);

/// What a claim came to.
pub(super) enum Claim {
    /// The code is ours to spend.
    Ours(CodeDigest),
    /// The same request opened this session before.
    Repeated(SessionId),
}

/// Claims a code, or learns what became of the same request.
pub(super) async fn claim(
    menjin: &Menjin,
    app: &str,
    code: &JsCode,
    idempotency: Option<IdempotencyKey>,
) -> Result<Claim, Problem> {
    let digest = digest(app, code);
    let patience = menjin.config.wechat.deadline + Duration::from_secs(1);
    let claimed = tokio::time::timeout(patience, settled(menjin, digest, idempotency)).await;
    match claimed.unwrap_or(Ok(CodeClaim::Used))? {
        CodeClaim::Claimed => Ok(Claim::Ours(digest)),
        CodeClaim::Done(session) => Ok(Claim::Repeated(session)),
        CodeClaim::Refused(refused) => Err(same_refusal(&refused)),
        CodeClaim::Mismatch => Err(Problem::IdempotencyMismatch),
        CodeClaim::Used | CodeClaim::InFlight => Err(Problem::CodeUsed),
    }
}

/// Asks until the same request is no longer under way elsewhere.
async fn settled(menjin: &Menjin, code: CodeDigest, idempotency: Option<IdempotencyKey>) -> Result<CodeClaim, Problem> {
    loop {
        let now = menjin.clock.now();
        let lifetimes = &menjin.config.lifetimes;
        let claiming = Claiming {
            code,
            idempotency,
            now,
            until: now.plus(lifetimes.used_code),
            repeatable_since: now.minus(lifetimes.login_result),
        };
        let claim = menjin.store.claim_code(claiming).await?;
        if claim != CodeClaim::InFlight {
            return Ok(claim);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Spends a claimed code. What the platform did not take is released; anything else keeps the claim.
pub(super) async fn exchange(
    menjin: &Menjin,
    platform: &dyn Platform,
    code: &JsCode,
    claimed: CodeDigest,
) -> Result<Identity, Problem> {
    let error = match platform.login(code).await {
        Ok(identity) => return Ok(identity),
        Err(error) => error,
    };
    tracing::info!(platform = platform.name(), errcode = error.errcode(), error = %error, "the platform refused a login");
    metrics::counter!("menjin_platform_errors_total", "platform" => platform.name(), "kind" => error.kind().as_str())
        .increment(1);
    let unspent = error.code_unspent();
    let problem = Problem::from(error);
    if unspent {
        menjin.store.release_code(claimed).await?;
    } else {
        menjin.store.refuse_code(claimed, Refused(problem.spec().code.to_owned())).await?;
    }
    Err(problem)
}

/// SHA-256 of app and code.
fn digest(app: &str, code: &JsCode) -> CodeDigest {
    CodeDigest(sha256(&[app.as_bytes(), &[0], code.expose().as_bytes()].concat()))
}

/// What the first request was told.
fn same_refusal(refused: &Refused) -> Problem {
    match refused.0.as_str() {
        "code_invalid" => Problem::CodeInvalid(None),
        "platform_blocked" => Problem::PlatformBlocked(None),
        "platform_unavailable" => Problem::PlatformUnavailable,
        "platform_misconfigured" => Problem::PlatformMisconfigured { errcode: None },
        "user_disabled" => Problem::Ended(crate::store::EndReason::UserDisabled),
        _ => Problem::CodeUsed,
    }
}
