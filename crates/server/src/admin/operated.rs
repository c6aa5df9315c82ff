//! What is done to operators and to programs' tokens, by command and by admins alike.

use menjin_token::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::held::{TOKEN_PREFIX, digest, secret};
use super::welcome;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{
    Actor, AddingOperator, ChangingOperator, NewLink, OperatorChange, OperatorChanged, OperatorRole, OperatorRow,
    OperatorTokenAdded, OperatorTokenRow, StoreError,
};

/// Letters of a name.
const LONGEST_NAME: usize = 32;

/// Why something was not done to an operator or a token.
#[derive(Debug, thiserror::Error)]
pub enum OperatorNotDone {
    /// Nobody is called so.
    #[error("no operator is called {0}: `menjin admin list` shows all")]
    Unknown(String),
    /// No token is called so.
    #[error("no token is called {0}: `menjin admin token list` shows all")]
    TokenUnknown(String),
    /// Somebody is called so.
    #[error("{0} is an operator already: `menjin admin reset {0}` makes a new link")]
    Exists(String),
    /// A token is called so.
    #[error("{0} is a token already: choose another name, or revoke it (`menjin admin token revoke {0}`)")]
    TokenExists(String),
    /// The name can't be one.
    #[error(
        "{0:?} can't be a name: it begins with a small letter, and has small letters, digits and . _ - alone, 32 at most"
    )]
    OddName(String),
    /// Nobody would be left who may add operators.
    #[error("{0} is the last admin who can sign in: make somebody else an admin first, and let them open their link")]
    LastAdmin(String),
    /// Whoever makes a token was removed meanwhile, or may do less.
    #[error("whoever makes the token is gone, or may do less by now")]
    MakerGone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OperatorNotDone> for Problem {
    fn from(why: OperatorNotDone) -> Self {
        match why {
            OperatorNotDone::Unknown(_) | OperatorNotDone::TokenUnknown(_) => Self::OperatorUnknown,
            OperatorNotDone::Exists(_) | OperatorNotDone::TokenExists(_) => Self::OperatorExists,
            OperatorNotDone::OddName(_) => Self::field("name", Fault::NotAPlainName),
            OperatorNotDone::LastAdmin(_) => Self::LastAdmin,
            OperatorNotDone::MakerGone => Self::OperatorRequired,
            OperatorNotDone::Store(error) => error.into(),
        }
    }
}

type Result<T> = std::result::Result<T, OperatorNotDone>;

/// An operator as operators see them.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorView {
    /// What they are called.
    #[schema(example = "lin")]
    pub name: String,
    /// `viewer`, `support` or `admin`.
    #[schema(example = "support")]
    pub role: &'static str,
    /// When they were added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When they set password and second factor; null while a link waits for them.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub set_up_at: Option<Timestamp>,
    /// When they last signed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_in_at: Option<Timestamp>,
    /// Since when a scan with their own `WeChat` signs them in, too; null while none does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub linked_at: Option<Timestamp>,
}

/// A program's token as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorTokenView {
    /// What it is called.
    #[schema(example = "nightly-export")]
    pub name: String,
    /// `viewer`, `support` or `admin`.
    #[schema(example = "viewer")]
    pub role: &'static str,
    /// The operator who made it; null for a command.
    pub created_by: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// It is worth nothing from then on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// What ended with a change to an operator, or with a token.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EndedTokens {
    /// The tokens of programs that the operator or the token had made and that are refused from now on, by name.
    #[schema(example = json!(["nightly-export"]))]
    pub ended_tokens: Vec<String>,
}

/// A link for an operator, which works once.
#[derive(Serialize, ToSchema)]
pub struct OperatorLink {
    /// Whom it is for.
    #[schema(example = "lin")]
    pub name: String,
    /// To be opened in their browser. Told once.
    #[schema(example = "http://127.0.0.1:7610/admin/welcome?link=…")]
    pub link: String,
    /// It is worth nothing from then on.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A program's token, told once.
#[derive(Serialize, ToSchema)]
pub struct NewOperatorToken {
    /// What it is called.
    #[schema(example = "nightly-export")]
    pub name: String,
    /// For `Authorization: Bearer`.
    #[schema(example = "mjo_…")]
    pub token: String,
    /// It is worth nothing from then on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for OperatorLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorLink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewOperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewOperatorToken").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How an operator is added, with a link or without.
pub(super) fn adding(
    name: &str,
    role: OperatorRole,
    (link, now): (Option<NewLink>, Timestamp),
    by: &Actor,
) -> AddingOperator {
    AddingOperator { name: name.to_owned(), role, link, now, by: by.clone() }
}

impl Menjin {
    /// All operators, by name.
    pub async fn operators(&self) -> Result<Vec<OperatorView>> {
        let mut rows = self.store.operators().await?;
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(rows.into_iter().map(view).collect())
    }

    /// Adds an operator; the link with which they set themselves up.
    pub async fn create_operator(&self, by: &Actor, name: &str, role: OperatorRole) -> Result<OperatorLink> {
        check_name(name)?;
        let (link, waiting) = self.new_link(name);
        let adding = adding(name, role, (Some(waiting), self.clock.now()), by);
        if self.store.add_operator(adding).await? { Ok(link) } else { Err(OperatorNotDone::Exists(name.to_owned())) }
    }

    /// Forgets an operator's password, second factor and linked `WeChat`, and ends their sign-ins; the link with which they set new
    /// ones. Tokens of programs go on.
    pub async fn reset_operator(&self, by: &Actor, name: &str) -> Result<OperatorLink> {
        let (link, waiting) = self.new_link(name);
        self.change_operator(by, name, OperatorChange::Reset(waiting)).await?;
        Ok(link)
    }

    /// What an operator may do from now on, and the tokens that end, as they made them and may not do as much any more; none where it
    /// was so.
    pub async fn set_operator_role(&self, by: &Actor, name: &str, role: OperatorRole) -> Result<Option<EndedTokens>> {
        self.change_operator(by, name, OperatorChange::Role(role)).await
    }

    /// No scan signs an operator in any more, and their sign-ins end; false where none did.
    pub async fn unlink_operator(&self, by: &Actor, name: &str) -> Result<bool> {
        Ok(self.change_operator(by, name, OperatorChange::Unlink).await?.is_some())
    }

    /// Removes an operator, with their sign-ins and the tokens that they made.
    pub async fn remove_operator(&self, by: &Actor, name: &str) -> Result<EndedTokens> {
        let ended = self.change_operator(by, name, OperatorChange::Remove).await?;
        Ok(ended.unwrap_or(EndedTokens { ended_tokens: Vec::new() }))
    }

    /// All tokens of programs, by name.
    pub async fn operator_tokens(&self) -> Result<Vec<OperatorTokenView>> {
        let mut rows = self.store.operator_tokens().await?;
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(rows.into_iter().map(token_view).collect())
    }

    /// Makes a token for a program, for so long; without an end where nothing is said. One that a token makes ends with that one.
    pub async fn create_operator_token(
        &self,
        by: &Actor,
        name: &str,
        role: OperatorRole,
        life: Option<std::time::Duration>,
    ) -> Result<NewOperatorToken> {
        check_name(name)?;
        let now = self.clock.now();
        let token = format!("{TOKEN_PREFIX}{}", *secret(&*self.entropy));
        let until = life.map(|life| now.plus(life));
        let row = OperatorTokenRow { name: name.to_owned(), role, created_by: by.id.clone(), created_at: now, until };
        let name = name.to_owned();
        match self.store.add_operator_token(digest(&token), row, by.clone()).await? {
            OperatorTokenAdded::Added(expires_at) => Ok(NewOperatorToken { name, token, expires_at }),
            OperatorTokenAdded::Taken => Err(OperatorNotDone::TokenExists(name)),
            OperatorTokenAdded::MakerGone => Err(OperatorNotDone::MakerGone),
        }
    }

    /// A program's token is worth nothing any more, nor is what it made.
    pub async fn revoke_operator_token(&self, by: &Actor, name: &str) -> Result<EndedTokens> {
        let ended = self.store.remove_operator_token(name, by.clone(), self.clock.now()).await?;
        let ended = ended.map(|ended_tokens| EndedTokens { ended_tokens });
        ended.ok_or_else(|| OperatorNotDone::TokenUnknown(name.to_owned()))
    }

    /// None where it was so before.
    async fn change_operator(&self, by: &Actor, name: &str, change: OperatorChange) -> Result<Option<EndedTokens>> {
        let changing = ChangingOperator { name: name.to_owned(), change, now: self.clock.now(), by: by.clone() };
        match self.store.change_operator(changing).await? {
            OperatorChanged::Changed(ended_tokens) => Ok(Some(EndedTokens { ended_tokens })),
            OperatorChanged::Unchanged => Ok(None),
            OperatorChanged::Unknown => Err(OperatorNotDone::Unknown(name.to_owned())),
            OperatorChanged::LastAdmin => Err(OperatorNotDone::LastAdmin(name.to_owned())),
        }
    }

    fn new_link(&self, name: &str) -> (OperatorLink, NewLink) {
        let held = secret(&*self.entropy);
        let until = self.clock.now().plus(self.config.admin.link);
        let link = format!("{}{}?link={}", self.admin_url(), welcome::PATH, *held);
        (OperatorLink { name: name.to_owned(), link, expires_at: until }, NewLink { digest: digest(&held), until })
    }

    /// What operators' browsers call the operator's side.
    pub fn admin_url(&self) -> String {
        self.config.admin.url()
    }
}

fn view(row: OperatorRow) -> OperatorView {
    let OperatorRow { name, role, created_at, set_up_at, signed_in_at, linked_at } = row;
    OperatorView { name, role: role.as_str(), created_at, set_up_at, signed_in_at, linked_at }
}

fn token_view(row: OperatorTokenRow) -> OperatorTokenView {
    let OperatorTokenRow { name, role, created_by, created_at, until } = row;
    OperatorTokenView { name, role: role.as_str(), created_by, created_at, expires_at: until }
}

/// Names stand in the audit, in paths and in forms.
fn check_name(name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let is_name = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && name.bytes().all(is_plain);
    if is_name { Ok(()) } else { Err(OperatorNotDone::OddName(name.to_owned())) }
}
