//! The sources that people are read from, behind one door.

use std::fmt;
use std::path::PathBuf;

use super::csv::Csv;
use super::json_lines::JsonLines;
use super::raw::Found;
use super::table::{Rows, Table};

/// Where people are.
#[derive(Debug)]
pub enum Origin {
    /// CSV with a header.
    Csv(PathBuf),
    /// A JSON object a line.
    JsonLines(PathBuf),
    /// A table of another system's database.
    Table(Box<Table>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv(path) | Self::JsonLines(path) => {
                f.write_str(&path.file_name().unwrap_or_default().to_string_lossy())
            }
            Self::Table(table) => write!(f, "table {}", table.name),
        }
    }
}

pub(super) enum Source {
    Csv(Csv),
    JsonLines(JsonLines),
    Table(Rows),
}

impl Source {
    pub(super) async fn open(from: &Origin) -> anyhow::Result<Self> {
        Ok(match from {
            Origin::Csv(path) => Self::Csv(Csv::open(path)?),
            Origin::JsonLines(path) => Self::JsonLines(JsonLines::open(path)?),
            Origin::Table(table) => Self::Table(Rows::open(table).await?),
        })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Found>> {
        match self {
            Self::Csv(csv) => csv.next(),
            Self::JsonLines(lines) => lines.next(),
            Self::Table(rows) => rows.next().await,
        }
    }

    /// How far it is read, and how far it goes: bytes or rows.
    pub(super) fn progress(&self) -> (u64, u64) {
        match self {
            Self::Csv(csv) => csv.progress(),
            Self::JsonLines(lines) => lines.progress(),
            Self::Table(rows) => rows.progress(),
        }
    }

    /// Columns that nothing is made of.
    pub(super) fn ignored(&self) -> Vec<String> {
        match self {
            Self::Csv(csv) => csv.ignored.clone(),
            Self::JsonLines(lines) => lines.ignored.clone(),
            Self::Table(_) => Vec::new(),
        }
    }

    /// What a person's place is called.
    pub(super) fn place(&self) -> &'static str {
        match self {
            Self::Csv(_) | Self::JsonLines(_) => "line",
            Self::Table(_) => "number",
        }
    }
}
