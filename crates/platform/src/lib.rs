//! What a mini-program platform says on the wire: turns a login code into an identity, fetches phone numbers and
//! access tokens, opens encrypted data. A platform must only be able to `login`; all else is a small optional trait.
//!
//! Not here: rows, tokens of ours, retries, and the clock (`now` is an argument).

pub mod alipay;
mod answer;
pub mod douyin;
mod error;
mod exchanged;
mod explained;
pub mod http;
mod identity;
mod open_data;
mod phone_number;
mod push;
pub mod qq;
pub mod qq_connect;
mod rsa;
mod secrets;
mod watermarked;
pub mod wechat;

use async_trait::async_trait;

pub use error::{Error, Kind};
pub use explained::{Explained, Table, tables};
pub use http::carry_trace;
pub use identity::{AppId, BadValue, Identity, OpenId, Redirected, UnionId};
pub use open_data::{NotOpened, OpenedData, Payload, Profile, Watermark, looks_unescaped};
pub use phone_number::{E164, PhoneNumber};
pub use push::{Forgotten, NotTaken, Pushed, Told};
pub use rsa::{RsaPrivateKey, RsaPublicKey};
pub use secrets::{AccessToken, AppSecret, BadCode, EncryptKey, JsCode, PhoneCode, RedirectCode, SessionKey};
use url::Url;

/// One app on one platform: what its users' codes are exchanged with.
///
/// What a platform can't do answers `None`; callers turn that into [`Error::Unsupported`].
#[async_trait]
pub trait Platform: Send + Sync {
    /// The platform's name in rows, logs and configuration, such as `wechat`. Never changed once shipped.
    fn name(&self) -> &'static str;

    /// What is known about an error of this platform.
    fn explain(&self, error: &Error) -> Option<&'static Explained>;

    /// Exchanges a login code, exactly once: nothing here ever repeats the request.
    ///
    /// When it fails, [`Error::code_unspent`] tells whether the same code may be sent again.
    async fn login(&self, code: &JsCode) -> Result<Identity, Error>;

    /// The same, with what the person looks like where the code opens that too.
    async fn meet(&self, code: &JsCode) -> Result<Redirected, Error> {
        Ok(Redirected { identity: self.login(code).await?, profile: None })
    }

    /// Sign-in by a browser that goes to the platform and comes back.
    fn redirect(&self) -> Option<&dyn Redirect> {
        None
    }

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

    /// Judging what people write.
    fn moderation(&self) -> Option<&dyn Moderation> {
        None
    }

    /// Keys that the platform keeps for one person between their client and us.
    fn encrypt_keys(&self) -> Option<&dyn EncryptKeys> {
        None
    }

    /// Encrypted and signed data from the client.
    fn open_data(&self) -> Option<&dyn OpenData> {
        None
    }

    /// Phone numbers that the client brings, under a key of the app's and not the person's.
    fn signed_phone(&self) -> Option<&dyn SignedPhone> {
        None
    }

    /// What the platform tells the app's server by itself.
    fn push(&self) -> Option<&dyn Push> {
        None
    }
}

/// Sends a browser to the platform, and reads what it comes back with.
#[async_trait]
pub trait Redirect: Send + Sync {
    /// Where the browser goes. The platform sends it back to `to`, with this `state`, which is letters and digits.
    /// `silent` asks for nothing but who it is, where the platform can tell that without asking the person.
    fn authorize_url(&self, to: &Url, state: &str, silent: bool) -> Url;

    /// The parameter in which the code comes back.
    fn code_parameter(&self) -> &'static str {
        "code"
    }

    /// Exchanges the code that came back, exactly once; `to` is what [`Redirect::authorize_url`] was given.
    ///
    /// When it fails, [`Error::code_unspent`] tells whether the same code may be sent again. A profile that can't be had
    /// fails nothing. Virtual users are [`Error::Snapshot`].
    async fn redeem(&self, code: &RedirectCode, to: &Url) -> Result<Redirected, Error>;
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

/// What a platform thinks of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Show it.
    Pass,
    /// Somebody should look at it.
    Review,
    /// Don't show it.
    Risky,
    /// No verdict: the platform judges only people who were in the app lately.
    Unseen,
}

/// Asks the platform whether a text may be shown.
#[async_trait]
pub trait Moderation: Send + Sync {
    /// Judges a nickname that this person typed.
    async fn check_nickname(&self, token: &AccessToken, openid: &OpenId, text: &str) -> Result<Verdict, Error>;
}

/// Asks for the keys that a person's client encrypts with.
#[async_trait]
pub trait EncryptKeys: Send + Sync {
    /// The last few keys, the newest first; `key` proves that we may ask.
    async fn encrypt_keys(
        &self,
        token: &AccessToken,
        openid: &OpenId,
        key: &SessionKey,
    ) -> Result<Vec<EncryptKey>, Error>;
}

/// Opens what the client passes on from the platform.
pub trait OpenData: Send + Sync {
    /// Decrypts and checks that the data was made for this app. The age is the caller's to check, with
    /// [`Watermark::check`], and so is [`Profile::open_id`] against the signed-in identity.
    fn decrypt(&self, key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenedData, NotOpened>;

    /// Whether `signature` is the platform's over exactly this `raw_data`; compared in constant time.
    fn verify_signature(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool;
}

/// Opens a phone number that the platform encrypted and signed for the app as a whole.
pub trait SignedPhone: Send + Sync {
    /// Verifies and decrypts what the client was given, as it was given. It proves a number, not whose it is.
    fn open(&self, brought: &str) -> Result<PhoneNumber, NotOpened>;
}

/// Hears what the platform tells by itself: a request to the app's server, which anybody could send.
pub trait Push: Send + Sync {
    /// The answer to the question by which the platform makes sure that an address is the app's.
    fn prove(&self, query: &str, now: i64) -> Result<String, NotTaken>;

    /// Checks who sent it, when and for which app, and opens it. Whether [`Pushed::nonce`] was seen before, and whether the
    /// same push has come before, is the caller's to know. `now` is in seconds since 1970.
    fn take(&self, query: &str, body: &[u8], now: i64) -> Result<Pushed, NotTaken>;
}
