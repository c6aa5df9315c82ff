//! What a platform's failure means where nothing is spent by asking: the same may simply be asked again.

use std::time::Duration;

use crate::apps::Unfetched;
use crate::problem::Problem;

const SOON: Duration = Duration::from_secs(1);

pub(super) fn ask_again(unfetched: Unfetched) -> Problem {
    let problem = Problem::from(unfetched);
    if matches!(problem, Problem::PlatformUnavailable) { Problem::PlatformBusy { retry_after: SOON } } else { problem }
}
