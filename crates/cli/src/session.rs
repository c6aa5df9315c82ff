//! `menjin session …`: sign-ins listed, shown, ended.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about sessions (the server's `session`).

use std::io::{self, Write as _};

use anyhow::Context as _;
use menjin_server::store::Actor;
use menjin_server::{Menjin, SessionView, SessionsAsked};
use menjin_token::SessionId;
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;
use crate::terminal::Language;
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

/// So many sessions are listed where nothing is said.
const MOST: u32 = 50;

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
    /// So many at most [default: 50; all live ones of a user who is named] · 条数（默认 50；指定用户时列出其全部在线会话）
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: Option<u32>,
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
        Command::List(listing) => {
            let (sessions, has_more) = listed(&menjin, listing).await?;
            out.table(&sessions, HEAD, row)?;
            if has_more {
                tell_of_more(&sessions)?;
            }
        }
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

/// As many as were asked for, and whether there are more.
async fn listed(menjin: &Menjin, listing: Listing) -> anyhow::Result<(Vec<SessionView>, bool)> {
    let Listing { whom, app, ended, limit, before } = listing;
    let behind = before.as_deref().map(id).transpose()?;
    let user = match whom {
        Some(whom) => Some(whom.find(menjin).await?),
        None => None,
    };
    if let (Some(user), false, None) = (user, ended, limit) {
        let mut sessions = menjin.sessions_of(user).await?;
        sessions.retain(|session| app.as_ref().is_none_or(|app| *app == session.app));
        sessions.retain(|session| behind.is_none_or(|behind| session.id < behind));
        return Ok((sessions, false));
    }
    let (live, most) = ((!ended).then_some(true), limit.unwrap_or(MOST));
    // One more than is shown tells whether there are more; what is looked at in one go may be of other apps, or over.
    let mut asked = SessionsAsked { user, app, live, behind, limit: most + 1 };
    let mut sessions = Vec::new();
    loop {
        let (found, next) = menjin.sessions(&asked).await?;
        sessions.extend(found);
        asked.limit = (most + 1).saturating_sub(u32::try_from(sessions.len())?);
        asked.behind = next;
        if asked.limit == 0 || asked.behind.is_none() {
            let has_more = sessions.len() > most as usize;
            sessions.truncate(most as usize);
            return Ok((sessions, has_more));
        }
    }
}

/// Says that these are not all, beside the list: a script reads that as before.
fn tell_of_more(sessions: &[SessionView]) -> io::Result<()> {
    let Some(last) = sessions.last() else { return Ok(()) };
    let words = Language::of_this_machine();
    let more = words.pick("还有更早的会话，继续列出请加", "there are older ones, too; go on with");
    let or = words.pick("，或用 --limit 指定更多条数", ", or ask for more with --limit");
    writeln!(io::stderr(), "{more} --before {}{or}", last.id)
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
