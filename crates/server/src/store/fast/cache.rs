//! A platform's access token beside the store, as sealed as there, for a few seconds.

use menjin_token::Timestamp;

use super::Line;
use crate::store::PlatformTokenRow;

/// However stale it is, it is so for no longer.
const SECONDS: u64 = 5;
const HEAD: usize = 16;

impl Line {
    /// The token of an app, as it was a few seconds ago at the longest.
    pub(crate) async fn cached_token(&self, app: &str) -> Option<PlatformTokenRow> {
        let bytes = self.ask::<Option<Vec<u8>>>(redis::cmd("GET").arg(self.token(app))).await??;
        let (head, sealed) = bytes.split_at_checked(HEAD)?;
        let (version, expires_at) = head.split_at(HEAD / 2);
        let number = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes);
        let (version, expires_at) = (number(version)?, Timestamp::from_millis(number(expires_at)?));
        Some(PlatformTokenRow { version, sealed: sealed.to_vec(), expires_at })
    }

    /// After it was put in the store (`new`), or read there: then one that is cached already may be newer, and stays.
    pub(crate) async fn cache_token(&self, app: &str, row: &PlatformTokenRow, new: bool) {
        let head = [row.version.to_be_bytes(), row.expires_at.millis().to_be_bytes()].concat();
        let mut command = redis::cmd("SET");
        command.arg(self.token(app)).arg([head, row.sealed.clone()].concat()).arg("EX").arg(SECONDS);
        if !new {
            command.arg("NX");
        }
        self.ask::<Option<String>>(&command).await;
    }

    fn token(&self, app: &str) -> String {
        self.key(&format!("token:{app}"))
    }
}
