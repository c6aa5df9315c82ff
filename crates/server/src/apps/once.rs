//! One exchange a code: claimed in the store before the platform hears of it, whatever node, retry or race (design §4.7).

use std::time::Duration;

use menjin_platform::{Error, JsCode, Redirected};
use menjin_token::Timestamp;
use tokio::time::Instant;

use crate::apps::App;
use crate::entropy::sha256;
use crate::problem::{PlatformSaid, Problem};
use crate::state::Menjin;
use crate::store::{Claiming, CodeClaim, CodeDigest, EndReason, IdempotencyKey, OpenedBefore, Refused};

/// How often a repeated request looks whether the first one is done.
const LOOK: Duration = Duration::from_millis(25);
/// What a sign-in takes beyond the platform's deadline at the most: a phone number, and the store.
const SLACK: Duration = Duration::from_secs(2);

/// What a claim came to.
pub(crate) enum Claim {
    /// The code is ours to spend.
    Ours(CodeDigest),
    /// The same request opened this session before.
    Repeated(OpenedBefore),
}

/// Claims a code, or learns what became of the same request.
pub(crate) async fn claim(
    menjin: &Menjin,
    app: &str,
    code: &JsCode,
    idempotency: Option<IdempotencyKey>,
) -> Result<Claim, Problem> {
    let digest = digest(app, code.expose());
    match settled(menjin, digest, idempotency).await? {
        CodeClaim::Claimed => Ok(Claim::Ours(digest)),
        CodeClaim::Done(opened) => Ok(Claim::Repeated(opened)),
        CodeClaim::Refused(refused) => Err(with_remedy(menjin, app, same_refusal(&refused))),
        CodeClaim::Mismatch => Err(Problem::IdempotencyMismatch),
        CodeClaim::Used | CodeClaim::InFlight => Err(Problem::CodeUsed),
    }
}

/// Asks until the same request is no longer under way elsewhere, or has taken longer than any can.
pub(crate) async fn settled(
    menjin: &Menjin,
    code: CodeDigest,
    idempotency: Option<IdempotencyKey>,
) -> Result<CodeClaim, Problem> {
    settled_within(menjin, code, idempotency, Duration::ZERO).await
}

/// The same for a request that may be repeated for so long, if that is longer than usual; the code is remembered as long.
pub(crate) async fn settled_within(
    menjin: &Menjin,
    code: CodeDigest,
    idempotency: Option<IdempotencyKey>,
    repeatable: Duration,
) -> Result<CodeClaim, Problem> {
    until_settled(menjin, code, idempotency, (repeatable, Timestamp::default())).await
}

/// The same for a code that is remembered until `kept`, if that is longer than usual.
pub(crate) async fn settled_and_kept(
    menjin: &Menjin,
    code: CodeDigest,
    idempotency: Option<IdempotencyKey>,
    kept: Timestamp,
) -> Result<CodeClaim, Problem> {
    until_settled(menjin, code, idempotency, (Duration::ZERO, kept)).await
}

async fn until_settled(
    menjin: &Menjin,
    code: CodeDigest,
    idempotency: Option<IdempotencyKey>,
    (repeatable, kept): (Duration, Timestamp),
) -> Result<CodeClaim, Problem> {
    let lifetimes = &menjin.config.lifetimes;
    let repeatable = repeatable.max(lifetimes.login_result);
    let claiming = |now: Timestamp| Claiming {
        code,
        idempotency,
        now,
        until: now.plus(lifetimes.used_code.max(repeatable)).max(kept),
        repeatable_since: now.minus(repeatable),
    };
    let patience = Instant::now() + menjin.config.wechat.deadline + SLACK;
    loop {
        let claim = menjin.store.claim_code(claiming(menjin.clock.now())).await?;
        if claim != CodeClaim::InFlight || Instant::now() >= patience {
            return Ok(claim);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Spends a claimed code. What the platform did not take is released; anything else keeps the claim.
pub(crate) async fn exchange(
    menjin: &Menjin,
    app: &App,
    code: &JsCode,
    claimed: CodeDigest,
) -> Result<Redirected, Problem> {
    let platform = app.platform().ok_or(Problem::AppUnknown)?;
    let began = Instant::now();
    let met = platform.meet(code).await;
    metrics::histogram!("menjin_platform_request_duration_seconds", "platform" => app.platform_name())
        .record(began.elapsed().as_secs_f64());
    match met {
        Ok(met) => Ok(met),
        Err(error) => Err(refused(menjin, app, error, claimed).await),
    }
}

/// The platform gave nobody for a claimed code.
pub(crate) async fn refused(menjin: &Menjin, app: &App, error: Error, claimed: CodeDigest) -> Problem {
    let platform = app.platform_name();
    tracing::info!(platform, errcode = error.errcode(), error = %error, "the platform refused a login");
    metrics::counter!("menjin_platform_errors_total", "platform" => platform, "kind" => error.kind().as_str())
        .increment(1);
    let now = menjin.clock.now();
    if let Some(errcode) = error.errcode() {
        menjin.hour.platform_said(now, platform, errcode);
    }
    app.complain_of_quota(&error, now);
    let unspent = error.code_unspent();
    let problem = Problem::from(error);
    if !unspent {
        return lost(menjin, claimed, problem).await;
    }
    match menjin.store.release_code(claimed).await {
        Ok(()) => problem,
        // The code stays claimed although it is good: the person needs a fresh one.
        Err(error) => Problem::SignInLost(error.into()),
    }
}

/// No session came of a code that may be spent: repeats of the request learn the same.
pub(crate) async fn lost(menjin: &Menjin, claimed: CodeDigest, problem: Problem) -> Problem {
    let problem = if let Problem::StoreUnavailable(error) = problem { Problem::SignInLost(error) } else { problem };
    if let Err(error) = menjin.store.refuse_code(claimed, remembered(&problem)).await {
        tracing::warn!(
            error = format!("{:#}", anyhow::Error::from(error)),
            "a refusal could not be kept for its repeats"
        );
    }
    problem
}

/// SHA-256 of app and code.
pub(crate) fn digest(app: &str, code: &str) -> CodeDigest {
    CodeDigest(sha256(&[app.as_bytes(), &[0], code.as_bytes()].concat()))
}

/// A refusal as it is kept: the problem's code, and what the platform said.
fn remembered(problem: &Problem) -> Refused {
    let code = problem.spec().code;
    if let Problem::PlatformMisconfigured { errcode: Some(errcode), .. } = problem {
        return Refused(format!("{code} {errcode}"));
    }
    if let Problem::PlatformQuota { retry_after, errcode } = problem {
        return Refused(format!("{code} {errcode} {}", retry_after.as_secs()));
    }
    Refused(match problem.platform_said() {
        Some(said) => format!("{code} {} {}", said.errcode, said.errmsg),
        None => code.to_owned(),
    })
}

/// The operator reads what to do each time, though it is not kept.
fn with_remedy(menjin: &Menjin, app: &str, problem: Problem) -> Problem {
    let Problem::PlatformMisconfigured { errcode: Some(errcode), remedy: None } = problem else { return problem };
    let said = menjin_platform::Error::Misconfigured { errcode, errmsg: String::new(), remedy: None };
    let app = menjin.apps.by_id(app);
    let explained = app.as_ref().and_then(|app| app.platform()).and_then(|platform| platform.explain(&said));
    Problem::PlatformMisconfigured { errcode: Some(errcode), remedy: explained.map(|it| it.remedy_en) }
}

/// What the first request was told.
pub(crate) fn same_refusal(refused: &Refused) -> Problem {
    let mut parts = refused.0.splitn(3, ' ');
    let code = parts.next().unwrap_or_default();
    let errcode = parts.next().and_then(|number| number.parse().ok());
    let rest = parts.next();
    let wait = rest.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let said = errcode.zip(rest).map(|(errcode, errmsg)| PlatformSaid { errcode, errmsg: errmsg.to_owned() });
    match code {
        "code_invalid" => Problem::CodeInvalid(said),
        "platform_blocked" => Problem::PlatformBlocked(said),
        "snapshot_user" => Problem::SnapshotUser,
        "unsupported_by_platform" => Problem::UnsupportedByPlatform,
        "platform_unavailable" => Problem::PlatformUnavailable,
        "platform_quota" => match (wait, errcode) {
            (Some(retry_after), Some(errcode)) => Problem::PlatformQuota { retry_after, errcode },
            (None, _) | (_, None) => Problem::PlatformUnavailable,
        },
        "platform_misconfigured" => Problem::PlatformMisconfigured { errcode, remedy: None },
        "store_unavailable" => Problem::SignInLost(anyhow::anyhow!("the store failed the same request before")),
        "user_disabled" => Problem::Ended(EndReason::UserDisabled),
        "sessions_full" => Problem::SessionsFull,
        _ => Problem::CodeUsed,
    }
}
