//! What operators do about people, by command, over HTTP and in the console: found by any name, listed, shown, disabled, enabled.
//!
//! Does not: ending single sessions (`session`), what a role of operators may do (`admin`).

use menjin_token::{Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::password::Name;
use super::phone;
use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{Account, Actor, Ban, IdentityName, ListedUser, UserRow};

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
    /// What they sign in by with a password.
    Username(String),
    /// What a platform calls them.
    Openid {
        /// The platform; any that an app here has, when not given.
        platform: Option<String>,
        /// The platform's name for the app; any that an app here has, when not given.
        appid: Option<String>,
        /// The platform's name for the person.
        openid: String,
    },
}

/// A user as operators see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// The public name.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: UserId,
    /// The number beside it.
    #[schema(example = 1024)]
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they sign in by with a password.
    pub username: Option<String>,
    /// What they call themselves; anybody's text.
    pub nickname: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// Their number, with the middle hidden.
    #[schema(example = "138****8000")]
    pub phone_masked: Option<String>,
    /// When they first signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// From when on they are erased, as they want to leave.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deletes_at: Option<Timestamp>,
    /// When they were erased: nothing is left but id and number.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
    /// Other ids of theirs, by merges.
    #[schema(value_type = Vec<String>)]
    pub aliases: Vec<UserId>,
    /// How they sign in; what the platform calls them is not shown.
    pub identities: Vec<IdentityView>,
    /// How many sessions live.
    pub sessions: usize,
}

/// An identity as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountIdentity)]
pub struct IdentityView {
    /// The platform.
    #[schema(example = "wechat")]
    pub platform: String,
    /// The platform's name for the app.
    #[schema(example = "wx0123456789abcdef")]
    pub appid: String,
}

/// A user as a list has them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct ListedUserView {
    /// The public name.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: UserId,
    /// The number beside it.
    #[schema(example = 1024)]
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves; anybody's text.
    pub nickname: Option<String>,
    /// Their number, with the middle hidden.
    #[schema(example = "138****8000")]
    pub phone_masked: Option<String>,
    /// When they first signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// From when on they are erased, as they want to leave.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deletes_at: Option<Timestamp>,
    /// When they were erased: lists leave them out, and who asks for them by id or number finds them.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
}

impl ListedUserView {
    fn of(user: UserRow, external_id: Option<String>) -> Self {
        Self {
            id: user.id,
            number: user.number,
            external_id,
            nickname: user.nickname,
            phone_masked: user.phone_masked,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            deletes_at: user.deletes_at,
            erased_at: user.erased_at,
        }
    }
}

impl Menjin {
    /// Who is called so.
    pub async fn user_named(&self, name: &UserName) -> Result<UserId, NotDone> {
        let called = || match name {
            UserName::Id(id) => format!("the id {id}"),
            UserName::Number(number) => format!("the number {number}"),
            UserName::ExternalId(text) => format!("the external id {text:?}"),
            UserName::Phone(_) => "this phone number".to_owned(),
            UserName::Username(text) => format!("the username {text:?}"),
            UserName::Openid { .. } => "this openid in an app of menjin's".to_owned(),
        };
        Ok(self.found(name).await?.ok_or_else(|| NotDone::UserUnknown(called()))?.id)
    }

    /// Who is called so: one person, or nobody.
    pub async fn users_named(&self, name: &UserName) -> Result<Vec<ListedUserView>, NotDone> {
        let Some(user) = self.found(name).await? else { return Ok(Vec::new()) };
        let account = self.store.account(user.id).await?;
        Ok(account.map(|account| ListedUserView::of(account.user, account.external_id)).into_iter().collect())
    }

    /// People with a number below this one, the newest first.
    pub async fn users_below(&self, number: i64, limit: u32) -> Result<Vec<ListedUserView>, NotDone> {
        let rows = self.store.users_below(number, limit).await?;
        Ok(rows.into_iter().map(|ListedUser { user, external_id }| ListedUserView::of(user, external_id)).collect())
    }

    async fn found(&self, name: &UserName) -> Result<Option<UserRow>, NotDone> {
        let store = &self.store;
        Ok(match name {
            UserName::Id(id) => store.user(*id).await?,
            UserName::Number(number) => store.user_by_number(*number).await?,
            UserName::ExternalId(text) => store.user_by_external_id(text).await?,
            UserName::Phone(text) => store.user_by_phone(phone::lookup(self, text).ok_or(NotDone::PhoneOdd)?).await?,
            UserName::Username(text) => {
                store.password_by_name(&Name::lookup(text)).await?.map(|password| password.user)
            }
            UserName::Openid { platform, appid, openid } => {
                self.by_openid(platform.as_deref(), appid.as_deref(), openid).await?
            }
        })
    }

    /// Looks in each app of a platform here; openids of one app say nothing in another.
    async fn by_openid(
        &self,
        platform: Option<&str>,
        appid: Option<&str>,
        openid: &str,
    ) -> Result<Option<UserRow>, NotDone> {
        for (own_platform, own_appid) in self.apps.on_platforms() {
            let is_meant = platform.is_none_or(|it| it == own_platform) && appid.is_none_or(|it| it == own_appid);
            if !is_meant {
                continue;
            }
            let name = IdentityName { platform: own_platform, appid: own_appid, openid: openid.to_owned() };
            if let Some(user) = self.store.user_by_identity(&name).await? {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// A user.
    pub async fn account(&self, user: UserId) -> Result<AccountView, NotDone> {
        let unknown = || NotDone::UserUnknown(format!("the id {user}"));
        let Account { user, external_id, aliases, identities } = self.store.account(user).await?.ok_or_else(unknown)?;
        let sessions = self.store.sessions_of(user.id, self.clock.now()).await?.len();
        let username = self.store.password_of(user.id).await?.map(|password| password.username);
        Ok(AccountView {
            id: user.id,
            number: user.number,
            external_id,
            username,
            nickname: user.nickname,
            avatar_url: user.avatar_url,
            phone_masked: user.phone_masked,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            deletes_at: user.deletes_at,
            erased_at: user.erased_at,
            aliases,
            identities: identities.into_iter().map(|(platform, appid)| IdentityView { platform, appid }).collect(),
            sessions,
        })
    }

    /// Bans: nobody signs in as them, and all their sessions are over on every node; how many there were.
    pub async fn disable_user(&self, by: &Actor, user: UserId) -> Result<usize, NotDone> {
        let banned = self.store.disable_user(self.ban(by, user)).await?;
        self.fast.wake.tell_now().await;
        Ok(banned.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?.sessions.len())
    }

    /// Lets them sign in again; false when they could.
    pub async fn enable_user(&self, by: &Actor, user: UserId) -> Result<bool, NotDone> {
        let before = self.store.enable_user(self.ban(by, user)).await?;
        self.fast.wake.tell_now().await;
        Ok(before.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?.is_some())
    }

    fn ban(&self, by: &Actor, user: UserId) -> Ban {
        let now = self.clock.now();
        Ban { user, now, tokens_until: self.tokens_until(now), by: by.clone() }
    }
}
