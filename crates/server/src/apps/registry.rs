//! The apps: those of `menjin.toml` and those that the store holds, each with the platform that proves its people.
//!
//! Does not: registering one (`registered`), reading the store's (`Inner::reload_apps`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use menjin_guard::Clock;
use menjin_platform::{Error, Platform};
use menjin_token::{Algorithm, Timestamp};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::platforms;
use super::registered::ByPassword;
use super::shape::Shape;
use crate::config::{self, AppKind, ClientKeys, Config, Need, NicknameCheck, PlatformName, Profile, Secret, WhenFull};
use crate::entropy::sha256;
use crate::seal::{Sealed, Sealer};
use crate::store::AppRow;

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
    /// The pages that its people come back to from the platform.
    pub(crate) redirect_uris: Vec<String>,
    /// Whether nickname and avatar are kept.
    pub(crate) profile: Profile,
    checks_nicknames: bool,
    /// What it wants of a person.
    pub(crate) need: Vec<Need>,
    /// What people do there by name and password.
    by_password: ByPassword,
    /// Idle life of a session.
    pub(crate) refresh_idle: Duration,
    /// Whole life of a session.
    pub(crate) refresh_absolute: Duration,
    /// Sessions without a device id.
    pub(crate) sessions_without_device: u32,
    /// Sessions in all.
    pub(crate) sessions: u32,
    /// Sessions in this app on one class of device that one person may have; 0: no limit.
    pub(crate) sessions_per_device_class: u32,
    /// What gives way when one of the last two is reached.
    pub(crate) when_full: WhenFull,
    /// Algorithm of its audience's tokens.
    pub(crate) alg: Algorithm,
    /// What its audience's tokens hold beyond the usual.
    pub(crate) shape: Shape,
    /// What it may ask as a back end.
    pub(crate) scopes: Vec<String>,
    /// Whether its answers come in an envelope.
    pub(crate) envelope: bool,
    /// The keys of session data that its people reach by their own tokens.
    pub(crate) client_keys: ClientKeys,
    /// SHA-256 of each of its client secrets: compared in the same time, however long a guess is.
    secrets: Vec<[u8; 32]>,
    platform: Option<(PlatformName, Arc<dyn Platform>)>,
    complained_of_quota: Mutex<Option<Timestamp>>,
    complained_of_forcing: Mutex<Option<Timestamp>>,
    complained_of_push: Mutex<Option<Timestamp>>,
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

    /// Whether people sign in by name and password.
    pub(crate) fn takes_passwords(&self) -> bool {
        self.by_password.passwords
    }

    /// Whether anybody may make an account with a name and a password.
    pub(crate) fn registers(&self) -> bool {
        self.by_password.passwords && self.by_password.register
    }

    /// What judges the nicknames that its people type; `None` where nobody does.
    pub(crate) fn moderation(&self) -> Option<&dyn menjin_platform::Moderation> {
        self.platform().filter(|_| self.checks_nicknames)?.moderation()
    }

    /// How people in a browser sign in; `None` where they do not.
    pub(crate) fn redirect(&self) -> Option<&dyn menjin_platform::Redirect> {
        self.platform()?.redirect()
    }

    /// Where its platform sends people back to, as the platform's console knows it.
    pub(crate) fn callback_url(&self, issuer: &str) -> anyhow::Result<Url> {
        Ok(Url::parse(&format!("{issuer}/v1/login/{}/callback", self.id))?)
    }

    /// How it hears of its platform; `None` where it does not.
    pub(crate) fn push(&self) -> Option<&dyn menjin_platform::Push> {
        self.platform()?.push()
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
        let remedy = self.platform().and_then(|platform| platform.explain(error)).map(|it| it.remedy_en);
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

    /// Tells the operator why a push was not taken: anybody may send some, so once in a while.
    pub(crate) fn complain_of_push(&self, why: &dyn std::fmt::Display, now: Timestamp) {
        let mut last = self.complained_of_push.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| now.since(at) < BETWEEN_COMPLAINTS) {
            return;
        }
        *last = Some(now);
        tracing::warn!(app.id = self.id, %why, "a push was refused");
    }

    /// SHA-256 of this text, if it is a client secret of the app.
    pub(super) fn digest_of_own(&self, secret: &str) -> Option<[u8; 32]> {
        let presented = sha256(secret.as_bytes());
        let is_own = self.secrets.iter().fold(false, |found, own| found | bool::from(own.ct_eq(&presented)));
        is_own.then_some(presented)
    }

    /// SHA-256 of each of its client secrets.
    pub(super) fn secrets(&self) -> &[[u8; 32]] {
        &self.secrets
    }

    fn new(app: &config::App, config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let platform = platforms::of(app, config, clock)?;
        let audience = app.audience.clone().unwrap_or_else(|| app.id.clone());
        Ok(Self {
            id: app.id.clone(),
            kind: app.kind,
            alg: config.audience.get(&audience).and_then(|it| it.alg).unwrap_or(config.tokens.alg),
            shape: config.audience.get(&audience).map(Shape::new).unwrap_or_default(),
            audience,
            appid: app.appid.clone().unwrap_or_default(),
            open_account: app.open_account.clone(),
            redirect_uris: app.redirect_uris.clone(),
            profile: app.profile,
            checks_nicknames: app.nickname_check != Some(NicknameCheck::None),
            need: app.need.clone(),
            by_password: ByPassword { passwords: app.passwords, register: app.register },
            refresh_idle: app.refresh_idle.unwrap_or(config.lifetimes.refresh_idle),
            refresh_absolute: app.refresh_absolute.unwrap_or(config.lifetimes.refresh_absolute),
            sessions_without_device: app.sessions_without_device,
            sessions: app.sessions,
            sessions_per_device_class: app.sessions_per_device_class,
            when_full: app.when_full,
            scopes: app.scopes.clone(),
            envelope: app.envelope,
            client_keys: app.client_keys.clone(),
            secrets: secret_of(app).into_iter().collect(),
            platform,
            complained_of_quota: Mutex::default(),
            complained_of_forcing: Mutex::default(),
            complained_of_push: Mutex::default(),
        })
    }
}

/// SHA-256 of the client secret that stands in the configuration.
fn secret_of(app: &config::App) -> Option<[u8; 32]> {
    app.client_secret.expose().filter(|secret| !secret.is_empty()).map(|secret| sha256(secret.as_bytes()))
}

/// A row in the form of the configuration: what only a file can say has its default there.
pub(crate) fn as_configured(row: &AppRow, sealer: &Sealer) -> anyhow::Result<config::App> {
    let mut members = json!({"id": row.id, "kind": row.kind, "audience": row.audience,
        "passwords": row.passwords, "register": row.register});
    members["scopes"] = row.scopes.split_ascii_whitespace().collect();
    let optional = [
        ("name", row.name.as_ref()),
        ("platform", row.platform.as_ref().map(|(platform, _)| platform)),
        ("appid", row.platform.as_ref().map(|(_, appid)| appid)),
        ("open_account", row.open_account.as_ref()),
    ];
    for (member, text) in optional {
        if let Some(text) = text {
            members[member] = text.as_str().into();
        }
    }
    let mut app = config::App::registered(members)?;
    if let Some(sealed) = &row.app_secret {
        let secret = sealer.open(Sealed::AppSecret, row.id.as_bytes(), sealed).context("opening its AppSecret")?;
        app.secret = Secret::new(std::str::from_utf8(&secret).context("an AppSecret that is not text")?);
    }
    Ok(app)
}

/// All apps by id, replaced whole when the store's change.
pub(crate) struct Registry {
    of_file: HashMap<String, Arc<App>>,
    has_envelopes: bool,
    clock: Arc<dyn Clock>,
    /// Held from reading the store's to taking them: an older reading must not come after a newer one.
    pub(super) taking: tokio::sync::Mutex<()>,
    all: ArcSwap<All>,
}

#[derive(Debug, Default)]
struct All {
    /// Those that work.
    apps: HashMap<String, Arc<App>>,
    /// Of those, the store's, as each was made from its row.
    made: HashMap<String, (AppRow, Arc<App>)>,
    /// What stands both in the file and in the store.
    clashes: Vec<String>,
}

impl Registry {
    /// The apps of the configuration.
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let apps = config.app.iter().map(|app| {
            let made = App::new(app, config, &clock).with_context(|| format!("app.{}", app.id))?;
            Ok((app.id.clone(), Arc::new(made)))
        });
        let of_file: HashMap<_, _> = apps.collect::<anyhow::Result<_>>()?;
        let all = All { apps: of_file.clone(), ..All::default() };
        let has_envelopes = of_file.values().any(|app| app.envelope);
        let (taking, all) = (tokio::sync::Mutex::default(), ArcSwap::from_pointee(all));
        Ok(Self { of_file, has_envelopes, clock, taking, all })
    }

    /// The app with this id, unless it is disabled.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<App>> {
        self.all.load().apps.get(id).cloned()
    }

    /// All that are not disabled, by id.
    pub(crate) fn all(&self) -> Vec<Arc<App>> {
        let mut all: Vec<_> = self.all.load().apps.values().cloned().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// Whether some app wants its answers in an envelope: only the file can say so.
    pub(crate) fn has_envelopes(&self) -> bool {
        self.has_envelopes
    }

    /// The platforms and appids of all that are not disabled.
    pub(crate) fn on_platforms(&self) -> Vec<(&'static str, String)> {
        let all = self.all();
        let named = all.iter().filter(|app| app.platform.is_some());
        named.map(|app| (app.platform_name(), app.appid.clone())).collect()
    }

    /// Whether some app has this name on the platform.
    pub(crate) fn has_appid(&self, platform: &str, appid: &str) -> bool {
        self.all.load().apps.values().any(|app| app.platform_name() == platform && app.appid == appid)
    }

    /// Whether people sign in to some app by name and password.
    pub(crate) fn has_passwords(&self) -> bool {
        self.all.load().apps.values().any(|app| app.takes_passwords())
    }

    /// Whether tokens of some app are for this back end.
    pub(crate) fn has_audience(&self, audience: &str) -> bool {
        self.of_audience(audience) > 0
    }

    /// How many apps' tokens are for this back end.
    pub(crate) fn of_audience(&self, audience: &str) -> usize {
        self.all.load().apps.values().filter(|app| app.audience == audience).count()
    }

    /// From now on these are the store's. One that can't be made leaves the others alone.
    pub(crate) fn take(&self, rows: Vec<AppRow>, config: &Config, sealer: &Sealer) {
        let before = self.all.load();
        let mut all = All { apps: self.of_file.clone(), ..All::default() };
        for row in rows {
            if let Some(clash) = self.clash(&row) {
                tracing::error!(app.id = row.id, "{clash}");
                all.clashes.push(clash);
                continue;
            }
            if row.disabled_at.is_some() {
                continue;
            }
            let kept = before.made.get(&row.id).filter(|(former, _)| *former == row).map(|(_, app)| Arc::clone(app));
            match kept.map_or_else(|| made(&row, (config, &self.clock), sealer).map(Arc::new), Ok) {
                Ok(app) => {
                    all.apps.insert(row.id.clone(), Arc::clone(&app));
                    all.made.insert(row.id.clone(), (row, app));
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(app.id = row.id, error, "an app that is registered in the store can't be used");
                }
            }
        }
        self.all.store(Arc::new(all));
    }

    /// Refuses what stands both in the file and in the store: which of the two should hold?
    pub(crate) fn refuse_clashes(&self) -> anyhow::Result<()> {
        match self.all.load().clashes.first() {
            Some(clash) => anyhow::bail!("{clash}"),
            None => Ok(()),
        }
    }

    fn clash(&self, row: &AppRow) -> Option<String> {
        let id = &row.id;
        if self.of_file.contains_key(id) {
            return Some(format!(
                "`app.{id}`: this id stands in menjin.toml and is registered in the store (`store.url`): take its [[app]] out of menjin.toml, or run `menjin app remove {id}`"
            ));
        }
        let (platform, appid) = row.platform.as_ref()?;
        let same = |app: &&Arc<App>| app.platform_name() == platform && app.appid == *appid;
        let other = self.of_file.values().find(same)?;
        Some(format!(
            "`app.{}.appid`: {id}, which is registered in the store (`store.url`), has the same AppID: keep one of the two, or run `menjin app remove {id}`",
            other.id
        ))
    }
}

fn made(row: &AppRow, (config, clock): (&Config, &Arc<dyn Clock>), sealer: &Sealer) -> anyhow::Result<App> {
    let mut app = App::new(&as_configured(row, sealer)?, config, clock)?;
    app.secrets = row.secrets.iter().map(|secret| secret.digest).collect();
    Ok(app)
}
