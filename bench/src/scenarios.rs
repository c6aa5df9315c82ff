//! The rows of the table: what each asks of which server, what it is compared with, and what was promised.

use std::net::SocketAddr;

use crate::menjin::APP;

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Menjin,
    Bare,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// One GET, over and over.
    Get,
    /// The same by signed-in people.
    GetSignedIn,
    /// One value of session data, by a back end about signed-in people.
    GetData,
    /// Logins by so many people; by somebody new each time where it is 0.
    Login(u32),
    /// Refreshes, each with the token of the answer before.
    Refresh,
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) who: Who,
    pub(crate) path: &'static str,
    pub(crate) load: Load,
    /// The row that it is compared with, and the least ratio of requests per second that was promised.
    pub(crate) versus: Option<(&'static str, Option<f64>)>,
    /// The longest p99 in milliseconds that was promised.
    pub(crate) p99: Option<f64>,
    /// Rows of one group are driven in turns.
    pub(crate) group: u8,
}

const fn bare(name: &'static str, path: &'static str, group: u8) -> Row {
    Row { name, who: Who::Bare, path, load: Load::Get, versus: None, p99: None, group }
}

/// A value that a back end keeps.
pub(crate) const DATA: &str = "/v1/session/data/cart";

/// What a proxy asks about each request.
pub(crate) const FORWARD_AUTH: &str = "/auth/nginx?audience=shop-api";

/// All of them, each after what it is compared with.
pub(crate) const ROWS: [Row; 15] = [
    bare("healthz-bare", "/healthz", 0),
    Row {
        name: "healthz",
        who: Who::Menjin,
        path: "/healthz",
        load: Load::Get,
        versus: Some(("healthz-bare", None)),
        p99: None,
        group: 0,
    },
    Row { load: Load::GetSignedIn, ..bare("protected-bare", "/orders", 1) },
    Row {
        versus: Some(("protected-bare", Some(0.80))),
        p99: Some(3.0),
        load: Load::GetSignedIn,
        ..bare("protected", "/guarded", 1)
    },
    Row { load: Load::GetSignedIn, ..bare("me-bare", "/v1/me", 2) },
    Row { who: Who::Menjin, versus: Some(("me-bare", Some(0.60))), load: Load::GetSignedIn, ..bare("me", "/v1/me", 2) },
    Row { load: Load::GetData, ..bare("session-data-bare", DATA, 4) },
    Row {
        who: Who::Menjin,
        versus: Some(("session-data-bare", Some(0.60))),
        load: Load::GetData,
        ..bare("session-data", DATA, 4)
    },
    Row { load: Load::GetSignedIn, ..bare("forward-auth-bare", FORWARD_AUTH, 5) },
    Row {
        who: Who::Menjin,
        versus: Some(("forward-auth-bare", Some(0.75))),
        load: Load::GetSignedIn,
        ..bare("forward-auth", FORWARD_AUTH, 5)
    },
    Row { load: Load::Login(0), ..bare("login-bare", "/login", 3) },
    // As menjin does it: the code's row is durable before the platform is asked.
    Row {
        load: Load::Login(0),
        versus: Some(("login-bare", None)),
        ..bare("login-bare-claiming", "/login-claiming", 3)
    },
    Row {
        who: Who::Menjin,
        load: Load::Login(0),
        versus: Some(("login-bare", Some(0.70))),
        p99: Some(15.0),
        ..bare("login", "/v1/login/shop", 3)
    },
    // People who come back on their one device; each ends its former session.
    Row {
        who: Who::Menjin,
        load: Load::Login(1000),
        versus: Some(("login", None)),
        ..bare("login-known", "/v1/login/shop", 3)
    },
    Row {
        who: Who::Menjin,
        load: Load::Refresh,
        versus: Some(("login", Some(1.5))),
        ..bare("refresh", "/v1/token/refresh", 3)
    },
];

/// What stands in `--only` beside rows.
pub(crate) const START: &str = "start";
pub(crate) const MICRO: &str = "micro";

/// The rows that were asked for and those that they are compared with; all where none was named.
pub(crate) fn chosen(only: &[String]) -> anyhow::Result<Vec<Row>> {
    for name in only {
        let known = [START, MICRO].contains(&name.as_str()) || ROWS.iter().any(|row| row.name == name);
        anyhow::ensure!(known, "there is no row {name:?}; `--help` names them");
    }
    let mut chosen = Vec::new();
    for row in ROWS.iter().rev() {
        let compared = |it: &Row| it.versus.is_some_and(|(name, _)| name == row.name);
        if only.is_empty() || only.iter().any(|name| name == row.name) || chosen.iter().any(compared) {
            chosen.insert(0, *row);
        }
    }
    Ok(chosen)
}

impl Load {
    /// wrk's script for it.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::Get | Self::GetSignedIn | Self::GetData => "get.lua",
            Self::Login(_) => "login.lua",
            Self::Refresh => "refresh.lua",
        }
    }
}

/// A login of menjin's, as JSON, by somebody of this name.
pub(crate) fn log_in(menjin: SocketAddr, person: &str) -> anyhow::Result<serde_json::Value> {
    let path = format!("/v1/login/{APP}");
    let json = serde_json::json!({ "code": person }).to_string();
    let answer =
        crate::ask::Ask { path: &path, token: None, json: Some(&json), ..crate::ask::Ask::default() }.ok(menjin)?;
    Ok(serde_json::from_str(&answer.body)?)
}

/// The headers of a back end that asks about whoever has this token.
pub(crate) fn about(token: &str) -> String {
    format!("Authorization: Basic {}\r\nMenjin-Subject-Token: {token}\r\n", crate::menjin::back_end_proof())
}

/// Keeps a value in the session of whoever has this token.
pub(crate) fn keep_data(menjin: SocketAddr, token: &str) -> anyhow::Result<()> {
    let json = r#"{"value": [{"sku": 7, "n": 2}, {"sku": 11, "n": 1}]}"#;
    let headers = about(token);
    let put = crate::ask::Ask { path: DATA, json: Some(json), is_put: true, headers: &headers, token: None };
    put.ok(menjin).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Vec<&'static str> {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        chosen(&only).unwrap().iter().map(|row| row.name).collect()
    }

    #[test]
    fn a_row_brings_along_what_it_is_compared_with() {
        assert_eq!(names(&["protected"]), ["protected-bare", "protected"]);
        assert_eq!(names(&["refresh"]), ["login-bare", "login", "refresh"]);
        assert_eq!(names(&["micro"]), [""; 0]);
        assert_eq!(names(&[]).len(), ROWS.len());
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        assert!(chosen(&["lgoin".to_owned()]).is_err());
    }
}
