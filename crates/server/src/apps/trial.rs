//! Whether a platform takes an app's credentials, asked without signing anybody in and without replacing anything.
//!
//! Does not: saying it to people (`menjin doctor`).

use menjin_platform::{Error, JsCode, Kind, Platform, RedirectCode};
use url::Url;

use super::registry::App;
use crate::config::PlatformName;

/// No platform has given this code to anybody.
const NOBODYS: &str = "menjindoctorasksifthesecretisright";

/// What came of it.
#[derive(Debug)]
pub enum Trial {
    /// The platform takes appid and secret.
    Taken,
    /// It does not.
    Refused(TrialRefused),
    /// It did not answer, or can't now.
    Unanswered(String),
}

/// Why a platform refuses an app, in both languages where that is known.
#[derive(Debug)]
pub struct TrialRefused {
    /// The platform's number.
    pub errcode: Option<i64>,
    /// The platform's text.
    pub errmsg: String,
    /// Why it comes: Chinese, English.
    pub cause: [&'static str; 2],
    /// What to do: Chinese, English.
    pub remedy: [&'static str; 2],
}

impl App {
    /// Asks the platform; `None` where nobody proves the app's people. `issuer` as people will know menjin, if that is set.
    pub(crate) async fn on_trial(&self, issuer: Option<&str>) -> Option<Trial> {
        let platform = self.platform()?;
        let asked = if self.platform_name() == PlatformName::Wechat.as_str() { platform.access_token() } else { None };
        let answer = match asked {
            // The stable token: asked for like this it stays as it is for everybody who has it.
            Some(tokens) => tokens.access_token(false).await.map(drop),
            None => by_code(platform, issuer.and_then(|issuer| self.callback_url(issuer).ok())).await,
        };
        Some(answer.map_or_else(|error| verdict(platform, &error), |()| Trial::Taken))
    }
}

/// With a code that can't be good: who has the right credentials is told so.
async fn by_code(platform: &dyn Platform, back: Option<Url>) -> Result<(), Error> {
    let answer = if let (Some(redirect), Some(back)) = (platform.redirect(), back) {
        let code = RedirectCode::parse(NOBODYS).map_err(|_| Error::Unsupported)?;
        redirect.redeem(&code, &back).await.map(drop)
    } else {
        let code = JsCode::parse(NOBODYS).map_err(|_| Error::Unsupported)?;
        platform.login(&code).await.map(drop)
    };
    match answer {
        Err(Error::BadCode { .. } | Error::CodeUsed { .. }) => Ok(()),
        other => other,
    }
}

fn verdict(platform: &dyn Platform, error: &Error) -> Trial {
    if !matches!(error.kind(), Kind::Misconfigured | Kind::TokenStale | Kind::BadInput) {
        return Trial::Unanswered(error.to_string());
    }
    let explained = platform.explain(error);
    Trial::Refused(TrialRefused {
        errcode: error.errcode(),
        errmsg: error.errmsg().unwrap_or_default().to_owned(),
        cause: explained.map_or([""; 2], |it| [it.cause_zh, it.cause_en]),
        remedy: explained.map_or([""; 2], |it| [it.remedy_zh, it.remedy_en]),
    })
}
