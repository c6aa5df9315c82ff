//! The tables and columns of the schema, for what must carry all of them from one store to another.
//!
//! A table's first column is its key, and a table stands after those that it refers to. Not here: what helps one back end
//! alone, and what notes the migrations.

use super::across::PAGE;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns, the key first.
    pub(super) columns: &'static [(&'static str, Type)],
    /// Whether its keys are given in order, and never again.
    pub(crate) is_numbered: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Text,
    Bytes,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

use Type::{Bytes, Int, Text};

/// All of them.
pub(crate) const TABLES: [Table; 32] = [
    numbered(
        "users",
        &[
            ("number", Int),
            ("id", Bytes),
            ("external_id", Text),
            ("nickname", Text),
            ("avatar_url", Text),
            ("phone_masked", Text),
            ("created_at", Int),
            ("updated_at", Int),
            ("disabled_at", Int),
            ("roles_version", Int),
            ("merged_into", Int),
            ("deletes_at", Int),
            ("erased_at", Int),
            ("nickname_chosen_at", Int),
            ("avatar_chosen_at", Int),
        ],
    ),
    table("merges", &[("user_number", Int), ("into_number", Int), ("moved", Text), ("merged_at", Int), ("until", Int)]),
    table(
        "roles",
        &[
            ("number", Int),
            ("name", Text),
            ("audience", Text),
            ("description", Text),
            ("permissions", Text),
            ("includes", Text),
            ("whole", Text),
            ("version", Int),
            ("changed_at", Int),
            ("removed_at", Int),
        ],
    ),
    table("user_roles", &[("id", Bytes), ("user_number", Int), ("role", Int), ("audience", Text), ("granted_at", Int)]),
    table("roles_counter", &[("id", Int), ("version", Int)]),
    table(
        "identities",
        &[
            ("id", Bytes),
            ("user_number", Int),
            ("platform", Text),
            ("appid", Text),
            ("openid", Text),
            ("open_account", Text),
            ("unionid", Text),
            ("created_at", Int),
            ("session_key_row", Bytes),
            ("session_key", Bytes),
            ("session_key_digest", Bytes),
        ],
    ),
    table(
        "passwords",
        &[
            ("id", Bytes),
            ("user_number", Int),
            ("username", Text),
            ("lookup", Text),
            ("form", Text),
            ("hash", Bytes),
            ("changed_at", Int),
        ],
    ),
    table("password_resets", &[("digest", Bytes), ("user_number", Int), ("until", Int)]),
    table(
        "consents",
        &[
            ("id", Bytes),
            ("user_number", Int),
            ("document", Text),
            ("version", Text),
            ("app", Text),
            ("ip", Text),
            ("user_agent", Text),
            ("given_at", Int),
            ("withdrawn_at", Int),
        ],
    ),
    table("phones", &[("id", Bytes), ("user_number", Int), ("lookup", Bytes), ("sealed", Bytes), ("bound_at", Int)]),
    table(
        "session_keys",
        &[("id", Bytes), ("identity", Bytes), ("sealed", Bytes), ("superseded_at", Int), ("kept_until", Int)],
    ),
    table(
        "sessions",
        &[
            ("id", Bytes),
            ("user_number", Int),
            ("app", Text),
            ("identity", Bytes),
            ("amr", Text),
            ("device_id", Text),
            ("device_class", Text),
            ("device_name", Text),
            ("device_system", Text),
            ("ip", Text),
            ("user_agent", Text),
            ("opened_at", Int),
            ("expires_at", Int),
            ("ended_at", Int),
            ("end_reason", Text),
            ("claims", Text),
            ("replaced_by", Bytes),
        ],
    ),
    table(
        "grants",
        &[
            ("id", Bytes),
            ("session", Bytes),
            ("app", Text),
            ("secret", Bytes),
            ("master_key", Bytes),
            ("counter", Int),
            ("spent", Int),
            ("rotated_at", Int),
            ("idle_until", Int),
            ("sweep_at", Int),
        ],
    ),
    table(
        "session_data",
        &[
            ("id", Bytes),
            ("session", Bytes),
            ("user_id", Bytes),
            ("audience", Text),
            ("version", Int),
            ("data", Bytes),
            ("until", Int),
        ],
    ),
    table(
        "codes",
        &[
            ("digest", Bytes),
            ("idempotency", Bytes),
            ("body", Bytes),
            ("session", Bytes),
            ("refused", Text),
            ("claimed_at", Int),
            ("until", Int),
            ("called_back", Int),
        ],
    ),
    table("arrivals", &[("code", Bytes), ("sealed", Bytes), ("until", Int)]),
    table(
        "pushes",
        &[
            ("digest", Bytes),
            ("nonce", Bytes),
            ("app", Text),
            ("sealed", Bytes),
            ("received_at", Int),
            ("tries", Int),
            ("due_at", Int),
            ("until", Int),
        ],
    ),
    table(
        "signing_keys",
        &[
            ("kid", Text),
            ("alg", Text),
            ("private", Bytes),
            ("created_at", Int),
            ("active_at", Int),
            ("retired_at", Int),
            ("revoked_at", Int),
        ],
    ),
    table("master_keys", &[("id", Bytes), ("since", Int)]),
    table("data_keys", &[("name", Text), ("sealed", Bytes)]),
    table(
        "apps",
        &[
            ("id", Text),
            ("kind", Text),
            ("name", Text),
            ("audience", Text),
            ("scopes", Text),
            ("platform", Text),
            ("appid", Text),
            ("open_account", Text),
            ("app_secret", Bytes),
            ("created_at", Int),
            ("disabled_at", Int),
            ("removed_at", Int),
            ("passwords", Int),
            ("register", Int),
        ],
    ),
    table("app_secrets", &[("digest", Bytes), ("app", Text), ("created_at", Int)]),
    table(
        "operators",
        &[
            ("name", Text),
            ("role", Text),
            ("sealed", Bytes),
            ("totp_step", Int),
            ("created_at", Int),
            ("set_up_at", Int),
            ("signed_in_at", Int),
        ],
    ),
    table("operator_people", &[("operator", Text), ("identity", Bytes), ("linked_at", Int)]),
    table("operator_links", &[("digest", Bytes), ("operator", Text), ("until", Int)]),
    table(
        "operator_sessions",
        &[
            ("digest", Bytes),
            ("operator", Text),
            ("ip", Text),
            ("user_agent", Text),
            ("opened_at", Int),
            ("seen_at", Int),
            ("proved_at", Int),
            ("until", Int),
        ],
    ),
    table(
        "operator_tokens",
        &[("digest", Bytes), ("name", Text), ("role", Text), ("created_by", Text), ("created_at", Int), ("until", Int)],
    ),
    table("platform_tokens", &[("app", Text), ("version", Int), ("sealed", Bytes), ("expires_at", Int)]),
    table(
        "platform_token_claims",
        &[
            ("app", Text),
            ("claim", Bytes),
            ("claimed_until", Int),
            ("forced_at", Int),
            ("forced_day", Int),
            ("forced_count", Int),
        ],
    ),
    numbered(
        "events",
        &[("seq", Int), ("kind", Text), ("subject", Bytes), ("reason", Text), ("at", Int), ("until", Int)],
    ),
    numbered(
        "audit",
        &[
            ("seq", Int),
            ("at", Int),
            ("action", Text),
            ("actor", Text),
            ("user_id", Bytes),
            ("session_id", Bytes),
            ("app", Text),
            ("ip", Text),
            ("detail", Text),
            ("actor_id", Text),
        ],
    ),
    table(
        "places",
        &[("name", Text), ("seq", Int), ("claim", Int), ("held_until", Int), ("tries", Int), ("due_at", Int)],
    ),
];

const fn table(name: &'static str, columns: &'static [(&'static str, Type)]) -> Table {
    Table { name, columns, is_numbered: false }
}

const fn numbered(name: &'static str, columns: &'static [(&'static str, Type)]) -> Table {
    Table { name, columns, is_numbered: true }
}

impl Table {
    /// The names of its columns, quoted by the back end, with commas between.
    pub(super) fn listed(&self, quote: fn(&str) -> String) -> String {
        self.columns.iter().map(|(name, _)| quote(name)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn key(&self) -> &'static str {
        self.columns[0].0
    }

    /// So many of its rows are read and written at once: few of those that may be large, as a server bounds a statement.
    pub(crate) fn page_rows(&self) -> u32 {
        if self.name == "session_data" { 32 } else { PAGE }
    }

    /// A page of its rows; the key that they come after is the only parameter.
    pub(super) fn page(&self, quote: fn(&str) -> String, after: Option<&str>) -> String {
        let (columns, table, key) = (self.listed(quote), quote(self.name), quote(self.key()));
        let limit = self.page_rows();
        let after = after.map_or_else(String::new, |parameter| format!("WHERE {key} > {parameter} "));
        format!("SELECT {columns} FROM {table} {after}ORDER BY {key} LIMIT {limit}")
    }

    /// So many rows, written in one statement.
    pub(super) fn insert(&self, quote: fn(&str) -> String, parameter: fn(usize) -> String, rows: usize) -> String {
        let width = self.columns.len();
        let row = |nth: usize| {
            let parameters: Vec<String> = (1..=width).map(|at| parameter(nth * width + at)).collect();
            format!("({})", parameters.join(", "))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("INSERT INTO {} ({}) VALUES {}", quote(self.name), self.listed(quote), rows.join(", "))
    }
}

impl Cell {
    /// As a position notes a key.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Null => Vec::new(),
            Self::Int(int) => int.to_be_bytes().to_vec(),
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    pub(super) fn from_bytes(kind: Type, bytes: Vec<u8>) -> Option<Self> {
        Some(match kind {
            Type::Int => Self::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Type::Text => Self::Text(String::from_utf8(bytes).ok()?),
            Type::Bytes => Self::Bytes(bytes),
        })
    }

    /// What a digest is made of: no two different rows give the same.
    pub(super) fn put_into(&self, digested: &mut Vec<u8>) {
        let tag = match self {
            Self::Null => 0,
            Self::Int(_) => 1,
            Self::Text(_) => 2,
            Self::Bytes(_) => 3,
        };
        let bytes = self.to_bytes();
        digested.push(tag);
        digested.extend((bytes.len() as u64).to_be_bytes());
        digested.extend(bytes);
    }
}
