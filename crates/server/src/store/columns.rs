//! A row of any back end, read column by column; each value is named when it can't be.

use menjin_token::{Id, Kind, Timestamp};

use super::StoreError;

/// A row as a back end gives it: whole numbers, text and bytes, by place.
pub(super) trait Row {
    /// A whole number.
    fn int(&self, at: usize) -> Result<Option<i64>, String>;
    /// Text.
    fn text(&self, at: usize) -> Result<Option<String>, String>;
    /// Bytes.
    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String>;
    /// The column's name.
    fn name(&self, at: usize) -> String;
}

/// A value that a column can hold.
pub(super) trait Column: Sized {
    /// The value; `None` where the column is NULL.
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String>;
    /// What NULL means; an error for what is always there.
    fn or_null(found: Option<Self>) -> Result<Self, String> {
        found.ok_or_else(|| "it is NULL".to_owned())
    }
}

impl Column for i64 {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        row.int(at)
    }
}

impl Column for u32 {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        let found = row.int(at)?;
        found.map(|int| Self::try_from(int).map_err(|error| error.to_string())).transpose()
    }
}

impl Column for String {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        row.text(at)
    }
}

impl Column for Vec<u8> {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        row.bytes(at)
    }
}

impl<const N: usize> Column for [u8; N] {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        let of_length =
            |bytes: Vec<u8>| Self::try_from(bytes).map_err(|bytes| format!("{} bytes, not {N}", bytes.len()));
        row.bytes(at)?.map(of_length).transpose()
    }
}

impl<T: Column> Column for Option<T> {
    fn read(row: &dyn Row, at: usize) -> Result<Option<Self>, String> {
        T::read(row, at).map(Some)
    }

    fn or_null(found: Option<Self>) -> Result<Self, String> {
        Ok(found.flatten())
    }
}

/// A value that no version of menjin wrote there.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} can't be: {why}")]
pub(super) struct Corrupt {
    table: &'static str,
    column: String,
    why: String,
}

impl From<Corrupt> for StoreError {
    fn from(error: Corrupt) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The columns of a row, read one after the other.
pub(super) struct Columns<'r> {
    row: &'r dyn Row,
    next: usize,
    table: &'static str,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r dyn Row, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// What is read from here on belongs to `table`.
    pub(super) fn of_table(&mut self, table: &'static str) -> &mut Self {
        self.table = table;
        self
    }

    /// The next column.
    pub(super) fn get<T: Column>(&mut self) -> Result<T, Corrupt> {
        let at = self.next;
        self.next += 1;
        T::read(self.row, at).and_then(T::or_null).map_err(|why| self.corrupt(at, why))
    }

    /// The next column, as an id.
    pub(super) fn id<K: Kind>(&mut self) -> Result<Id<K>, Corrupt> {
        Ok(Id::from_bytes(self.get()?))
    }

    /// The next column, as a time.
    pub(super) fn time(&mut self) -> Result<Timestamp, Corrupt> {
        Ok(Timestamp::from_millis(self.get()?))
    }

    /// The next column, as a time that may not have come.
    pub(super) fn time_or_null(&mut self) -> Result<Option<Timestamp>, Corrupt> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    /// The next column, as one of the words that this program knows.
    pub(super) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Corrupt> {
        let text: String = self.get()?;
        parse(&text).ok_or_else(|| self.corrupt(self.next - 1, format!("this program does not know {text:?}")))
    }

    /// The column at this place can't be so.
    pub(super) fn corrupt(&self, at: usize, why: String) -> Corrupt {
        Corrupt { table: self.table, column: self.row.name(at), why }
    }
}
