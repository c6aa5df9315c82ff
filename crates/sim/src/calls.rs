//! What the platforms' endpoints were asked, so that a test can prove "asked exactly once".
//!
//! Keeps the last ten thousand. Codes are kept, secrets and tokens are not.

use std::collections::VecDeque;

use serde::Serialize;

const KEPT: usize = 10_000;

/// One request to a platform's endpoint, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Unix seconds by the simulator's clock.
    pub at: i64,
    /// `GET` or `POST`.
    pub method: String,
    /// The path without the query, such as `/sns/jscode2session`.
    pub path: String,
    /// The app that asked, as far as the request tells.
    pub appid: Option<String>,
    /// The person it was about, as far as the request or its code tells.
    pub openid: Option<String>,
    /// The login code or phone code that was presented.
    pub code: Option<String>,
    /// What the answer said, or would have said had no fault broken it; 0 is success.
    pub errcode: i64,
    /// The fault that struck: `busy`, `slow`, `dropped`, …
    pub fault: Option<&'static str>,
}

/// Which calls are meant; what is `None` matches every call.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFilter {
    /// The exact path.
    pub path: Option<String>,
    /// The app that asked.
    pub appid: Option<String>,
    /// The code that was presented.
    pub code: Option<String>,
    /// The person it was about.
    pub openid: Option<String>,
}

impl CallFilter {
    fn matches(&self, call: &Call) -> bool {
        let same =
            |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
        same(&self.path, Some(&call.path))
            && same(&self.appid, call.appid.as_deref())
            && same(&self.code, call.code.as_deref())
            && same(&self.openid, call.openid.as_deref())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Calls(VecDeque<Call>);

impl Calls {
    pub(crate) fn note(&mut self, call: Call) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(call);
    }

    /// Oldest first.
    pub(crate) fn matching(&self, filter: &CallFilter) -> Vec<Call> {
        self.0.iter().filter(|call| filter.matches(call)).cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_ten_thousand_calls_are_kept() {
        let mut calls = Calls::default();
        for at in 0..10_005 {
            calls.note(Call {
                at,
                method: "GET".into(),
                path: "/".into(),
                appid: None,
                openid: None,
                code: None,
                errcode: 0,
                fault: None,
            });
        }
        let kept = calls.matching(&CallFilter::default());
        assert_eq!((kept.len(), kept[0].at), (10_000, 5));
    }
}
