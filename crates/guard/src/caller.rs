//! Who is calling, and what they may do.
//!
//! Does not: look anything up; all of it stands in the token.

use std::sync::Arc;

use menjin_token::{Claims, Invalid, SessionId, UserId};

use crate::Refusal;

/// A person who was signed in by menjin, as their token says.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// Their sign-in on this device.
    pub session: SessionId,
    /// The app they use.
    pub client_id: String,
    /// What the token may be used for.
    pub scopes: Vec<String>,
    /// Roles for this audience.
    pub roles: Vec<String>,
    /// What the roles allow, wildcards kept.
    pub permissions: Vec<String>,
    /// Everything else that the token says.
    pub claims: Arc<Claims>,
}

impl Caller {
    /// The person whom these claims name; a token of an app itself (client credentials) names none.
    pub(crate) fn named_by(claims: &Arc<Claims>) -> Result<Self, Invalid> {
        let sub = claims.sub.as_deref().ok_or(Invalid::Claim("sub"))?;
        let sid = claims.sid.as_deref().ok_or(Invalid::Claim("sid"))?;
        let scope = claims.scope.as_deref().unwrap_or_default();
        Ok(Self {
            user: sub.parse().map_err(|_| Invalid::Claim("sub"))?,
            session: sid.parse().map_err(|_| Invalid::Claim("sid"))?,
            client_id: claims.client_id.clone().ok_or(Invalid::Claim("client_id"))?,
            scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
            roles: claims.roles.clone(),
            permissions: claims.permissions.clone(),
            claims: Arc::clone(claims),
        })
    }

    /// Goes on only if the token has this scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Refusal> {
        if self.scopes.iter().any(|one| one == scope) {
            Ok(())
        } else {
            Err(Refusal::InsufficientScope(scope.to_owned()))
        }
    }

    /// Goes on only if the caller has this role.
    pub fn require_role(&self, role: &str) -> Result<(), Refusal> {
        if self.roles.iter().any(|one| one == role) {
            Ok(())
        } else {
            Err(Refusal::Forbidden(format!("the role {role}")))
        }
    }

    /// Goes on only if one of the caller's permissions covers this one, such as `orders:read`.
    pub fn require(&self, permission: &str) -> Result<(), Refusal> {
        if self.permissions.iter().any(|granted| permits(granted, permission)) {
            Ok(())
        } else {
            Err(Refusal::Forbidden(format!("the permission {permission}")))
        }
    }
}

/// Whether a granted permission covers a needed one. Segments stand between colons; `*` covers any one segment,
/// and at the end all that follow: `orders:*` covers `orders:read` and `orders:read:own`, but not `orders`.
pub fn permits(granted: &str, needed: &str) -> bool {
    let mut granted = granted.split(':').peekable();
    let mut needed = needed.split(':');
    loop {
        match (granted.next(), needed.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {
                if granted.peek().is_none() {
                    return needed.all(|segment| !segment.is_empty());
                }
            }
            (Some(one), Some(other)) if one == other && !one.is_empty() => {}
            _ => return false,
        }
    }
}
