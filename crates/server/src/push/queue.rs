//! A push as it waits: what it says, sealed, and by what it is known again.

use menjin_platform::{Pushed, Told};
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};

use crate::apps::App;
use crate::config::PlatformName;
use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{ClaimedPush, IdentityName, NewPush, PushAsks, Queued};

/// What is sealed. A newer node may have written it: members that are unknown are passed over.
#[derive(Serialize, Deserialize)]
pub(super) struct Waiting {
    platform: PlatformName,
    appid: String,
    openid: String,
    event: String,
    detail: String,
    asks: Asks,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asks {
    Forget { nickname: bool, avatar: bool, phone: bool },
    Close,
}

impl Waiting {
    fn of(app: &App, pushed: &Pushed) -> Option<Self> {
        let (openid, asks) = match &pushed.told {
            Told::Nothing => return None,
            Told::Closed(openid) => (openid, Asks::Close),
            Told::Forget(openid, what) => {
                (openid, Asks::Forget { nickname: what.nickname, avatar: what.avatar, phone: what.phone })
            }
        };
        Some(Self {
            platform: PlatformName::named(app.platform_name())?,
            appid: app.appid.clone(),
            openid: openid.as_str().to_owned(),
            event: pushed.event.clone(),
            detail: pushed.detail.clone(),
            asks,
        })
    }

    /// What a claimed push says.
    pub(super) fn open(menjin: &Menjin, claimed: &ClaimedPush) -> anyhow::Result<Self> {
        let text = menjin.sealer.open(Sealed::Push, &claimed.claim.digest, &claimed.sealed)?;
        // The parser's words might quote it.
        serde_json::from_slice(&text)
            .map_err(|_| anyhow::anyhow!("what is sealed here is no push that this version knows"))
    }

    pub(super) fn identity(&self) -> IdentityName {
        let (appid, openid) = (self.appid.clone(), self.openid.clone());
        IdentityName { platform: self.platform.as_str(), appid, openid }
    }

    pub(super) fn asks(&self) -> PushAsks {
        match self.asks {
            Asks::Forget { nickname, avatar, phone } => PushAsks::Forget { nickname, avatar, phone },
            Asks::Close => PushAsks::Close,
        }
    }

    /// For the audit and the log.
    pub(super) fn why(&self) -> String {
        format!("{} {}", self.event, self.detail).trim_end().to_owned()
    }

    /// The same push has the same when the platform repeats it: whom it is about, when it happened and what it says.
    fn digest(&self, menjin: &Menjin, created: i64) -> [u8; 32] {
        let created = created.to_string();
        let parts = [self.platform.as_str(), &self.appid, &self.openid, &created, &self.event, &self.detail];
        menjin.digester.digest("push", parts.join("\n").as_bytes())
    }
}

/// Queues what concerns somebody's data; `None` for all else.
pub(super) async fn queue(
    menjin: &Menjin,
    app: &App,
    pushed: &Pushed,
    now: Timestamp,
) -> Result<Option<Queued>, Problem> {
    let Some(waiting) = Waiting::of(app, pushed) else { return Ok(None) };
    let digest = waiting.digest(menjin, pushed.created);
    let nonce = menjin.digester.digest("push nonce", format!("{}\n{}", waiting.appid, pushed.nonce).as_bytes());
    let text = serde_json::to_vec(&waiting).map_err(|error| Problem::Internal(error.into()))?;
    let sealed = menjin.sealer.seal(Sealed::Push, &digest, &text, &*menjin.entropy);
    let queued = menjin.store.queue_push(NewPush { digest, nonce, app: app.id.clone(), sealed, now }).await?;
    Ok(Some(queued))
}
