//! `menjin token verify`: a verdict a line, so that any program can ask.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use menjin_server::{Clock as _, SystemClock};
use menjin_token::{Claims, Expect, Invalid, KeySet, Typ};

use super::jwks;
use super::lines::{Line, Lines};
use crate::complain;

/// A key set that can't be read is no verdict about a token.
const UNREADABLE: u8 = 2;

const MORE: &str = "\
For each line prints `valid {claims}` or `invalid reason`. What is not given is not checked, except typ and times.
Exit status: 0 all are valid, 1 one is not, 2 the key set can't be read.";

#[derive(clap::Args)]
#[command(after_help = MORE)]
pub(crate) struct Arguments {
    /// The public keys: a file, or an address such as https://…/.well-known/jwks.json · 公钥
    #[arg(long, value_name = "FILE|URL")]
    jwks: String,
    /// Who must have issued the token (`iss`) · 签发者
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Whom it must be for (`aud`) · 受众
    #[arg(long)]
    audience: Option<String>,
    /// The kind of token; `JWT` also takes tokens without a kind · 类型
    #[arg(long, default_value = "at+jwt")]
    typ: String,
    /// How far clocks may disagree · 时钟误差
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=60))]
    leeway: u64,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let keys = match jwks::read(&arguments.jwks).await {
        Ok(keys) => keys,
        Err(error) => {
            complain(&error);
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let expect = Expect {
        typ: typ(&arguments.typ),
        issuer: arguments.issuer.as_deref(),
        audience: arguments.audience.as_deref(),
        leeway: Duration::from_secs(arguments.leeway),
    };
    let mut all_valid = true;
    for line in Lines::new(io::stdin().lock()) {
        let Some(verdict) = verdict(&line?, &keys, &expect) else { continue };
        all_valid &= verdict.is_ok();
        say(verdict)?;
    }
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn typ(name: &str) -> Typ {
    if name.eq_ignore_ascii_case("at+jwt") || name.eq_ignore_ascii_case("application/at+jwt") {
        Typ::AccessToken
    } else if name.eq_ignore_ascii_case("JWT") {
        Typ::Jwt
    } else {
        Typ::Exactly(name.to_owned())
    }
}

/// `None` for a blank line, which holds no token.
fn verdict(line: &Line, keys: &KeySet, expect: &Expect<'_>) -> Option<Result<Claims, Invalid>> {
    match line {
        Line::Blank => None,
        Line::Text(token) => Some(menjin_token::verify(token, keys, expect, SystemClock.now())),
        Line::TooLong => Some(Err(Invalid::TooLarge)),
        Line::NotText => Some(Err(Invalid::Malformed)),
    }
}

fn say(verdict: Result<Claims, Invalid>) -> anyhow::Result<()> {
    match verdict {
        Ok(claims) => writeln!(io::stdout(), "valid {}", serde_json::to_string(&claims)?)?,
        Err(invalid) => writeln!(io::stdout(), "invalid {}", invalid.code())?,
    }
    Ok(())
}
