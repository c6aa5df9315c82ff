//! The mini programs that the simulator knows, and what makes one: appid, AppSecret, open-platform account.
//!
//! Not here: menjin's own apps; this crate knows nothing of menjin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::SessionKeyPolicy;

/// What an appid stands for. More kinds come with the platforms' other sign-ins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// 小程序.
    #[default]
    MiniProgram,
}

/// An app as the platform's console has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct App {
    /// `wx` and 16 lower-case hex digits, by custom; the simulator takes any text.
    pub appid: String,
    /// The AppSecret: 32 lower-case hex digits, by custom. Made up; a real one has no business here.
    pub secret: String,
    /// What the appid stands for.
    pub kind: AppKind,
    /// What people would read in WeChat.
    pub name: String,
    /// The open-platform account that the app is bound to; apps that share one share unionids, an app without one gets none.
    /// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/union-id.html>
    pub open_account: Option<String>,
    /// Overrides the simulator's policy for this app.
    pub session_key: Option<SessionKeyPolicy>,
}

impl App {
    /// A mini program that is bound to no open-platform account.
    pub fn mini_program(appid: impl Into<String>, secret: impl Into<String>) -> Self {
        let appid = appid.into();
        Self {
            name: appid.clone(),
            appid,
            secret: secret.into(),
            kind: AppKind::MiniProgram,
            open_account: None,
            session_key: None,
        }
    }

    /// The same app, bound to an open-platform account.
    #[must_use]
    pub fn bound_to(mut self, open_account: impl Into<String>) -> Self {
        self.open_account = Some(open_account.into());
        self
    }
}

#[derive(Debug, Default)]
pub(crate) struct Apps(BTreeMap<String, App>);

impl Apps {
    /// Adds the app, or replaces the one with its appid.
    pub(crate) fn put(&mut self, app: App) {
        self.0.insert(app.appid.clone(), app);
    }

    pub(crate) fn find(&self, appid: &str) -> Option<&App> {
        self.0.get(appid)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &App> {
        self.0.values()
    }

    /// The only mini program, when there is exactly one.
    pub(crate) fn only_mini_program(&self) -> Option<&App> {
        let mut candidates = self.all().filter(|app| app.kind == AppKind::MiniProgram);
        candidates.next().filter(|_| candidates.next().is_none())
    }
}
