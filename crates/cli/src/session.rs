//! `menjin session …`: sign-ins listed, shown, ended.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about sessions (the server's `session`).

use anyhow::Context as _;
use menjin_server::store::Actor;
use menjin_server::{Menjin, SessionView, SessionsAsked};
use menjin_token::SessionId;
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;
use crate::user::{Whom, kicked, named};

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
    /// List where a user is signed in, or everybody, the newest first · 列出登录，最新的在前
    #[command(mut_group("Whom", |whom| whom.required(false)))]
    List(Listing),
    /// Show a session, also one that has ended, and why · 查看会话及其结束原因
    Show {
        /// ses_… · 会话 id
        session: String,
    },
    /// End a session at once on every node, or all of a user · 立即结束会话，或某用户的全部会话
    End(Ending),
}

/// Which ones; of everybody, where no user is named.
#[derive(clap::Args)]
struct Listing {
    #[command(flatten)]
    whom: Option<Whom>,
    /// Through this app · 应用
    #[arg(long)]
    app: Option<String>,
    /// Those that have ended, too · 包括已结束的会话
    #[arg(long)]
    ended: bool,
    /// So many at most · 条数
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only older ones: the last one of the list before · 只列出更早的会话（翻页）
    #[arg(long, value_name = "SESSION")]
    before: Option<String>,
}

/// One session, or all of a user.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Ending {
    /// ses_… · 会话 id
    session: Option<String>,
    /// All sessions of this user instead: usr_…, or a number · 该用户的全部会话
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::List(listing) => out.table(&listed(&menjin, listing).await?, HEAD, row)?,
        Command::Show { session } => show(&out, &menjin.session(id(&session)?).await?)?,
        Command::End(Ending { user: Some(user), .. }) => {
            let user = menjin.user_named(&named(&user)?).await?;
            kicked(&out, user, menjin.kick_user(&Actor::command(), user).await?)?;
        }
        Command::End(Ending { session, .. }) => {
            let id = id(&session.unwrap_or_default())?;
            // An unknown one is refused by that.
            menjin.session(id).await?;
            let ended = menjin.end_session(&Actor::command(), id).await?;
            let text = if ended { "has ended" } else { "was over already" };
            out.line(&json!({ "session": id, "ended": ended }), &format!("{id} {text}"))?;
        }
    }
    Ok(())
}

/// As many as were asked for: what is looked at in one go may be of other apps, or over.
async fn listed(menjin: &Menjin, listing: Listing) -> anyhow::Result<Vec<SessionView>> {
    let Listing { whom, app, ended, limit, before } = listing;
    let user = match whom {
        Some(whom) => Some(whom.find(menjin).await?),
        None => None,
    };
    let live = (!ended).then_some(true);
    let mut asked = SessionsAsked { user, app, live, behind: before.as_deref().map(id).transpose()?, limit };
    let mut sessions = Vec::new();
    loop {
        let (found, next) = menjin.sessions(&asked).await?;
        sessions.extend(found);
        asked.limit = limit.saturating_sub(u32::try_from(sessions.len())?);
        asked.behind = next;
        if asked.limit == 0 || asked.behind.is_none() {
            return Ok(sessions);
        }
    }
}

fn id(text: &str) -> anyhow::Result<SessionId> {
    text.parse().ok().with_context(|| {
        format!(
            "{text:?} is no session's id: that is ses_ and 26 letters and digits, as `menjin session list` shows it"
        )
    })
}

const HEAD: [&str; 7] = ["SESSION", "USER", "APP", "DEVICE", "ADDRESS", "OPENED", "SEEN"];

fn row(session: &SessionView) -> [String; 7] {
    [
        session.id.to_string(),
        session.user.to_string(),
        session.app.clone(),
        device(session),
        session.ip.clone().unwrap_or_else(|| "-".to_owned()),
        session.opened_at.to_string(),
        session.seen_at.to_string(),
    ]
}

/// What a device says of itself is anybody's text: it must not steer the terminal.
fn device(session: &SessionView) -> String {
    let name = session.device_name.as_ref().map(|name| format!(" ({})", name.escape_debug())).unwrap_or_default();
    format!("{}{name}", session.device_class)
}

fn show(out: &Out, session: &SessionView) -> anyhow::Result<()> {
    let ended = session.ended_at.zip(session.end_reason).map(|(at, reason)| format!("{at}, {reason}"));
    let facts = [
        ("session", session.id.to_string()),
        ("user", format!("{} (number {})", session.user, session.user_number)),
        ("app", session.app.clone()),
        ("device", device(session)),
        ("address", session.ip.clone().unwrap_or_else(|| "-".to_owned())),
        ("opened", session.opened_at.to_string()),
        ("seen", session.seen_at.to_string()),
        ("expires", session.expires_at.to_string()),
        ("ended", ended.unwrap_or_else(|| "-".to_owned())),
    ];
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
    Ok(out.line(&serde_json::to_value(session)?, &lines.join("\n"))?)
}
