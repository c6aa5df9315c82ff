//! People from a table of another system's database: Django's, or that of a hapi server, or any with the names of its columns.

use anyhow::bail;

use super::raw::{Field, Found, Name, Raw};
use crate::store::{ForeignRows, ForeignTable};

/// A table, and what its columns are.
pub struct Table {
    /// `sqlite://…`, `postgres://…` or `mysql://…`.
    pub url: String,
    /// Its name, with a schema before it where there is one.
    pub name: String,
    /// Its columns.
    pub columns: Columns,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may have a password in it.
        f.debug_struct("Table").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// The names of columns; what is `None` is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The id: a whole number.
    pub number: String,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// When they came.
    pub created_at: Option<String>,
    /// Whether they may not sign in.
    pub disabled: Option<String>,
    /// Whether they may.
    pub active: Option<String>,
    /// Their name in the app.
    pub openid: Option<String>,
    /// Their name in the open-platform account.
    pub unionid: Option<String>,
    /// The name that they sign in by.
    pub username: Option<String>,
    /// What was kept of their password.
    pub password_hash: Option<String>,
}

impl Columns {
    /// Django's `auth_user` and its kind.
    pub fn django() -> Self {
        Self {
            number: "id".to_owned(),
            created_at: Some("date_joined".to_owned()),
            active: Some("is_active".to_owned()),
            ..Self::default()
        }
    }

    /// The same with the names and passwords, where somebody may sign in by them here.
    #[must_use]
    pub fn with_django_passwords(self) -> Self {
        let some = |name: &str| Some(name.to_owned());
        Self {
            username: self.username.or(some("username")),
            password_hash: self.password_hash.or(some("password")),
            ..self
        }
    }

    /// The `users` of the hapi server that many mini programs began with.
    pub fn hapi() -> Self {
        let some = |name: &str| Some(name.to_owned());
        Self {
            number: "id".to_owned(),
            nickname: some("nick_name"),
            avatar_url: some("avatar_url"),
            created_at: some("created_at"),
            openid: some("open_id"),
            ..Self::default()
        }
    }

    /// In the order that they are read.
    fn named(&self) -> Vec<(Field, String)> {
        let others = [
            (Field::ExternalId, &self.external_id),
            (Field::Nickname, &self.nickname),
            (Field::AvatarUrl, &self.avatar_url),
            (Field::CreatedAt, &self.created_at),
            (Field::Disabled, &self.disabled),
            (Field::Active, &self.active),
            (Field::Username, &self.username),
            (Field::PasswordHash, &self.password_hash),
            (Field::Openid, &self.openid),
            (Field::Unionid, &self.unionid),
        ];
        let others = others.into_iter().filter_map(|(field, column)| Some((field, column.clone()?)));
        std::iter::once((Field::Number, self.number.clone())).chain(others).collect()
    }
}

pub(super) struct Rows {
    fields: Vec<Field>,
    found: ForeignRows,
    read: u64,
}

impl Rows {
    pub(super) async fn open(table: &Table) -> anyhow::Result<Self> {
        let names = [&table.columns.openid, &table.columns.external_id, &table.columns.username];
        if names.into_iter().all(Option::is_none) {
            bail!("which column of {} has the openid? Say --openid-column", table.name);
        }
        let (fields, columns) = table.columns.named().into_iter().unzip();
        let foreign = ForeignTable { url: &table.url, name: &table.name, columns };
        Ok(Self { fields, found: foreign.read().await?, read: 0 })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Found>> {
        let Some(row) = self.found.next().await? else { return Ok(None) };
        self.read += 1;
        let number = row.first().and_then(|number| std::str::from_utf8(number.as_deref()?).ok());
        let place = number.and_then(|number| number.parse().ok()).unwrap_or(0);
        let fields = self.fields.iter().zip(row).filter_map(|(field, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((Name::of_person(*field), value))
        });
        Ok(Some(Ok(Raw { place, fields: fields.collect(), ..Raw::default() })))
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        (self.read, self.found.count.max(self.read))
    }
}
