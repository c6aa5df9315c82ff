//! `menjin token decode`: header and claims as JSON, with a warning that nothing was checked.

use std::io::{self, Write as _};

use anyhow::anyhow;
use menjin_token::dangerous::decode_unverified;
use serde_json::json;

use super::lines::{Line, Lines};

const WARNING: &str = "UNVERIFIED: anybody can write such a token; `menjin token verify` checks one";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The token; without it, a line of standard input. Others may see your arguments, so prefer the latter · 令牌
    token: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let token = match &arguments.token {
        Some(token) => token.clone(),
        None => first_line()?,
    };
    let token = token.trim();
    let bare = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("JWT ")).unwrap_or(token);
    let (header, claims) =
        decode_unverified(bare).map_err(|invalid| anyhow!("{invalid}: a token is three parts with dots between"))?;
    let shown = json!({ "header": header, "claims": claims, "warning": WARNING });
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&shown)?)?;
    Ok(())
}

fn first_line() -> anyhow::Result<String> {
    for line in Lines::new(io::stdin().lock()) {
        match line? {
            Line::Blank => {}
            Line::Text(text) => return Ok(text),
            Line::TooLong => return Err(anyhow!("the token is too large")),
            Line::NotText => return Err(anyhow!("the token is not text")),
        }
    }
    Err(anyhow!("no token: give one as an argument or on standard input"))
}
