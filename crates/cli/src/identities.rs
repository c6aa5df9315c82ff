//! `menjin user merge|unmerge|identities|unlink`: which accounts and ways to sign in are whose.
//!
//! Does not: a rule about them (the server's `people`).

use anyhow::Context as _;
use menjin_server::store::Actor;
use menjin_server::{Menjin, MergeView, OperatedIdentity, SideView};
use menjin_token::{IdentityId, UserId};
use serde_json::json;

use crate::operated::Out;
use crate::user::{Whom, counted, named};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make two users one: FROM becomes another name of INTO, who gets what they don't have; can be undone for a while
    /// (`lifetimes.unmerge`) · 合并用户：FROM 并入 INTO，一段时间内可撤销
    Merge {
        /// Who goes: usr_… or the number · 被并入的用户
        from: String,
        /// Who stays: usr_… or the number · 保留的用户
        into: String,
        /// Only tell what it would do · 仅预览
        #[arg(long)]
        preview: bool,
    },
    /// Undo a merge: what went over goes back, and every session ends · 撤销合并，全部下线
    Unmerge {
        /// Who was merged away: usr_…, which `user show` lists as an alias, or their own number · 被并入的用户 id 或编号
        user: String,
    },
    /// List how a user signs in by platforms · 列出用户的登录身份
    Identities(Whom),
    /// Take an identity from a user: its sessions end, and nobody signs in to this account by it · 解绑登录身份
    Unlink {
        #[command(flatten)]
        whom: Whom,
        /// Which one: its id in `user identities` · 身份 id
        #[arg(long, value_name = "ID")]
        identity: String,
        /// Also if it is their last way to sign in · 即使是最后一种登录方式
        #[arg(long)]
        even_last: bool,
    },
}

pub(crate) async fn run(menjin: &Menjin, out: &Out, command: Command) -> anyhow::Result<()> {
    let by = Actor::command();
    match command {
        Command::Merge { from, into, preview } => {
            let both = (exactly(menjin, &from).await?, exactly(menjin, &into).await?);
            let merge = menjin.merge_users(&by, both, preview).await?;
            Ok(out.line(&serde_json::to_value(&merge)?, &told(&merge))?)
        }
        Command::Unmerge { user } => {
            let undone = menjin.unmerge_user(&by, exactly(menjin, &user).await?).await?;
            let text = format!(
                "{} is a user of their own again, apart from {}: {} ended, and everybody signs in anew",
                undone.user,
                undone.from,
                counted(undone.sessions_ended)
            );
            Ok(out.line(&serde_json::to_value(&undone)?, &text)?)
        }
        Command::Identities(whom) => {
            let rows = menjin.identities_of(whom.find(menjin).await?).await?;
            out.table(&rows, ["id", "platform", "appid", "unionid", "linked"], |row: &OperatedIdentity| {
                let unionid = if row.has_unionid { "yes" } else { "-" }.to_owned();
                [row.id.to_string(), row.platform.clone(), row.appid.clone(), unionid, row.linked_at.to_string()]
            })
        }
        Command::Unlink { whom, identity, even_last } => {
            let user = whom.find(menjin).await?;
            let identity: IdentityId = identity.parse().with_context(|| {
                format!("{identity:?} is no identity's id: `menjin user identities {user}` lists all")
            })?;
            let sessions = menjin.unlink_identity(&by, user, identity, even_last).await?;
            let text = format!("{identity} is no longer {user}'s: {} ended", counted(sessions));
            Ok(out.line(&json!({ "user": user, "identity": identity, "sessions_ended": sessions }), &text)?)
        }
    }
}

async fn exactly(menjin: &Menjin, text: &str) -> anyhow::Result<UserId> {
    Ok(menjin.exactly_named(&named(text)?).await?)
}

fn told(merge: &MergeView) -> String {
    let side = |side: &SideView| {
        let dash = || "-".to_owned();
        let text = |text: &Option<String>| text.as_ref().map_or_else(dash, |text| text.escape_debug().to_string());
        let list = |list: &[String]| if list.is_empty() { dash() } else { list.join(", ") };
        [
            side.id.to_string(),
            side.number.to_string(),
            text(&side.external_id),
            text(&side.nickname),
            text(&side.phone_masked),
            side.created_at.to_string(),
            side.identities.to_string(),
            if side.has_password { "yes".to_owned() } else { dash() },
            list(&side.roles),
            list(&side.data),
        ]
    };
    let names =
        ["id", "number", "external id", "nickname", "phone", "created", "identities", "password", "roles", "data"];
    let moved = &merge.moved;
    let goes = [
        (moved.identities > 0, "identities"),
        (moved.phone, "phone"),
        (moved.external_id, "external id"),
        (moved.nickname, "nickname"),
        (moved.avatar, "picture"),
        (moved.password, "password"),
        (!moved.roles.is_empty(), "roles"),
        (!moved.data.is_empty(), "data"),
    ];
    let goes: Vec<&str> = goes.into_iter().filter(|(goes, _)| *goes).map(|(_, name)| name).collect();
    let rows = names.iter().zip(side(&merge.from).into_iter().zip(side(&merge.into)));
    let mut lines = vec![format!("{:<14}{:<34}{}", "", "goes", "stays")];
    lines.extend(rows.map(|(name, (from, into))| format!("{name:<14}{from:<34}{into}")));
    let (goes, sessions) = (if goes.is_empty() { "nothing".to_owned() } else { goes.join(", ") }, merge.sessions_ended);
    lines.push(if merge.merged {
        format!(
            "merged: {goes} went over, {} ended; `menjin user unmerge {}` undoes it until {}",
            counted(sessions),
            merge.from.id,
            merge.undo_until
        )
    } else {
        format!("nothing was done. It would take over: {goes}; {} would end", counted(sessions))
    });
    lines.join("\n")
}
