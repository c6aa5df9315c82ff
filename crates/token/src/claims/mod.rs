//! The claims of a token (RFC 7519 section 4, RFC 9068 section 2.2) as typed fields, and the rest as JSON.
//!
//! Lives here: the struct, its names on the wire, writing it. Reading is `reading.rs`.
//! Does not: decide whether a token is good (`verify`).

mod reading;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::Timestamp;
pub(crate) use reading::{Place, read};

/// What a token says. Times are seconds since 1970 on the wire (`NumericDate`).
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// Who issued it.
    pub iss: Option<String>,
    /// Whom it is about: the user's id.
    pub sub: Option<String>,
    /// Whom it is for; one alone is a plain string on the wire.
    pub aud: Vec<String>,
    /// It is good before this moment. Always required.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Option<Timestamp>,
    /// It is good from this moment on.
    pub nbf: Option<Timestamp>,
    /// Its own id.
    pub jti: Option<String>,
    /// The session it belongs to.
    pub sid: Option<String>,
    /// The app it was issued to (RFC 8693 section 4.3).
    pub client_id: Option<String>,
    /// When the person proved who they are (OpenID Connect Core section 2).
    pub auth_time: Option<Timestamp>,
    /// How they did (RFC 8176).
    pub amr: Vec<String>,
    /// What it may be used for, separated by spaces (RFC 8693 section 4.2).
    pub scope: Option<String>,
    /// Roles for this audience.
    pub roles: Vec<String>,
    /// What these roles allow, wildcards kept.
    pub permissions: Vec<String>,
    /// How far changes of roles had come when it was issued; a later one outdates it.
    pub roles_version: Option<i64>,
    /// Whether there are more roles and permissions than it holds: menjin tells them.
    pub has_more_roles: bool,
    /// `access` in tokens of `typ: JWT`, so that no other kind passes for one.
    pub token_use: Option<String>,
    /// Every other claim. A name of a field above is left out when written.
    pub extra: Map<String, Value>,
}

impl Claims {
    /// Nothing but an end; fill the rest in with struct update syntax.
    pub fn expiring(exp: Timestamp) -> Self {
        Self {
            iss: None,
            sub: None,
            aud: Vec::new(),
            exp,
            iat: None,
            nbf: None,
            jti: None,
            sid: None,
            client_id: None,
            auth_time: None,
            amr: Vec::new(),
            scope: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            roles_version: None,
            has_more_roles: false,
            token_use: None,
            extra: Map::new(),
        }
    }

    /// Whether an old system meant this token for access. Such systems sign refresh tokens, ID tokens and links in mails with the
    /// same key, and some live for months.
    ///
    /// simplejwt says `token_type` and Cognito `token_use`, which mean nothing else; Flask-JWT-Extended says `type` and Keycloak
    /// `typ`, which may.
    pub fn is_for_access(&self) -> bool {
        let is_one_of = |kind: &str, kinds: &[&str]| kinds.iter().any(|one| kind.eq_ignore_ascii_case(one));
        let is_access =
            |kind: Option<&str>| kind.is_some_and(|kind| is_one_of(kind, &["access", "sliding", "bearer", "jwt"]));
        let is_other = |kind: &Value| kind.as_str().is_some_and(|kind| is_one_of(kind, &["refresh", "id", "offline"]));
        self.extra.get("token_type").is_none_or(|kind| is_access(kind.as_str()))
            && (self.token_use.is_none() || is_access(self.token_use.as_deref()))
            && !["type", "typ"].iter().filter_map(|name| self.extra.get(*name)).any(is_other)
    }

    /// Whether a claim of this name has a field of its own, and so can't stand in `extra`.
    pub fn is_registered(name: &str) -> bool {
        Field::named(name).is_some()
    }
}

/// The claims that have a field, in the order they are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Iss,
    Sub,
    Aud,
    Exp,
    Iat,
    Nbf,
    Jti,
    Sid,
    ClientId,
    AuthTime,
    Amr,
    Scope,
    Roles,
    Permissions,
    RolesVersion,
    MoreRoles,
    TokenUse,
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "iss" => Self::Iss,
            "sub" => Self::Sub,
            "aud" => Self::Aud,
            "exp" => Self::Exp,
            "iat" => Self::Iat,
            "nbf" => Self::Nbf,
            "jti" => Self::Jti,
            "sid" => Self::Sid,
            "client_id" => Self::ClientId,
            "auth_time" => Self::AuthTime,
            "amr" => Self::Amr,
            "scope" => Self::Scope,
            "roles" => Self::Roles,
            "permissions" => Self::Permissions,
            "rv" => Self::RolesVersion,
            "more_roles" => Self::MoreRoles,
            "token_use" => Self::TokenUse,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Iss => "iss",
            Self::Sub => "sub",
            Self::Aud => "aud",
            Self::Exp => "exp",
            Self::Iat => "iat",
            Self::Nbf => "nbf",
            Self::Jti => "jti",
            Self::Sid => "sid",
            Self::ClientId => "client_id",
            Self::AuthTime => "auth_time",
            Self::Amr => "amr",
            Self::Scope => "scope",
            Self::Roles => "roles",
            Self::Permissions => "permissions",
            Self::RolesVersion => "rv",
            Self::MoreRoles => "more_roles",
            Self::TokenUse => "token_use",
        }
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        text(&mut map, Field::Iss, self.iss.as_ref())?;
        text(&mut map, Field::Sub, self.sub.as_ref())?;
        match &self.aud[..] {
            [only] => map.serialize_entry(Field::Aud.name(), only)?,
            several => list(&mut map, Field::Aud, several)?,
        }
        date(&mut map, Field::Exp, Some(self.exp))?;
        date(&mut map, Field::Iat, self.iat)?;
        date(&mut map, Field::Nbf, self.nbf)?;
        text(&mut map, Field::Jti, self.jti.as_ref())?;
        text(&mut map, Field::Sid, self.sid.as_ref())?;
        text(&mut map, Field::ClientId, self.client_id.as_ref())?;
        date(&mut map, Field::AuthTime, self.auth_time)?;
        list(&mut map, Field::Amr, &self.amr)?;
        text(&mut map, Field::Scope, self.scope.as_ref())?;
        list(&mut map, Field::Roles, &self.roles)?;
        list(&mut map, Field::Permissions, &self.permissions)?;
        if let Some(version) = self.roles_version {
            map.serialize_entry(Field::RolesVersion.name(), &version)?;
        }
        if self.has_more_roles {
            map.serialize_entry(Field::MoreRoles.name(), &true)?;
        }
        text(&mut map, Field::TokenUse, self.token_use.as_ref())?;
        for (name, value) in &self.extra {
            if !Self::is_registered(name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

fn text<M: SerializeMap>(map: &mut M, field: Field, value: Option<&String>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(field.name(), value),
        None => Ok(()),
    }
}

fn list<M: SerializeMap>(map: &mut M, field: Field, values: &[String]) -> Result<(), M::Error> {
    if values.is_empty() {
        return Ok(());
    }
    map.serialize_entry(field.name(), values)
}

fn date<M: SerializeMap>(map: &mut M, field: Field, value: Option<Timestamp>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(field.name(), &value.secs()),
        None => Ok(()),
    }
}
