//! Who is calling, and what they may do.
//!
//! Does not: look anything up; all of it stands in the token, or was added to it (`more_roles`).

use std::sync::Arc;

use menjin_token::{Claims, Invalid, SessionId, UserId};
use serde::de::DeserializeOwned;

use crate::{Language, Person, Refusal, Refused};

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
    /// In which refusals of this caller are told.
    pub(crate) language: Language,
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
            language: Language::default(),
        })
    }

    /// The token's claims as a type of your own; what the type does not name is left out.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct ShopClaims {
    ///     #[serde(rename = "userId")]
    ///     user_id: i64,
    /// }
    ///
    /// fn old_id(caller: &menjin_guard::Caller) -> Result<i64, serde_json::Error> {
    ///     Ok(caller.claims_as::<ShopClaims>()?.user_id)
    /// }
    /// ```
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        typed(&self.claims)
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|one| one == scope)
    }

    /// Whether the caller has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|one| one == role)
    }

    /// Whether one of the caller's permissions covers this one, such as `orders:read`.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|granted| permits(granted, permission))
    }

    /// Goes on only if the token has this scope; else 403 `insufficient_scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), Refused> {
        self.meets(&Need::Scope(scope.to_owned()))
    }

    /// Goes on only if the caller has this role; else 403 `forbidden`.
    pub fn require_role(&self, role: &str) -> Result<(), Refused> {
        self.meets(&Need::Role(role.to_owned()))
    }

    /// Goes on only if one of the caller's permissions covers this one, such as `orders:read`; else 403 `forbidden`.
    pub fn require(&self, permission: &str) -> Result<(), Refused> {
        self.meets(&Need::Permission(permission.to_owned()))
    }

    fn meets(&self, need: &Need) -> Result<(), Refused> {
        let is_met = match need {
            Need::Scope(scope) => self.has_scope(scope),
            Need::Role(role) => self.has_role(role),
            Need::Permission(permission) => self.may(permission),
        };
        if is_met { Ok(()) } else { Err(need.refusal().in_language(self.language)) }
    }
}

/// What a route asks of whoever comes in.
#[derive(Debug, Clone)]
pub(crate) enum Need {
    Scope(String),
    Role(String),
    Permission(String),
}

impl Need {
    /// People of an old system have nothing that could be needed.
    pub(crate) fn is_met_by(&self, person: &Person) -> Result<(), Refused> {
        match person.caller() {
            Some(caller) => caller.meets(self),
            None => Err(self.refusal().in_language(person.language())),
        }
    }

    fn refusal(&self) -> Refusal {
        match self {
            Self::Scope(scope) => Refusal::InsufficientScope(scope.clone()),
            Self::Role(role) => Refusal::Forbidden(format!("the role {role}")),
            Self::Permission(permission) => Refusal::Forbidden(format!("the permission {permission}")),
        }
    }
}

pub(crate) fn typed<T: DeserializeOwned>(claims: &Claims) -> Result<T, serde_json::Error> {
    T::deserialize(serde_json::to_value(claims)?)
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
