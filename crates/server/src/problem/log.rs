//! A failure as the operator reads it in the log: ours in full, the platform's complaints about the app with their remedy,
//! a client's at debug. Never what was sent.

use super::Problem;

/// Writes a failure to the log, once, where it has its last effect.
pub(crate) fn tell(problem: &Problem) {
    let code = problem.spec().code;
    if let Problem::Internal(error) | Problem::StoreUnavailable(error) | Problem::SignInLost(error) = problem {
        tracing::error!(problem = code, error = format!("{error:#}"), "failed");
    } else if let Problem::PlatformMisconfigured { errcode, remedy } = problem {
        tracing::error!(problem = code, errcode, remedy, "the platform refuses the app's configuration");
    } else {
        tracing::debug!(problem = code, error = %problem, "refused");
    }
}
