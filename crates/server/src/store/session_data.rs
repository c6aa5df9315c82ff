//! Session data: what back ends keep about a session or its user, each map read and changed in one transaction (design §4.4).
//!
//! Lives here: the trait and what crosses it. Does not: what a change makes of a map (`data_map`), who may ask (`session`).

use std::collections::BTreeMap;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::data_map::{DataMap, JsonText};
use super::{EndReason, Result};
use crate::config::ClientKeys;

/// Whose map, and in which session it is asked for.
#[derive(Debug, Clone)]
pub struct DataPlace {
    /// The session that must live; the map is its own, unless it is the user's.
    pub session: SessionId,
    /// The user whose map it is, whichever session they are in.
    pub of_user: Option<UserId>,
    /// The back end whose map it is.
    pub audience: String,
}

impl DataPlace {
    /// The row's name: of fixed length before the audience, so that no two places share one.
    pub(super) fn row(&self) -> Vec<u8> {
        match self.of_user {
            None => [b"s", &self.session.to_bytes()[..], self.audience.as_bytes()].concat(),
            Some(user) => Self::row_of_user(user, &self.audience),
        }
    }

    /// The same for a user's own map.
    pub(super) fn row_of_user(user: UserId, audience: &str) -> Vec<u8> {
        [b"u", &user.to_bytes()[..], audience.as_bytes()].concat()
    }

    /// What the row is gone with: a session or a user.
    pub(super) fn owner(&self) -> (Option<[u8; 16]>, Option<[u8; 16]>) {
        match self.of_user {
            None => (Some(self.session.to_bytes()), None),
            Some(user) => (None, Some(user.to_bytes())),
        }
    }
}

/// What a client wants to hold of the version that it knows (RFC 9110 §13.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Goes on only if the present version is one of these.
    pub if_match: Option<Versions>,
    /// Goes on only if it is none of these.
    pub if_none_match: Option<Versions>,
}

/// Versions that a client names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Whatever there is.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

/// What a condition is about: a map or one of its keys.
#[derive(Debug, Clone, Copy)]
pub struct Present {
    /// Its version; `None` for a key that is absent.
    pub version: Option<i64>,
    /// Whether anything is there: an empty map has a version all the same.
    pub is_there: bool,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, present: Present) -> bool {
        self.if_match.as_ref().is_none_or(|versions| versions.name(present))
            && !self.if_none_match.as_ref().is_some_and(|versions| versions.name(present))
    }
}

impl Versions {
    fn name(&self, present: Present) -> bool {
        match self {
            Self::Any => present.is_there,
            Self::OneOf(versions) => present.version.is_some_and(|version| versions.contains(&version)),
        }
    }
}

/// What is to be written.
#[derive(Debug, Clone)]
pub enum DataWrite {
    /// The whole map becomes this. Keys whose value stays the same keep their version and end, unless an end is given.
    Replace {
        /// By key.
        data: BTreeMap<String, JsonText>,
        /// All of them end then.
        until: Option<Timestamp>,
    },
    /// One key becomes this.
    Put {
        /// Which.
        key: String,
        /// Its value.
        value: JsonText,
        /// It ends then.
        until: Option<Timestamp>,
    },
    /// One key goes.
    Remove(String),
}

/// How large things may become.
#[derive(Debug, Clone)]
pub struct DataLimits {
    /// A value.
    pub value: usize,
    /// A map.
    pub total: usize,
    /// For a person's own write: the keys that people reach, and how much they may hold together, so that a back end always
    /// has room.
    pub of_person: Option<(ClientKeys, usize)>,
}

/// A write to carry out.
#[derive(Debug, Clone)]
pub struct DataChange {
    /// Which map.
    pub place: DataPlace,
    /// What is written.
    pub write: DataWrite,
    /// When it goes on.
    pub condition: Condition,
    /// How large things may become.
    pub limits: DataLimits,
    /// The time.
    pub now: Timestamp,
}

/// What a reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataRead {
    /// The map; an empty one where none was ever written.
    Map(DataMap),
    /// The session is over.
    Ended(EndReason),
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataChanged {
    /// The map is like this now.
    Done(DataMap),
    /// The condition did not hold; the version that there is.
    Mismatch(Option<i64>),
    /// Something would be too large.
    Full,
    /// The session is over.
    Ended(EndReason),
}

/// Maps of session data.
#[async_trait]
pub trait SessionData: Send + Sync {
    /// A map, if the session lives: one reading.
    async fn read_data(&self, place: &DataPlace, now: Timestamp) -> Result<DataRead>;
    /// Atomic: racing writers of one map come one after the other, and each decides by what the one before has left.
    async fn change_data(&self, change: DataChange) -> Result<DataChanged>;
}
