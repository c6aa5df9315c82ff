//! What a request to sign in brings, each part parsed and bounded before anything is spent on it.

use menjin_platform::{JsCode, PhoneCode, looks_unescaped};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use crate::apps::App;
use crate::apps::arrival::is_verifier;
use crate::extract::{Client, object_or_null};
use crate::people::{ProfileInput, SIGNED_PHONE, chosen, is_unprintable};
use crate::problem::{Fault, Problem};
use crate::store::{Device, DeviceClass, ProfileChange};

/// What a mini program sends.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct LoginRequest {
    /// From `wx.login()`, from the platform's SDK in a native app, or from a page's address after `start`: one use.
    #[schema(value_type = String, max_length = 128, pattern = "^[!-~]+$", example = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P")]
    pub(crate) code: SecretString,
    /// What the page kept when it began with `start` (RFC 7636); needed there, and of no meaning elsewhere.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 128, pattern = "^[A-Za-z0-9._~-]+$")]
    pub(crate) code_verifier: Option<SecretString>,
    /// From `wx.getUserProfile`, `wx.getUserInfo` or an old `getPhoneNumber`; with `iv`.
    #[schema(value_type = Option<String>)]
    pub(crate) encrypted_data: Option<SecretString>,
    /// Belongs to `encrypted_data`.
    pub(crate) iv: Option<String>,
    /// From `wx.getUserProfile`, exactly as it came; with `signature`.
    pub(crate) raw_data: Option<String>,
    /// sha1 of `raw_data` and the `session_key`, as `WeChat` made it.
    pub(crate) signature: Option<String>,
    /// From a `getPhoneNumber` button.
    #[schema(value_type = Option<String>, max_length = 128, pattern = "^[!-~]+$")]
    pub(crate) phone_code: Option<SecretString>,
    /// From Alipay's `my.getPhoneNumber`: its `response`, exactly as it came.
    #[schema(value_type = Option<String>, max_length = 8192)]
    pub(crate) signed_phone: Option<SecretString>,
    /// What the person typed or chose.
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) profile: Option<ProfileInput>,
    /// What the device says of itself.
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) device: Option<DeviceInput>,
}

impl LoginRequest {
    /// A code and nothing beside it.
    pub(crate) fn with_code(code: SecretString) -> Self {
        Self {
            code,
            code_verifier: None,
            encrypted_data: None,
            iv: None,
            raw_data: None,
            signature: None,
            phone_code: None,
            signed_phone: None,
            profile: None,
            device: None,
        }
    }
}

/// A device as it calls itself.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct DeviceInput {
    /// Random, made once and kept by the client: a new sign-in with it takes the place of the former one.
    #[schema(
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]*$",
        example = "d5c1f0a2b34e4f6f"
    )]
    id: Option<String>,
    /// `phone` by default.
    #[schema(value_type = DeviceClass, default = DeviceClass::default)]
    class: Class,
    /// Its model.
    #[schema(
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]*$",
        example = "iPhone 17"
    )]
    name: Option<String>,
    /// Its system.
    #[schema(
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]*$",
        example = "iOS 20.1"
    )]
    system: Option<String>,
}

/// A device's class, or what is none: the answer then names those that there are.
enum Class {
    Known(DeviceClass),
    Unknown,
}

impl Default for Class {
    fn default() -> Self {
        Self::Known(DeviceClass::default())
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = serde_json::Value::deserialize(deserializer)?;
        Ok(DeviceClass::deserialize(given).map_or(Self::Unknown, Self::Known))
    }
}

const CLASSES: [&str; 4] = ["phone", "tablet", "pc", "other"];

/// What the developer tools give for a code where no `AppID` is set.
const MOCK_CODE: &str = "the code is a mock one";

/// What a request brought, each part parsed.
pub(super) struct Brought {
    pub(super) code: JsCode,
    /// Where the code is ours: what proves that the page began.
    pub(super) verifier: Option<SecretString>,
    pub(super) encrypted: Option<(SecretString, String)>,
    pub(super) signed: Option<(String, String)>,
    pub(super) phone_code: Option<PhoneCode>,
    pub(super) signed_phone: Option<SecretString>,
    pub(super) profile: ProfileChange,
    pub(super) device: Device,
}

impl Brought {
    pub(super) fn checked(app: &App, request: LoginRequest, client: Client) -> Result<Self, Problem> {
        let code = request.code.expose_secret();
        let no_code = if code == MOCK_CODE { Fault::MockCode } else { Fault::NotACode };
        let code = JsCode::parse(code).map_err(|_| Problem::field("code", no_code))?;
        must_be_offered(app, &request)?;
        let verifier = verifier(app, request.code_verifier)?;
        let encrypted = both(("encrypted_data", request.encrypted_data), ("iv", request.iv))?;
        if let Some((data, iv)) = &encrypted {
            for (name, base64) in [("encrypted_data", data.expose_secret()), ("iv", iv)] {
                if looks_unescaped(base64) {
                    return Err(Problem::field(name, Fault::Unescaped));
                }
            }
        }
        let phone_code = request.phone_code.map(|code| PhoneCode::parse(code.expose_secret())).transpose();
        Ok(Self {
            code,
            verifier,
            encrypted,
            signed: both(("raw_data", request.raw_data), ("signature", request.signature))?,
            phone_code: phone_code.map_err(|_| Problem::field("phone_code", Fault::NotACode))?,
            signed_phone: bounded_phone(request.signed_phone)?,
            profile: chosen(app, request.profile.unwrap_or_default(), "profile.")?,
            device: device(request.device.unwrap_or_default(), client)?,
        })
    }
}

/// What the app's platform has no way to read is refused while the code is still good.
fn must_be_offered(app: &App, request: &LoginRequest) -> Result<(), Problem> {
    let Some(platform) = app.platform() else { return Ok(()) };
    let is_offered = (request.phone_code.is_none() || platform.phone().is_some())
        && (request.signed_phone.is_none() || platform.signed_phone().is_some())
        && (request.encrypted_data.is_none() && request.signature.is_none() || platform.open_data().is_some());
    if is_offered { Ok(()) } else { Err(Problem::UnsupportedByPlatform) }
}

fn bounded_phone(text: Option<SecretString>) -> Result<Option<SecretString>, Problem> {
    match text {
        Some(text) if text.expose_secret().len() > SIGNED_PHONE => {
            Err(Problem::field("signed_phone", Fault::TooLong(SIGNED_PHONE)))
        }
        text => Ok(text),
    }
}

fn verifier(app: &App, verifier: Option<SecretString>) -> Result<Option<SecretString>, Problem> {
    if app.redirect().is_none() {
        return Ok(None);
    }
    let verifier = verifier.ok_or_else(|| Problem::field("code_verifier", Fault::Missing))?;
    if !is_verifier(verifier.expose_secret()) {
        return Err(Problem::field("code_verifier", Fault::NotPkce));
    }
    Ok(Some(verifier))
}

/// Two members that only mean something together.
fn both<A, B>(
    (left_name, left): (&str, Option<A>),
    (right_name, right): (&str, Option<B>),
) -> Result<Option<(A, B)>, Problem> {
    match (left, right) {
        (Some(left), Some(right)) => Ok(Some((left, right))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problem::field(right_name, Fault::Missing)),
        (None, Some(_)) => Err(Problem::field(left_name, Fault::Missing)),
    }
}

pub(super) fn device(input: DeviceInput, client: Client) -> Result<Device, Problem> {
    let bounded = |name: &str, text: Option<String>, longest: usize| match text {
        Some(text) if text.chars().count() > longest => {
            Err(Problem::field(format!("device.{name}"), Fault::TooLong(longest)))
        }
        Some(text) if text.chars().any(is_unprintable) => {
            Err(Problem::field(format!("device.{name}"), Fault::Unprintable))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    };
    let Class::Known(class) = input.class else {
        return Err(Problem::field("device.class", Fault::NotOneOf(&CLASSES)));
    };
    Ok(Device {
        id: bounded("id", input.id, 128)?,
        class,
        name: bounded("name", input.name, 128)?,
        system: bounded("system", input.system, 128)?,
        ip: client.ip_text(),
        user_agent: client.user_agent,
    })
}
