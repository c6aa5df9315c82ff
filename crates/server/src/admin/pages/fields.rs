//! The fields of a form, each by its name.

use std::borrow::Cow;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use secrecy::SecretString;

use super::Next;
use crate::extract::body;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

/// What a form of a page of ours sent.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field that each such form has.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Problem> {
        let mut found = self.0.iter().filter(|(field, _)| field == name);
        match (found.next(), found.next()) {
            (Some((_, text)), None) => Ok(text),
            (None, _) => Err(Problem::field(name, Fault::Missing)),
            (Some(_), Some(_)) => Err(Problem::field(name, Fault::Twice)),
        }
    }

    /// A field that some have.
    pub(crate) fn text_or_empty(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// One that nobody else shall see.
    pub(crate) fn secret(&self, name: &str) -> Result<SecretString, Problem> {
        self.text(name).map(SecretString::from)
    }

    /// Whether they said that they know what can't be undone (`console/pages/certain.html`).
    pub(crate) fn certain(&self) -> Result<(), Problem> {
        if self.text_or_empty("certain") == "yes" { Ok(()) } else { Err(Problem::field("certain", Fault::NotCertain)) }
    }

    /// Where they want to go afterwards.
    pub(crate) fn next(&self) -> Next {
        Next::to(self.text_or_empty("next"))
    }
}

impl FromRequest<Menjin> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, menjin: &Menjin) -> Result<Self, Problem> {
        if !is_form(request.headers()) {
            return Err(Problem::BadContentType);
        }
        let bytes = body(request, menjin).await?;
        let pairs = url::form_urlencoded::parse(&bytes);
        Ok(Self(pairs.map(|(name, text)| (name.into_owned(), Cow::into_owned(text))).collect()))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
