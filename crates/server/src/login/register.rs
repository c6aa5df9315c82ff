//! `POST /v1/register/{app}`: a new person with a name and a password, where the app lets anybody make an account.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brought::{DeviceInput, device};
use super::code::LoginAnswer;
use super::password::opened;
use crate::extract::{Client, Json, object_or_null};
use crate::limits::Allowed;
use crate::people::password::{Name, Typed, made};
use crate::people::{ProfileInput, Unusable, chosen, may_be_called};
use crate::problem::Problem;
use crate::session::Proof;
use crate::state::Menjin;
use crate::store::Who;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(register))
}

/// A new person.
#[derive(Deserialize, utoipa::ToSchema)]
struct Registration {
    /// The name to sign in by, for good.
    #[schema(min_length = 1, max_length = 64, example = "alice")]
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: SecretString,
    /// What the person typed or chose.
    #[serde(default, deserialize_with = "object_or_null")]
    profile: Option<ProfileInput>,
    /// What the device says of itself.
    #[serde(default, deserialize_with = "object_or_null")]
    device: Option<DeviceInput>,
}

/// Makes an account with a name and a password, and signs it in.
///
/// Off unless the app says `register = true`. It can't be hidden here that a name is taken; an address may make a few accounts an
/// hour (`limits.registrations_per_address`), and names that are taken count as failed sign-ins.
#[utoipa::path(post, path = "/v1/register/{app}", operation_id = "register", tag = "sign-in", request_body = Registration,
    params(("app" = String, Path, description = "The app's id", example = "demo")),
    responses(
        (status = 201, description = "The account, signed in", body = LoginAnswer),
        (status = 404, description = "`app_unknown`: no such app, or nobody registers there"),
        (status = 409, description = "`username_taken`"),
        (status = 422, description = "`nickname_refused`"),
        (status = 429, description = "`too_many_requests`"),
        (status = 503, description = "`passwords_busy`; `platform_unavailable`: the nickname could not be judged"),
    ))]
async fn register(
    State(menjin): State<Menjin>,
    Path(app): Path<String>,
    allowed: Allowed,
    client: Client,
    Json(request): Json<Registration>,
) -> Result<impl IntoResponse, Problem> {
    let app = menjin.apps.by_id(&app).filter(|app| app.registers()).ok_or(Problem::AppUnknown)?;
    tracing::Span::current().record("app.id", &app.id);
    let device = device(request.device.unwrap_or_default(), client.clone())?;
    let profile = chosen(&app, request.profile.unwrap_or_default(), "profile.")?;
    let name = Name::parse(&request.username).map_err(|fault| Problem::field("username", fault))?;
    let typed = Typed::chosen(&request.password, &name, menjin.config.passwords.shortest);
    let typed = typed.map_err(|fault| Problem::field("password", fault))?;
    let failures = allowed.before_sign_in(&app.id)?;
    menjin.limits.before_registration(&menjin, &client).await?;
    if let Some(nickname) = &profile.nickname {
        may_be_called(&menjin, &app, None, nickname).await?;
    }
    let password = made(&menjin, &name, &typed, None).await?;
    let proof = Proof::Password(Who::Registered(Box::new(password)));
    let signed_in = match opened(&menjin, &app, proof, (device, profile)).await {
        Ok(signed_in) => signed_in,
        Err(problem) => {
            failures.count(&problem).await;
            return Err(problem);
        }
    };
    let answer = LoginAnswer::of(&menjin, &app, signed_in, Unusable::default()).await;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}
