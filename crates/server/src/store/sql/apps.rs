//! Apps that are registered by command.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::Timestamp;

use super::connection::Connection;
use super::statement::statements;
use super::value::values;
use super::{Database, events};
use crate::store::apps::gathered;
use crate::store::rows::{self, app_columns};
use crate::store::rules::{APPS_TOLD, CUT_REASON};
use crate::store::{
    AppAdded, AppChange, AppChanged, AppRow, Apps, AuditLine, ChangingApp, EventKind, LIVE_SECRETS, Result,
};

macro_rules! add {
    ($otherwise:literal) => {
        concat!(
            "INSERT INTO apps (id, kind, name, audience, scopes, platform, appid, open_account, app_secret, created_at,
            passwords, register) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            $otherwise
        )
    };
}

statements! {
    ALL on apps = both(concat!("SELECT ", app_columns!(), " FROM apps LEFT JOIN app_secrets ON app_secrets.app = apps.id
        WHERE apps.removed_at IS NULL"));
    ADD on apps = each(add!(" ON CONFLICT DO NOTHING"), add!(""));
    REMOVED on apps = both("SELECT removed_at FROM apps WHERE id = ?1");
    STANDS on apps = both("SELECT disabled_at FROM apps WHERE id = ?1 AND removed_at IS NULL FOR UPDATE");
    SWITCH on apps = both("UPDATE apps SET disabled_at = ?2 WHERE id = ?1");
    PASSWORDS on apps = both("UPDATE apps SET passwords = ?2, register = ?3 WHERE id = ?1");
    REMOVE on apps = both("UPDATE apps SET removed_at = ?2, name = NULL, scopes = '', platform = NULL, appid = NULL,
        open_account = NULL, app_secret = NULL WHERE id = ?1");
    SECRETS on app_secrets = both("SELECT count(*) FROM app_secrets WHERE app = ?1");
    ADD_SECRET on app_secrets = both("INSERT INTO app_secrets (digest, app, created_at) VALUES (?1, ?2, ?3)");
    DROP_SECRET on app_secrets = both("DELETE FROM app_secrets WHERE digest = ?1 AND app = ?2");
    DROP_SECRETS on app_secrets = both("DELETE FROM app_secrets WHERE app = ?1");
}

#[async_trait]
impl Apps for Database {
    async fn apps(&self) -> Result<Vec<AppRow>> {
        self.pool.rows(&ALL, &[], rows::app_and_secret).await.map(gathered)
    }

    async fn add_app(&self, row: AppRow, audit: AuditLine) -> Result<AppAdded> {
        self.transact(&(row, audit), |on, (row, audit)| add(on, row, audit).boxed()).await
    }

    async fn change_app(&self, changing: ChangingApp) -> Result<AppChanged> {
        self.transact(&changing, |on, changing| change(on, changing).boxed()).await
    }
}

async fn add(on: &mut Connection<'_>, row: &AppRow, audit: &AuditLine) -> Result<AppAdded> {
    let (platform, appid) = row.platform.as_ref().map(|(platform, appid)| (platform.as_str(), appid.as_str())).unzip();
    let AppRow { id, kind, name, audience, scopes, open_account, app_secret, created_at, .. } = row;
    let (app_secret, passwords, register) = (app_secret.as_deref(), i64::from(row.passwords), i64::from(row.register));
    let values = values![
        id,
        kind,
        name,
        audience,
        scopes,
        platform,
        appid,
        open_account,
        app_secret,
        *created_at,
        passwords,
        register
    ];
    if !ADD.add(on, values).await? {
        return Ok(match REMOVED.row(on, values![id], rows::time_or_null).await? {
            None => AppAdded::AppidTaken,
            Some(None) => AppAdded::IdTaken,
            Some(Some(_)) => AppAdded::IdUsedBefore,
        });
    }
    for secret in &row.secrets {
        ADD_SECRET.run(on, values![&secret.digest, id, secret.created_at]).await?;
    }
    tell_changed(on, *created_at).await?;
    events::write_audit(on, audit, *created_at).await?;
    Ok(AppAdded::Added)
}

async fn change(on: &mut Connection<'_>, changing: &ChangingApp) -> Result<AppChanged> {
    let ChangingApp { app, change, now, audit, .. } = changing;
    let Some(disabled) = STANDS.row(on, values![app], rows::time_or_null).await? else {
        return Ok(AppChanged::AppUnknown);
    };
    match change {
        AppChange::AddSecret(digest) => {
            if SECRETS.row(on, values![app], rows::value::<i64>).await? >= Some(LIVE_SECRETS) {
                return Ok(AppChanged::TooManySecrets);
            }
            ADD_SECRET.run(on, values![digest, app, *now]).await?;
        }
        AppChange::RevokeSecret(digest) => {
            if DROP_SECRET.run(on, values![digest, app]).await? == 0 {
                return Ok(AppChanged::SecretUnknown);
            }
        }
        AppChange::Passwords { passwords, register } => {
            PASSWORDS.run(on, values![app, i64::from(*passwords), i64::from(*register)]).await?;
        }
        AppChange::Disable | AppChange::Enable => {
            let disable = *change == AppChange::Disable;
            if disable == disabled.is_some() {
                return Ok(AppChanged::Unchanged);
            }
            SWITCH.run(on, values![app, disable.then_some(*now)]).await?;
        }
        AppChange::Remove => {
            DROP_SECRETS.run(on, values![app]).await?;
            REMOVE.run(on, values![app, *now]).await?;
        }
    }
    if change.cuts_tokens() {
        events::tell(on, &EventKind::AppNotBefore(app.clone()), CUT_REASON, changing.cut()).await?;
    }
    tell_changed(on, *now).await?;
    events::write_audit(on, audit, *now).await?;
    Ok(AppChanged::Changed)
}

async fn tell_changed(on: &mut Connection<'_>, now: Timestamp) -> Result<()> {
    events::tell(on, &EventKind::AppsChanged, "", (now, now.plus(APPS_TOLD))).await
}
