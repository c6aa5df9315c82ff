//! The filters of a list, as its form sends them; and the address of the next page, which keeps them.

use url::form_urlencoded::{Serializer, parse};

use crate::admin::api::page::Asked;
use crate::problem::Problem;

/// What was filled in.
pub(super) struct Filters {
    filled: Vec<(String, String)>,
    asked: Asked,
}

impl Filters {
    /// A form sends its empty fields, too: they ask for nothing.
    pub(super) fn read(query: Option<&str>, known: &'static [&'static str]) -> Result<Self, Problem> {
        let filled: Vec<_> = parse(query.unwrap_or_default().as_bytes())
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .collect();
        let asked = Asked::read(Some(&written(&filled)), known)?;
        Ok(Self { filled, asked })
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What a field of the form shows again.
    pub(super) fn filter(&self, name: &'static str) -> String {
        self.asked.filter(name).unwrap_or_default().to_owned()
    }

    /// The page behind this one.
    pub(super) fn next(self, path: &str, cursor: Option<String>) -> Option<String> {
        let cursor = cursor?;
        let mut pairs: Vec<_> = self.filled.into_iter().filter(|(name, _)| name != "cursor").collect();
        pairs.push(("cursor".to_owned(), cursor));
        Some(format!("{path}?{}", written(&pairs)))
    }
}

fn written(pairs: &[(String, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}
