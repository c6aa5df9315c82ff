//! What operators do about people by command: found by any name, shown, disabled, enabled.
//!
//! Does not: ending single sessions (`session`).

use anyhow::Context as _;
use menjin_token::{Timestamp, UserId};
use serde::Serialize;

use super::phone;
use crate::state::Menjin;
use crate::store::{Account, Ban, UserRow};

/// What an operator calls somebody.
#[derive(Debug, Clone)]
pub enum UserName {
    /// `usr_…`.
    Id(UserId),
    /// The number beside it.
    Number(i64),
    /// What another system calls them.
    ExternalId(String),
    /// Their phone number.
    Phone(String),
}

/// A user as operators see them.
#[derive(Debug, Serialize)]
pub struct AccountView {
    /// The public name.
    pub id: UserId,
    /// The number beside it.
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// Their number, with the middle hidden.
    pub phone_masked: Option<String>,
    /// When they first signed in.
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// How they sign in; what the platform calls them is not shown.
    pub identities: Vec<IdentityView>,
    /// How many sessions live.
    pub sessions: usize,
}

/// An identity as operators see it.
#[derive(Debug, Serialize)]
pub struct IdentityView {
    /// The platform.
    pub platform: String,
    /// The platform's name for the app.
    pub appid: String,
}

impl Menjin {
    /// Who is called so.
    pub async fn user_named(&self, name: &UserName) -> anyhow::Result<UserId> {
        let (found, called): (Option<UserRow>, String) = match name {
            UserName::Id(id) => (self.store.user(*id).await?, format!("the id {id}")),
            UserName::Number(number) => (self.store.user_by_number(*number).await?, format!("the number {number}")),
            UserName::ExternalId(text) => {
                (self.store.user_by_external_id(text).await?, format!("the external id {text:?}"))
            }
            UserName::Phone(text) => {
                let odd = "a phone number begins with + and its country code, e.g. +8613800000000";
                let lookup = phone::lookup(self, text).context(odd)?;
                (self.store.user_by_phone(lookup).await?, "this phone number".to_owned())
            }
        };
        Ok(found.with_context(|| format!("no user has {called}"))?.id)
    }

    /// A user.
    pub async fn account(&self, user: UserId) -> anyhow::Result<AccountView> {
        let Account { user, external_id, identities } =
            self.store.account(user).await?.with_context(|| format!("no user has the id {user}"))?;
        let sessions = self.store.sessions_of(user.id, self.clock.now()).await?.len();
        Ok(AccountView {
            id: user.id,
            number: user.number,
            external_id,
            nickname: user.nickname,
            phone_masked: user.phone_masked,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            identities: identities.into_iter().map(|(platform, appid)| IdentityView { platform, appid }).collect(),
            sessions,
        })
    }

    /// Bans: nobody signs in as them, and all their sessions are over on every node; how many there were.
    pub async fn disable_user(&self, user: UserId) -> anyhow::Result<usize> {
        let banned = self.store.disable_user(self.ban(user)).await?;
        self.fast.wake.tell_now().await;
        Ok(banned.with_context(|| format!("no user has the id {user}"))?.sessions.len())
    }

    /// Lets them sign in again; false when they could.
    pub async fn enable_user(&self, user: UserId) -> anyhow::Result<bool> {
        let before = self.store.enable_user(self.ban(user)).await?;
        self.fast.wake.tell_now().await;
        Ok(before.with_context(|| format!("no user has the id {user}"))?.is_some())
    }

    fn ban(&self, user: UserId) -> Ban {
        let now = self.clock.now();
        Ban { user, now, tokens_until: self.tokens_until(now) }
    }
}
