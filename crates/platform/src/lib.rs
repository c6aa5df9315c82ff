//! What a mini-program platform says on the wire: turns a `wx.login` code into an identity, fetches phone numbers and
//! access tokens, opens encrypted data. A platform must only be able to `login`; all else is a small optional trait.
//!
//! Not here: rows, tokens of ours, retries, and the clock (`now` is an argument).

mod error;
pub mod http;
mod identity;
mod open_data;
mod phone_number;
mod secrets;
pub mod wechat;

use async_trait::async_trait;

pub use error::{Error, Kind};
pub use identity::{AppId, BadValue, Identity, OpenId, UnionId};
pub use open_data::{NotOpened, OpenedData, Payload, Profile, Watermark, looks_unescaped};
pub use phone_number::{E164, PhoneNumber};
pub use secrets::{AccessToken, AppSecret, BadCode, JsCode, PhoneCode, SessionKey};

/// One app on one platform: what its users' codes are exchanged with.
///
/// What a platform can't do answers `None`; callers turn that into [`Error::Unsupported`].
#[async_trait]
pub trait Platform: Send + Sync {
    /// The platform's name in rows, logs and configuration, such as `wechat`. Never changed once shipped.
    fn name(&self) -> &'static str;

    /// Exchanges a login code, exactly once: nothing here ever repeats the request.
    ///
    /// When it fails, [`Error::code_unspent`] tells whether the same code may be sent again.
    async fn login(&self, code: &JsCode) -> Result<Identity, Error>;

    /// Phone numbers by code.
    fn phone(&self) -> Option<&dyn Phone> {
        None
    }

    /// Checking and resetting of session keys.
    fn session_key(&self) -> Option<&dyn SessionKeys> {
        None
    }

    /// The app's own access tokens.
    fn access_token(&self) -> Option<&dyn AccessTokens> {
        None
    }

    /// Encrypted and signed data from the client.
    fn open_data(&self) -> Option<&dyn OpenData> {
        None
    }
}

/// Exchanges a phone code for the number behind it.
#[async_trait]
pub trait Phone: Send + Sync {
    /// Asks for the number, naming the user so that the platform refuses somebody else's code.
    async fn phone(&self, token: &AccessToken, code: &PhoneCode, openid: &OpenId) -> Result<PhoneNumber, Error>;
}

/// Fetches the app's access token. Who keeps it, and when it is renewed, is the caller's matter.
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// Asks for the token; `force` kills the current one at once and is rationed by the platform.
    async fn access_token(&self, force: bool) -> Result<AccessToken, Error>;
}

/// Asks the platform about a session key, and replaces it.
#[async_trait]
pub trait SessionKeys: Send + Sync {
    /// Whether the key is still this user's current one.
    async fn check(&self, token: &AccessToken, openid: &OpenId, key: &SessionKey) -> Result<bool, Error>;

    /// Kills the key and returns its successor, which lives no longer than the old one would have.
    async fn reset(&self, token: &AccessToken, openid: &OpenId, key: &SessionKey) -> Result<SessionKey, Error>;
}

/// Opens what the client passes on from the platform.
pub trait OpenData: Send + Sync {
    /// Decrypts and checks that the data was made for this app. The age is the caller's to check, with
    /// [`Watermark::check`], and so is [`Profile::open_id`] against the signed-in identity.
    fn decrypt(&self, key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenedData, NotOpened>;

    /// Whether `signature` is the platform's over exactly this `raw_data`; compared in constant time.
    fn verify_signature(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool;
}
