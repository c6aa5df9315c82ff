//! `menjin key …`: signing keys shown, rotated and revoked, and what is sealed moved between master keys.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about keys (the server's `keys`).

use menjin_server::store::Actor;
use menjin_server::{KeyView, SealedView};
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Answer in JSON · 以 JSON 输出
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the signing keys, the oldest first · 列出签名密钥
    List,
    /// Publish a new signing key; it signs once verifiers have seen it · 轮换签名密钥
    Rotate,
    /// Refuse every token that a key has signed, on every node within a second · 吊销签名密钥
    Revoke {
        /// The key's name, as `menjin key list` shows it · 密钥名
        // It is base64url, so one in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Seal everything anew under the present master key · 用新的主密钥重新加密
    Rewrap,
    /// Count what is sealed under each master key · 各主密钥加密了多少数据
    Status,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::List => out.table(&menjin.signing_keys(), KEY_HEAD, key_row)?,
        Command::Rotate => {
            let rotated = menjin.rotate_key(&Actor::command()).await?;
            // One for each algorithm.
            let kids: Vec<&str> = rotated.split(", ").collect();
            let text = format!("published, and signing once verifiers have seen it: {rotated}");
            out.line(&json!({ "kids": kids }), &text)?;
        }
        Command::Revoke { kid } => {
            menjin.revoke_key(&Actor::command(), &kid).await?;
            out.line(&json!({ "revoked": kid }), &format!("{kid} is revoked: tokens that it signed are refused"))?;
        }
        Command::Rewrap => {
            let moved = menjin.rewrap(&Actor::command()).await?;
            let text = format!("{moved} sealed anew under the present master key");
            out.line(&json!({ "rewrapped": moved }), &text)?;
        }
        Command::Status => out.table(&menjin.sealed().await?, SEALED_HEAD, sealed_row)?,
    }
    Ok(())
}

const KEY_HEAD: [&str; 6] = ["KID", "ALG", "STATE", "SIGNS FROM", "RETIRED", "REVOKED"];

fn key_row(key: &KeyView) -> [String; 6] {
    let moment = |at: Option<_>| at.map_or_else(|| "-".to_owned(), |at: menjin_token::Timestamp| at.to_string());
    [
        key.kid.clone(),
        key.alg.clone(),
        key.state.to_owned(),
        key.active_at.to_string(),
        moment(key.retired_at),
        moment(key.revoked_at),
    ]
}

const SEALED_HEAD: [&str; 4] = ["MASTER KEY", "STATE", "TABLE", "ROWS"];

fn sealed_row(sealed: &SealedView) -> [String; 4] {
    let state = match (sealed.present, sealed.configured) {
        (true, _) => "present",
        (false, true) => "old",
        (false, false) => "missing",
    };
    [sealed.master_key.clone(), state.to_owned(), sealed.table.to_owned(), sealed.rows.to_string()]
}
