//! Rows as the loaders of all stores take them: tables, their columns in the order of the values, and values.

use std::borrow::Cow;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Id([u8; 16]),
    Bytes(Vec<u8>),
    Text(Cow<'static, str>),
}

/// The values of one row.
pub(crate) type Row = Vec<Value>;

/// Where rows go; columns that are not named stay NULL.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
}

impl Table {
    /// `users (number, id)`, as all kinds of SQL name them.
    pub(crate) fn said(&self) -> String {
        format!("{} ({})", self.name, self.columns.join(", "))
    }
}

/// Rows of one table.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) table: &'static Table,
    pub(crate) rows: Vec<Row>,
}

pub(crate) static USERS: Table = Table { name: "users", columns: &["number", "id", "created_at", "updated_at"] };
pub(crate) static IDENTITIES: Table = Table {
    name: "identities",
    columns: &[
        "id",
        "user_number",
        "platform",
        "appid",
        "openid",
        "created_at",
        "session_key_row",
        "session_key",
        "session_key_digest",
    ],
};
pub(crate) static SESSIONS: Table = Table {
    name: "sessions",
    columns: &[
        "id",
        "user_number",
        "app",
        "identity",
        "amr",
        "device_id",
        "device_class",
        "ip",
        "user_agent",
        "opened_at",
        "expires_at",
        "ended_at",
        "end_reason",
    ],
};
pub(crate) static GRANTS: Table = Table {
    name: "grants",
    columns: &["id", "session", "app", "secret", "master_key", "counter", "rotated_at", "idle_until", "sweep_at"],
};
pub(crate) static AUDIT: Table =
    Table { name: "audit", columns: &["at", "action", "actor", "user_id", "session_id", "app", "ip", "detail"] };
pub(crate) static SESSION_KEYS: Table =
    Table { name: "session_keys", columns: &["id", "identity", "sealed", "superseded_at", "kept_until"] };
pub(crate) static CODES: Table = Table { name: "codes", columns: &["digest", "claimed_at", "until"] };

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<Option<&'static str>> for Value {
    fn from(text: Option<&'static str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
