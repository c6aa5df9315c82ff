//! A user as clients see them, and what their app still wants of them.

use menjin_token::{Timestamp, UserId};
use serde::Serialize;

use super::consents::lacks_consent;
use crate::apps::App;
use crate::config::{Need, Profile};
use crate::state::Menjin;
use crate::store::UserRow;

/// A user.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct UserView {
    /// The public name, stable for ever.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    id: UserId,
    /// A number given in order, for back ends with integer keys.
    #[schema(example = 1)]
    number: i64,
    /// What they call themselves.
    nickname: Option<String>,
    /// Where their picture is.
    #[schema(format = "uri")]
    avatar_url: Option<String>,
    /// Their phone number, with the middle hidden.
    #[schema(example = "138****0000")]
    phone_masked: Option<String>,
    /// When they first signed in.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<UserRow> for UserView {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            number: row.number,
            nickname: row.nickname,
            avatar_url: row.avatar_url,
            phone_masked: row.phone_masked,
            created_at: row.created_at,
        }
    }
}

/// What the app wants and the person lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NeedView {
    /// A phone number: `POST /v1/me/phone`.
    Phone,
    /// Nickname and avatar: `PUT /v1/me`, `POST /v1/me/avatar`.
    Profile,
    /// To agree to the present version of a document: `GET|POST /v1/me/consents`.
    Consent,
}

/// What a person brought with a sign-in that could not be used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unusable {
    /// A profile that did not open or verify, or a nickname that the platform did not let pass.
    pub(crate) profile: bool,
    /// A phone code that failed, a number under a superseded key, or one that another has and keeps.
    pub(crate) phone: bool,
    /// Whether it is that last one.
    pub(crate) phone_taken: bool,
}

/// What the app wants of this person, and what they brought in vain.
pub(crate) async fn need(menjin: &Menjin, app: &App, user: &UserRow, unusable: Unusable) -> Vec<NeedView> {
    let lacks_phone = app.need.contains(&Need::Phone) && user.phone_masked.is_none();
    let lacks_profile = app.need.contains(&Need::Profile) && user.nickname.is_none();
    let keeps_profile = app.profile == Profile::Keep;
    let phone = (unusable.phone || lacks_phone).then_some(NeedView::Phone);
    let profile = (keeps_profile && (unusable.profile || lacks_profile)).then_some(NeedView::Profile);
    let consent = lacks_consent(menjin, app, user).await.then_some(NeedView::Consent);
    phone.into_iter().chain(profile).chain(consent).collect()
}
