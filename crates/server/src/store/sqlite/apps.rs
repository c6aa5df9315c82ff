//! Apps that are registered by command, in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, params};

use super::sql::statements;
use super::{Sqlite, events};
use crate::store::apps::gathered;
use crate::store::rows::{self, app_columns};
use crate::store::rules::{APPS_TOLD, CUT_REASON};
use crate::store::{
    AppAdded, AppChange, AppChanged, AppRow, Apps, AuditLine, ChangingApp, EventKind, LIVE_SECRETS, Result,
};

statements! {
    ALL on apps = "SELECT ", app_columns!(), " FROM apps LEFT JOIN app_secrets ON app_secrets.app = apps.id
        WHERE apps.removed_at IS NULL";
    ADD on apps = "INSERT INTO apps (id, kind, name, audience, scopes, platform, appid, open_account, app_secret, created_at,
        passwords, register) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING";
    REMOVED on apps = "SELECT removed_at FROM apps WHERE id = ?1";
    STANDS on apps = "SELECT disabled_at FROM apps WHERE id = ?1 AND removed_at IS NULL";
    SWITCH on apps = "UPDATE apps SET disabled_at = ?2 WHERE id = ?1";
    PASSWORDS on apps = "UPDATE apps SET passwords = ?2, register = ?3 WHERE id = ?1";
    REMOVE on apps = "UPDATE apps SET removed_at = ?2, name = NULL, scopes = '', platform = NULL, appid = NULL,
        open_account = NULL, app_secret = NULL WHERE id = ?1";
    SECRETS on app_secrets = "SELECT count(*) FROM app_secrets WHERE app = ?1";
    ADD_SECRET on app_secrets = "INSERT INTO app_secrets (digest, app, created_at) VALUES (?1, ?2, ?3)";
    DROP_SECRET on app_secrets = "DELETE FROM app_secrets WHERE digest = ?1 AND app = ?2";
    DROP_SECRETS on app_secrets = "DELETE FROM app_secrets WHERE app = ?1";
}

#[async_trait]
impl Apps for Sqlite {
    async fn apps(&self) -> Result<Vec<AppRow>> {
        self.read(|connection| ALL.rows(connection, [], rows::app_and_secret)).map(gathered)
    }

    async fn add_app(&self, row: AppRow, audit: AuditLine) -> Result<AppAdded> {
        self.write(move |connection| add(connection, &row, &audit)).await
    }

    async fn change_app(&self, changing: ChangingApp) -> Result<AppChanged> {
        self.write(move |connection| change(connection, &changing)).await
    }
}

fn add(connection: &Connection, row: &AppRow, audit: &AuditLine) -> Result<AppAdded> {
    let (platform, appid) = row.platform.as_ref().map(|(platform, appid)| (platform, appid)).unzip();
    let AppRow { id, kind, name, audience, scopes, open_account, app_secret, created_at, .. } = row;
    let values = params![
        id,
        kind,
        name,
        audience,
        scopes,
        platform,
        appid,
        open_account,
        app_secret,
        created_at.millis(),
        row.passwords,
        row.register
    ];
    if ADD.run(connection, values)? == 0 {
        return Ok(match REMOVED.row(connection, [id], rows::time_or_null)? {
            None => AppAdded::AppidTaken,
            Some(None) => AppAdded::IdTaken,
            Some(Some(_)) => AppAdded::IdUsedBefore,
        });
    }
    for secret in &row.secrets {
        ADD_SECRET.run(connection, params![secret.digest, id, secret.created_at.millis()])?;
    }
    tell_changed(connection, *created_at)?;
    events::write_audit(connection, audit, *created_at)?;
    Ok(AppAdded::Added)
}

fn change(connection: &Connection, changing: &ChangingApp) -> Result<AppChanged> {
    let ChangingApp { app, change, now, audit, .. } = changing;
    let Some(disabled) = STANDS.row(connection, [app], rows::time_or_null)? else { return Ok(AppChanged::AppUnknown) };
    match change {
        AppChange::AddSecret(digest) => {
            if SECRETS.value::<i64>(connection, [app])? >= Some(LIVE_SECRETS) {
                return Ok(AppChanged::TooManySecrets);
            }
            ADD_SECRET.run(connection, params![digest, app, now.millis()])?;
        }
        AppChange::RevokeSecret(digest) => {
            if DROP_SECRET.run(connection, params![digest, app])? == 0 {
                return Ok(AppChanged::SecretUnknown);
            }
        }
        AppChange::Passwords { passwords, register } => {
            PASSWORDS.run(connection, params![app, passwords, register])?;
        }
        AppChange::Disable | AppChange::Enable => {
            let disable = *change == AppChange::Disable;
            if disable == disabled.is_some() {
                return Ok(AppChanged::Unchanged);
            }
            SWITCH.run(connection, params![app, disable.then_some(now.millis())])?;
        }
        AppChange::Remove => {
            DROP_SECRETS.run(connection, [app])?;
            REMOVE.run(connection, params![app, now.millis()])?;
        }
    }
    if change.cuts_tokens() {
        let (at, until) = changing.cut();
        events::tell(connection, &EventKind::AppNotBefore(app.clone()), CUT_REASON, at, until)?;
    }
    tell_changed(connection, *now)?;
    events::write_audit(connection, audit, *now)?;
    Ok(AppChanged::Changed)
}

fn tell_changed(connection: &Connection, now: Timestamp) -> Result<()> {
    events::tell(connection, &EventKind::AppsChanged, "", now, now.plus(APPS_TOLD))
}
