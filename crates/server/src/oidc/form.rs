//! The body of an OAuth request: a form, each of its parameters once (RFC 6749 §3.2).

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::header;
use axum::http::request::Parts;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::problem::OAuthError;
use crate::extract;
use crate::problem::Problem;
use crate::state::Menjin;

/// The parameters that have a value. No `Debug`: secrets are among them.
pub(super) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads the body; what the rest of the request says stays.
    pub(super) async fn read(menjin: &Menjin, request: Request) -> Result<(Parts, Self), OAuthError> {
        let (parts, body) = request.into_parts();
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(OAuthError::InvalidRequest("parameters stand in the body, not in the address"));
        }
        if !is_form(&parts) {
            return Err(Problem::BadContentType.into());
        }
        let bytes = extract::body(Request::from_parts(parts.clone(), body), menjin).await?;
        Ok((parts, Self::parse(&bytes)?))
    }

    fn parse(bytes: &[u8]) -> Result<Self, OAuthError> {
        let mut all = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if all.insert(name.into_owned(), Zeroizing::new(value.into_owned())).is_some() {
                return Err(OAuthError::InvalidRequest("a parameter stands twice"));
            }
        }
        // One without a value counts as left out.
        all.retain(|_, value| !value.is_empty());
        Ok(Self(all))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

fn is_form(parts: &Parts) -> bool {
    let mut types = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_value_is_left_out_and_one_that_stands_twice_is_refused() {
        let form = Form::parse(b"token=a%2Bb+c&scope=&odd").unwrap();
        assert_eq!((form.get("token"), form.get("scope"), form.get("odd")), (Some("a+b c"), None, None));
        assert!(Form::parse(b"").unwrap().get("").is_none());
        for twice in ["scope=a&scope=a", "token=a&token=", "%74oken=a&token=b"] {
            assert!(matches!(Form::parse(twice.as_bytes()), Err(OAuthError::InvalidRequest(_))), "{twice}");
        }
    }
}
