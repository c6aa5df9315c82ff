//! Apps that operators register, by command, over HTTP and in the console: added, given secrets, switched off and on, removed. Running nodes hear of it.
//!
//! Does not: reading arguments (`cli`), changing an app of `menjin.toml`, which is read-only here (design §4.14).

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::registry::as_configured;
use crate::config::{self, AppKind, ConfigError, PlatformName, Secret};
use crate::entropy::sha256;
use crate::problem::NotDone;
use crate::seal::{Sealed, hex};
use crate::state::Menjin;
use crate::store::{
    Actor, AppAdded, AppChange, AppChanged, AppRow, AuditLine, ChangingApp, ClientSecretRow, StoreError,
};

/// Client secrets begin with it, so that a scanner knows one that leaked.
const PREFIX: &str = "mjs_";
/// Other nodes read the feed once an interval, and are done within a second more: what they issue until then is cut, too.
const HEARD: Duration = Duration::from_secs(1);

/// `iat` is in whole seconds: what is issued in the second of a cut counts as before it.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// An app to register.
#[derive(Debug)]
pub struct NewApp {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: AppKind,
    /// What people read.
    pub name: Option<String>,
    /// Whom its tokens are for; the id when not given.
    pub audience: Option<String>,
    /// What it may ask.
    pub scopes: Vec<String>,
    /// The platform of a mini program, and its `AppID` and `AppSecret` there.
    pub platform: Option<(PlatformName, String, Secret)>,
    /// The open-platform account.
    pub open_account: Option<String>,
    /// What people do there by name and password.
    pub by_password: ByPassword,
}

/// What people do in an app by name and password. Nothing, unless it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ByPassword {
    /// Whether they sign in.
    pub passwords: bool,
    /// Whether anybody may make an account; only where people sign in so.
    #[serde(default)]
    pub register: bool,
}

/// An app that was registered.
#[derive(Serialize, ToSchema)]
pub struct RegisteredApp {
    /// The app.
    pub app: AppView,
    /// Its client secret, which nobody can read again; `None` for programs in people's hands, which keep none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl fmt::Debug for RegisteredApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredApp").field("app", &self.app).finish_non_exhaustive()
    }
}

/// An app as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub struct AppView {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What people read.
    pub name: Option<String>,
    /// Whom its tokens are for.
    pub audience: String,
    /// What it may ask.
    pub scopes: Vec<String>,
    /// Its platform.
    pub platform: Option<String>,
    /// How the platform names it.
    pub appid: Option<String>,
    /// The open-platform account.
    pub open_account: Option<String>,
    /// Whether people sign in by name and password.
    pub passwords: bool,
    /// Whether anybody may make an account with a name and a password.
    pub register: bool,
    /// `menjin.toml` or `store`.
    pub source: &'static str,
    /// When it was registered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// Since when it is disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Its client secrets.
    pub secrets: Vec<ClientSecretView>,
}

/// A client secret that was made.
#[derive(Serialize, ToSchema)]
pub struct NewClientSecret {
    /// Names it.
    pub id: String,
    /// The secret, which nobody can read again.
    pub client_secret: String,
}

impl fmt::Debug for NewClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewClientSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A client secret as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub struct ClientSecretView {
    /// Names it: the beginning of its SHA-256.
    pub id: String,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

impl Menjin {
    /// All apps by id, those of the file and those of the store.
    pub async fn app_views(&self) -> Result<Vec<AppView>, NotDone> {
        let of_file = self.config.app.iter().map(AppView::of_file);
        let mut views: Vec<_> = of_file.chain(self.store.apps().await?.into_iter().map(AppView::of_store)).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(views)
    }

    /// An app, the file's or the store's.
    pub async fn app_view(&self, id: &str) -> Result<AppView, NotDone> {
        let found = self.app_views().await?.into_iter().find(|view| view.id == id);
        found.ok_or_else(|| NotDone::AppUnknown(id.to_owned()))
    }

    /// Registers an app in the store.
    pub async fn add_app(&self, by: &Actor, new: NewApp) -> Result<RegisteredApp, NotDone> {
        self.must_not_stand_in_file(&new.id)?;
        let (row, client_secret) = self.row_of(new)?;
        self.check(&row, &self.store.apps().await?)?;
        let (id, kind) = (row.id.clone(), row.kind.clone());
        match self.store.add_app(row.clone(), line(by, "app.added", &id, kind)).await? {
            AppAdded::Added => {}
            AppAdded::IdTaken => return Err(NotDone::AppExists(id)),
            AppAdded::IdUsedBefore => return Err(NotDone::AppIdUsedBefore(id)),
            AppAdded::AppidTaken => return Err(NotDone::AppidTaken),
        }
        self.told().await?;
        Ok(RegisteredApp { app: AppView::of_store(row), client_secret })
    }

    /// Gives an app another client secret, beside the one that it has.
    pub async fn add_app_secret(&self, by: &Actor, id: &str) -> Result<NewClientSecret, NotDone> {
        let client_secret = self.random_secret();
        let digest = sha256(client_secret.as_bytes());
        let audit = line(by, "app.secret_added", id, name(&digest));
        self.change_app(id, AppChange::AddSecret(digest), audit).await?;
        Ok(NewClientSecret { id: name(&digest), client_secret })
    }

    /// Revokes the client secret with this name; tokens that the app got for it are refused at once.
    pub async fn revoke_app_secret(&self, by: &Actor, id: &str, secret: &str) -> Result<(), NotDone> {
        self.must_not_stand_in_file(id)?;
        let rows = self.store.apps().await?;
        let found = rows.iter().find(|row| row.id == id).ok_or_else(|| NotDone::AppUnknown(id.to_owned()))?;
        let found: Vec<_> = found.secrets.iter().filter(|row| name(&row.digest) == secret).collect();
        let [one] = found[..] else {
            return Err(NotDone::ClientSecretUnknown { app: id.to_owned(), secret: secret.to_owned() });
        };
        let audit = line(by, "app.secret_revoked", id, name(&one.digest));
        self.change_app(id, AppChange::RevokeSecret(one.digest), audit).await
    }

    /// From now on people do this in the app by name and password; sessions that were opened so go on.
    pub async fn change_app_passwords(&self, by: &Actor, id: &str, to: ByPassword) -> Result<(), NotDone> {
        self.must_not_stand_in_file(id)?;
        let rows = self.store.apps().await?;
        let found = rows.iter().find(|row| row.id == id).ok_or_else(|| NotDone::AppUnknown(id.to_owned()))?;
        let ByPassword { passwords, register } = to;
        self.check(&AppRow { passwords, register, ..found.clone() }, &rows)?;
        let does = [("sign-in", passwords), ("registration", register)];
        let detail = does.map(|(what, is_on)| format!("{what} {}", if is_on { "on" } else { "off" })).join(", ");
        let audit = line(by, "app.passwords_changed", id, detail);
        self.change_app(id, AppChange::Passwords { passwords, register }, audit).await
    }

    /// Nobody signs in from the app any more, it opens nothing, and its tokens are refused at once.
    pub async fn disable_app(&self, by: &Actor, id: &str) -> Result<(), NotDone> {
        self.change_app(id, AppChange::Disable, line(by, "app.disabled", id, String::new())).await
    }

    /// The app works again; sessions that were not refreshed meanwhile live on.
    pub async fn enable_app(&self, by: &Actor, id: &str) -> Result<(), NotDone> {
        // Until the cut has passed, it would refuse the tokens of those who sign in now, too.
        let rows = self.store.apps().await?;
        let disabled_at = rows.iter().find(|row| row.id == id).and_then(|row| row.disabled_at);
        if let Some(at) = disabled_at {
            let passed = at.plus(HEARD + self.config.lifetimes.feed_read + WHOLE_SECOND);
            tokio::time::sleep(passed.since(self.clock.now()).min(passed.since(at))).await;
        }
        self.change_app(id, AppChange::Enable, line(by, "app.enabled", id, String::new())).await
    }

    /// Removes an app; its id is never used again.
    pub async fn remove_app(&self, by: &Actor, id: &str) -> Result<(), NotDone> {
        self.change_app(id, AppChange::Remove, line(by, "app.removed", id, String::new())).await
    }

    async fn change_app(&self, id: &str, change: AppChange, audit: AuditLine) -> Result<(), NotDone> {
        // What stands both here and there is to be removed from one of the two.
        if change != AppChange::Remove {
            self.must_not_stand_in_file(id)?;
        }
        let now = self.clock.now();
        let cut_at = now.plus(HEARD + self.config.lifetimes.feed_read);
        let changing = ChangingApp {
            app: id.to_owned(),
            change,
            now,
            began: Instant::now(),
            cut_at,
            tokens_until: self.tokens_until(cut_at),
            audit,
        };
        match self.store.change_app(changing).await? {
            AppChanged::Changed | AppChanged::Unchanged => self.told().await,
            AppChanged::AppUnknown => {
                self.must_not_stand_in_file(id)?;
                Err(NotDone::AppUnknown(id.to_owned()))
            }
            AppChanged::SecretUnknown => {
                Err(NotDone::ClientSecretUnknown { app: id.to_owned(), secret: "of this name".to_owned() })
            }
            AppChanged::TooManySecrets => Err(NotDone::ClientSecretsFull(id.to_owned())),
        }
    }

    async fn told(&self) -> Result<(), NotDone> {
        self.fast.wake.tell_now().await;
        // It fails by the store alone.
        self.reload_apps().await.map_err(|problem| StoreError::Unavailable(problem.into()).into())
    }

    fn must_not_stand_in_file(&self, id: &str) -> Result<(), NotDone> {
        let stands_in_file = self.config.app.iter().any(|app| app.id == id);
        if stands_in_file { Err(NotDone::AppOfFile(id.to_owned())) } else { Ok(()) }
    }

    fn row_of(&self, new: NewApp) -> Result<(AppRow, Option<String>), NotDone> {
        let NewApp { id, kind, name, audience, scopes, platform, open_account, by_password } = new;
        let now = self.clock.now();
        let keeps_secrets = matches!(kind, AppKind::Backend | AppKind::Web);
        let client_secret = keeps_secrets.then(|| self.random_secret());
        let digest = client_secret.as_ref().map(|secret| sha256(secret.as_bytes()));
        let keyed = platform.as_ref().is_some_and(|(name, ..)| *name == PlatformName::Alipay);
        if keyed {
            return Err(NotDone::AppOfKeys);
        }
        let (platform, secret) =
            platform.map(|(name, appid, secret)| ((name.as_str().to_owned(), appid), secret)).unzip();
        let secret = secret.and_then(|secret: Secret| secret.expose().map(|secret| secret.trim().to_owned()));
        let seal =
            |secret: String| self.sealer.seal(Sealed::AppSecret, id.as_bytes(), secret.as_bytes(), &*self.entropy);
        let row = AppRow {
            kind: json!(kind).as_str().context("a kind is a word")?.to_owned(),
            name,
            audience: audience.unwrap_or_else(|| id.clone()),
            scopes: scopes.join(" "),
            platform,
            open_account,
            app_secret: secret.map(seal),
            passwords: by_password.passwords,
            register: by_password.register,
            created_at: now,
            disabled_at: None,
            secrets: digest.into_iter().map(|digest| ClientSecretRow { digest, created_at: now }).collect(),
            id,
        };
        Ok((row, client_secret))
    }

    /// What holds for an `[[app]]` of the file holds here.
    fn check(&self, row: &AppRow, stored: &[AppRow]) -> Result<(), NotDone> {
        let with_secret = |row: &AppRow| -> anyhow::Result<config::App> {
            let mut app = as_configured(row, &self.sealer)?;
            app.client_secret = row.secrets.first().map(|_| Secret::new(self.random_secret())).unwrap_or_default();
            Ok(app)
        };
        let mut others = self.config.app.clone();
        for other in stored.iter().filter(|other| other.id != row.id) {
            others.push(with_secret(other).with_context(|| other.id.clone())?);
        }
        let own = with_secret(row).map_err(refused)?;
        let is_taken =
            |other: &config::App| own.appid.is_some() && (other.platform, &other.appid) == (own.platform, &own.appid);
        if others.iter().any(is_taken) {
            return Err(NotDone::AppidTaken);
        }
        own.check_beside(&others)?;
        if row.audience == self.issuer {
            return Err(config::own_audience(&row.id).into());
        }
        Ok(())
    }

    fn random_secret(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.entropy.bytes::<32>()))
    }
}

impl AppView {
    fn of_file(app: &config::App) -> Self {
        let secret = app.client_secret.expose().filter(|secret| !secret.is_empty());
        let secret = secret.map(|secret| ClientSecretView { id: name(&sha256(secret.as_bytes())), created_at: None });
        Self {
            id: app.id.clone(),
            kind: json!(app.kind).as_str().unwrap_or_default().to_owned(),
            name: app.name.clone(),
            audience: app.audience.clone().unwrap_or_else(|| app.id.clone()),
            scopes: app.scopes.clone(),
            platform: app.platform.map(|platform| platform.as_str().to_owned()),
            appid: app.appid.clone(),
            open_account: app.open_account.clone(),
            passwords: app.passwords,
            register: app.register,
            source: "menjin.toml",
            created_at: None,
            disabled_at: None,
            secrets: secret.into_iter().collect(),
        }
    }

    fn of_store(row: AppRow) -> Self {
        let view = |row: ClientSecretRow| ClientSecretView { id: name(&row.digest), created_at: Some(row.created_at) };
        let (platform, appid) = row.platform.unzip();
        Self {
            id: row.id,
            kind: row.kind,
            name: row.name,
            audience: row.audience,
            scopes: row.scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            platform,
            appid,
            open_account: row.open_account,
            passwords: row.passwords,
            register: row.register,
            source: "store",
            created_at: Some(row.created_at),
            disabled_at: row.disabled_at,
            secrets: row.secrets.into_iter().map(view).collect(),
        }
    }
}

/// What operators call a client secret.
fn name(digest: &[u8; 32]) -> String {
    hex([digest[0], digest[1], digest[2], digest[3]])
}

/// What the file's reader says of a key is about what was asked for.
fn refused(error: anyhow::Error) -> NotDone {
    match error.downcast::<ConfigError>() {
        Ok(why) => why.into(),
        Err(error) => error.into(),
    }
}

fn line(by: &Actor, action: &'static str, app: &str, detail: String) -> AuditLine {
    let detail = Some(detail).filter(|detail| !detail.is_empty());
    AuditLine { app: Some(app.to_owned()), detail, ..by.line(action) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::start::Around;

    /// Time is tokio's: a wait is over at once, and counted.
    #[tokio::test]
    async fn an_app_is_enabled_once_its_cut_would_refuse_nobody_new() {
        let folder = tempfile::tempdir().unwrap();
        let toml =
            format!("secret_key = \"{}\"\n[server]\npublic_url = \"http://127.0.0.1\"\n", "0123456789abcdef".repeat(4));
        let config = Config::parse(&toml, Path::new(folder.path())).unwrap();
        let menjin = Menjin::new(config, Around::default()).await.unwrap();
        let (name, audience, platform, open_account) = (None, None, None, None);
        let (id, kind, scopes) = ("reports".to_owned(), AppKind::Backend, Vec::new());
        let by_password = ByPassword::default();
        let new = NewApp { id, kind, name, audience, scopes, platform, open_account, by_password };
        menjin.add_app(&Actor::command(), new).await.unwrap();
        tokio::time::pause();
        let waited = async || {
            let began = Instant::now();
            menjin.enable_app(&Actor::command(), "reports").await.unwrap();
            began.elapsed()
        };
        menjin.disable_app(&Actor::command(), "reports").await.unwrap();
        let cut = HEARD + menjin.config.lifetimes.feed_read;
        assert!(waited().await > cut, "whoever signs in now is past it");
        assert!(waited().await < HEARD, "it was enabled already");
    }
}
