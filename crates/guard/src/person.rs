//! Whoever may come in while a program moves from an old system to menjin: signed in by either.

use std::sync::Arc;

use menjin_token::Claims;
use serde::de::DeserializeOwned;

use crate::caller::typed;
use crate::{Caller, Language};

/// Somebody whom menjin or an old system ([`Legacy`](crate::Legacy)) has signed in. Where there is no old system, or a
/// route is not for its people, take a [`Caller`].
#[derive(Debug, Clone)]
pub enum Person {
    /// By menjin.
    SignedIn(Caller),
    /// By an old system, until its date.
    Legacy(LegacyCaller),
}

/// Somebody with a token of an old system: menjin knows no session of theirs.
#[derive(Debug, Clone)]
pub struct LegacyCaller {
    /// The entry that took the token.
    pub system: String,
    /// The person.
    pub user: LegacyUser,
    /// Everything that the token says.
    pub claims: Arc<Claims>,
    pub(crate) language: Language,
}

/// A person as an old system names them, and menjin after an import.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LegacyUser {
    /// menjin's `user.number`.
    Number(i64),
    /// menjin's `user.external_id`.
    ExternalId(String),
}

impl Person {
    /// The caller, if menjin has signed them in.
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Self::SignedIn(caller) => Some(caller),
            Self::Legacy(_) => None,
        }
    }

    /// Everything that the token says.
    pub fn claims(&self) -> &Arc<Claims> {
        match self {
            Self::SignedIn(caller) => &caller.claims,
            Self::Legacy(legacy) => &legacy.claims,
        }
    }

    /// The token's claims as a type of your own; what the type does not name is left out.
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        typed(self.claims())
    }

    /// In which refusals of this person are told.
    pub fn language(&self) -> Language {
        match self {
            Self::SignedIn(caller) => caller.language,
            Self::Legacy(legacy) => legacy.language,
        }
    }

    pub(crate) fn reading(mut self, language: Language) -> Self {
        match &mut self {
            Self::SignedIn(caller) => caller.language = language,
            Self::Legacy(legacy) => legacy.language = language,
        }
        self
    }
}
