//! Who, what and when a request names.

use menjin_token::{Id, Kind, Timestamp, UserId};

use crate::UserName;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

/// A user's id or number, as it stands in a path; an id that became another's by a merge is that one's.
pub(in crate::admin) async fn user(menjin: &Menjin, text: &str) -> Result<UserId, Problem> {
    Ok(menjin.user_named(&name("user", text)?).await?)
}

/// The same in a merge, where whoever was merged away is themselves.
pub(in crate::admin) async fn exactly(menjin: &Menjin, member: &'static str, text: &str) -> Result<UserId, Problem> {
    Ok(menjin.exactly_named(&name(member, text)?).await?)
}

fn name(member: &'static str, text: &str) -> Result<UserName, Problem> {
    let name = text.parse().map(UserName::Id).ok().or_else(|| number(text).map(UserName::Number));
    name.ok_or_else(|| Problem::field(member, Fault::NotAUser))
}

/// A user's number: digits alone.
pub(in crate::admin) fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// An id of its kind.
pub(in crate::admin) fn id<K: Kind>(member: &'static str, text: &str, form: &'static str) -> Result<Id<K>, Problem> {
    text.parse().map_err(|_| Problem::field(member, Fault::NotAnId(form)))
}

/// A time, or a date: it begins at midnight, UTC, as for `menjin audit`.
pub(in crate::admin) fn moment(text: &str) -> Option<Timestamp> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().ok()
}
