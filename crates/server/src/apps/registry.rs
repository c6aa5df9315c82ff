//! The apps of `menjin.toml`, each with the platform that proves its people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use menjin_platform::wechat::{WeChat, WeChatConfig};
use menjin_platform::{AppId, AppSecret, Error, Platform};
use menjin_token::{Algorithm, Timestamp};
use subtle::ConstantTimeEq as _;

use super::shape::Shape;
use crate::config::{self, AppKind, Config, Need, PlatformName, Profile};
use crate::entropy::sha256;

/// A quota that is used up for hours is told to the operator this often, however many people meet it.
const BETWEEN_COMPLAINTS: Duration = Duration::from_mins(1);

/// A registered app.
pub(crate) struct App {
    /// Short id of our own; `client_id` on OAuth's wire.
    pub(crate) id: String,
    /// What it is.
    pub(crate) kind: AppKind,
    /// The back end that its tokens are for.
    pub(crate) audience: String,
    /// The platform's appid; empty without a platform.
    pub(crate) appid: String,
    /// The open-platform account.
    pub(crate) open_account: Option<String>,
    /// Whether nickname and avatar are kept.
    pub(crate) profile: Profile,
    /// What it wants of a person.
    pub(crate) need: Vec<Need>,
    /// Idle life of a session.
    pub(crate) refresh_idle: Duration,
    /// Whole life of a session.
    pub(crate) refresh_absolute: Duration,
    /// Sessions without a device id.
    pub(crate) sessions_without_device: u32,
    /// Sessions in all.
    pub(crate) sessions: u32,
    /// Algorithm of its audience's tokens.
    pub(crate) alg: Algorithm,
    /// What its audience's tokens hold beyond the usual.
    pub(crate) shape: Shape,
    /// What it may ask as a back end.
    pub(crate) scopes: Vec<String>,
    /// SHA-256 of its client secret: compared in the same time, however long a guess is.
    secret: Option<[u8; 32]>,
    platform: Option<(PlatformName, Arc<dyn Platform>)>,
    complained_of_quota: Mutex<Option<Timestamp>>,
    complained_of_forcing: Mutex<Option<Timestamp>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl App {
    /// What proves its people; `None` where nobody signs in with a code.
    pub(crate) fn platform(&self) -> Option<&dyn Platform> {
        self.platform.as_ref().map(|(_, platform)| &**platform)
    }

    /// The platform as stored and logged.
    pub(crate) fn platform_name(&self) -> &'static str {
        self.platform.as_ref().map_or("", |(name, _)| name.as_str())
    }

    /// Tells the operator that a quota of the app is used up, if that is what `error` says and a repeat won't soon mend it.
    pub(crate) fn complain_of_quota(&self, error: &Error, now: Timestamp) {
        let Error::Quota { errcode, .. } = error else { return };
        if error.code_unspent() {
            return;
        }
        let mut last = self.complained_of_quota.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| now.since(at) < BETWEEN_COMPLAINTS) {
            return;
        }
        *last = Some(now);
        let remedy = menjin_platform::wechat::explain(*errcode).map(|it| it.remedy_en);
        tracing::error!(app.id = self.id, errcode, remedy, "the app's quota at the platform is used up");
    }

    /// Tells the operator that the platform's token was to be forced more often than may be.
    pub(crate) fn complain_of_forcing(&self, now: Timestamp) {
        let mut last = self.complained_of_forcing.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| now.since(at) < BETWEEN_COMPLAINTS) {
            return;
        }
        *last = Some(now);
        tracing::error!(
            app.id = self.id,
            "the platform's token is called invalid again and again: find out who else replaces it, or reports it without need"
        );
    }

    /// Whether this is its client secret.
    pub(super) fn has_secret(&self, secret: &str) -> bool {
        let presented = sha256(secret.as_bytes());
        self.secret.is_some_and(|digest| digest.ct_eq(&presented).into())
    }

    fn new(app: &config::App, config: &Config) -> anyhow::Result<Self> {
        let platform = match app.platform {
            None => None,
            Some(PlatformName::Wechat) => {
                let wechat = WeChat::new(WeChatConfig {
                    appid: AppId::parse(app.appid.clone().unwrap_or_default())?,
                    secret: AppSecret::new(app.secret.expose().unwrap_or_default()),
                    base_url: app.base_url.as_ref().unwrap_or(&config.wechat.base_url).clone(),
                    deadline: config.wechat.deadline,
                })?;
                Some((PlatformName::Wechat, Arc::new(wechat) as Arc<dyn Platform>))
            }
        };
        let audience = app.audience.clone().unwrap_or_else(|| app.id.clone());
        Ok(Self {
            id: app.id.clone(),
            kind: app.kind,
            alg: config.audience.get(&audience).and_then(|it| it.alg).unwrap_or(config.tokens.alg),
            shape: config.audience.get(&audience).map(Shape::new).unwrap_or_default(),
            audience,
            appid: app.appid.clone().unwrap_or_default(),
            open_account: app.open_account.clone(),
            profile: app.profile,
            need: app.need.clone(),
            refresh_idle: app.refresh_idle.unwrap_or(config.lifetimes.refresh_idle),
            refresh_absolute: app.refresh_absolute.unwrap_or(config.lifetimes.refresh_absolute),
            sessions_without_device: app.sessions_without_device,
            sessions: app.sessions,
            scopes: app.scopes.clone(),
            secret: app
                .client_secret
                .expose()
                .filter(|secret| !secret.is_empty())
                .map(|secret| sha256(secret.as_bytes())),
            platform,
            complained_of_quota: Mutex::default(),
            complained_of_forcing: Mutex::default(),
        })
    }
}

/// All apps by id.
#[derive(Debug)]
pub(crate) struct Registry(HashMap<String, Arc<App>>);

impl Registry {
    /// The apps of the configuration.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let apps = config.app.iter().map(|app| {
            let made = App::new(app, config).with_context(|| format!("app.{}", app.id))?;
            Ok((app.id.clone(), Arc::new(made)))
        });
        Ok(Self(apps.collect::<anyhow::Result<_>>()?))
    }

    /// The app with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<App>> {
        self.0.get(id).cloned()
    }
}
