//! Roles and permissions (design §4.13): what they are called, who has which, and what of it stands in tokens.
//!
//! Not here: rows and turns (`store`), asking whether somebody may (the guard), outdated tokens (`session`'s feed).

mod mine;
mod named;
mod operated;

use std::collections::BTreeSet;

use menjin_token::{Claims, UserId};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{Held, UserRow, Whole};

pub use operated::{HeldRoleView, HolderView, Holders, NewRole, RoleView};

/// A token travels with every request: its roles and permissions take so many bytes at most, and more are asked for.
const MOST_BYTES: usize = 2048;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().merge(mine::routes())
}

/// What somebody has for an audience, and how far changes of roles had come; nothing is read for who never had a role.
pub(crate) async fn of(menjin: &Menjin, user: &UserRow, audience: &str) -> Result<Option<Held>, Problem> {
    if user.roles_version.is_none() {
        return Ok(None);
    }
    Ok(Some(menjin.store.held_for(user.number, audience).await?))
}

/// The same of somebody whom a token names; none for who never had a role.
pub(crate) async fn whole(menjin: &Menjin, user: UserId, audience: &str) -> Result<Whole, Problem> {
    let user = menjin.store.user(user).await?.ok_or(Problem::TokenInvalid)?;
    Ok(of(menjin, &user, audience).await?.as_ref().map(together).unwrap_or_default())
}

/// After the commit: this node refuses older tokens of theirs from now on, without waiting for the feed.
pub(crate) fn changed_for(menjin: &Menjin, user: UserId, version: i64) {
    menjin.ended.roles_of_user(user, version, menjin.tokens_until(menjin.clock.now()));
}

/// All names and permissions together, each once and in order.
pub(crate) fn together(held: &Held) -> Whole {
    let all = |of: fn(&Whole) -> &Vec<String>| -> Vec<String> {
        let all: BTreeSet<&String> = held.roles.iter().flat_map(|(_, whole)| of(whole)).collect();
        all.into_iter().cloned().collect()
    };
    Whole { roles: all(|whole| &whole.roles), permissions: all(|whole| &whole.permissions) }
}

/// Says in a token what its person may do. Where that is too much it names the roles that they were given, and that there is more.
pub(crate) fn say(claims: &mut Claims, held: &Held) {
    claims.roles_version = Some(held.version);
    let Whole { roles, permissions } = together(held);
    // With quotes and a comma around each.
    if roles.iter().chain(&permissions).map(|text| text.len() + 3).sum::<usize>() <= MOST_BYTES {
        (claims.roles, claims.permissions) = (roles, permissions);
    } else {
        claims.roles = held.roles.iter().map(|(name, _)| name.clone()).collect();
        claims.roles.dedup();
        claims.has_more_roles = true;
    }
}

#[cfg(test)]
mod tests {
    use menjin_token::Timestamp;

    use super::*;

    fn held(roles: &[(&str, &[&str], &[&str])]) -> Held {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let role = |(name, roles, permissions): &(&str, &[&str], &[&str])| {
            ((*name).to_owned(), Whole { roles: texts(roles), permissions: texts(permissions) })
        };
        Held { version: 7, roles: roles.iter().map(role).collect() }
    }

    fn said(held: &Held) -> Claims {
        let mut claims = Claims::expiring(Timestamp::from_secs(1));
        say(&mut claims, held);
        claims
    }

    #[test]
    fn a_token_says_each_role_and_permission_once() {
        let claims = said(&held(&[
            ("boss", &["boss", "clerk"], &["orders:*", "shop:read"]),
            ("clerk", &["clerk"], &["orders:*"]),
        ]));
        assert_eq!(claims.roles, ["boss", "clerk"]);
        assert_eq!(claims.permissions, ["orders:*", "shop:read"]);
        assert_eq!((claims.roles_version, claims.has_more_roles), (Some(7), false));
    }

    #[test]
    fn who_has_none_has_a_version_all_the_same() {
        let claims = said(&held(&[]));
        assert_eq!((claims.roles_version, claims.roles.len(), claims.has_more_roles), (Some(7), 0, false));
    }

    #[test]
    fn a_token_is_bounded_and_says_that_there_is_more() {
        let long: Vec<String> = (0..20).map(|nth| format!("{nth:0>100}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let fits = said(&held(&[("a", &["a", "b"], &long[..19])]));
        assert_eq!((fits.permissions.len(), fits.has_more_roles), (19, false));
        let more = said(&held(&[("a", &["a", "b"], &long), ("a", &["a"], &[])]));
        assert_eq!((more.roles, more.permissions.len(), more.has_more_roles), (vec!["a".to_owned()], 0, true));
        assert_eq!(more.roles_version, Some(7));
    }
}
