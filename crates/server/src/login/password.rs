//! `POST /v1/login/{app}/password`: a name and a password become a session, where the app lets people sign in so.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brought::{DeviceInput, device};
use super::code::LoginAnswer;
use crate::apps::App;
use crate::extract::{Client, Json, object_or_null};
use crate::limits::{Allowed, Failures};
use crate::people::Unusable;
use crate::people::password::prove;
use crate::problem::Problem;
use crate::session::{self, Proof, SignIn, SignedIn, carried_through};
use crate::state::Menjin;
use crate::store::{Device, ProfileChange, Who};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(login))
}

/// A name and a password.
#[derive(Deserialize, utoipa::ToSchema)]
struct PasswordLogin {
    /// The name; case does not matter.
    #[schema(example = "alice")]
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    password: SecretString,
    /// What the device says of itself.
    #[serde(default, deserialize_with = "object_or_null")]
    device: Option<DeviceInput>,
}

/// Trades a name and a password for a session.
///
/// Where the name is nobody's and where the password is wrong, the answer is the same, and so is the work for it.
#[utoipa::path(post, path = "/v1/login/{app}/password", operation_id = "login_by_password", tag = "sign-in", request_body = PasswordLogin,
    params(("app" = String, Path, description = "The app's id", example = "demo")),
    responses(
        (status = 200, description = "Signed in", body = LoginAnswer),
        (status = 401, description = "`password_wrong`; `user_disabled`"),
        (status = 404, description = "`app_unknown`: no such app, or it does not take passwords"),
        (status = 409, description = "`sessions_full`: as many sessions live as the app lets one person have"),
        (status = 429, description = "`too_many_requests`: too many wrong passwords for this name, or from this address"),
        (status = 503, description = "`passwords_busy`"),
    ))]
async fn login(
    State(menjin): State<Menjin>,
    Path(app): Path<String>,
    allowed: Allowed,
    client: Client,
    Json(request): Json<PasswordLogin>,
) -> Result<impl IntoResponse, Problem> {
    let app = menjin.apps.by_id(&app).filter(|app| app.takes_passwords()).ok_or(Problem::AppUnknown)?;
    let device = device(request.device.unwrap_or_default(), client)?;
    let failures = allowed.before_sign_in(&app.id)?;
    let credentials = (request.username.as_str(), &request.password);
    let signed_in = sign_in_by_password(&menjin, &app, credentials, device, failures).await?;
    let answer = LoginAnswer::of(&menjin, &app, signed_in, Unusable::default()).await;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// The whole of it, for whatever route.
pub(crate) async fn sign_in_by_password(
    menjin: &Menjin,
    app: &Arc<App>,
    credentials: (&str, &SecretString),
    device: Device,
    failures: Failures,
) -> Result<SignedIn, Problem> {
    tracing::Span::current().record("app.id", &app.id);
    let (name, password) = (credentials.0.to_owned(), credentials.1.clone());
    let by = (menjin.clone(), app.id.clone(), device.clone());
    let proved = carried_through(async move {
        let (menjin, app, device) = by;
        let proved = prove(&menjin, (&name, &password), (&app, &device)).await;
        if let Err(problem) = &proved {
            failures.count(problem).await;
        }
        proved
    });
    let proved = proved.await?;
    let who = Who::Password(proved.row.user.id, proved.row.changed_at);
    match opened(menjin, app, Proof::Password(who), (device, ProfileChange::default())).await {
        // It was changed while it was compared.
        Err(Problem::UserUnknown) => Err(Problem::PasswordWrong),
        opened => opened,
    }
}

/// A session for somebody whom a password proves.
pub(super) async fn opened(
    menjin: &Menjin,
    app: &Arc<App>,
    proof: Proof<'static>,
    (device, profile): (Device, ProfileChange),
) -> Result<SignedIn, Problem> {
    let (menjin, app) = (menjin.clone(), Arc::clone(app));
    carried_through(async move {
        let sign_in = SignIn { app: &app, proof, profile, phone: None, device, code: None, repeatable: false };
        let signed_in = session::open(&menjin, sign_in, menjin.clock.now()).await?;
        let outcome = if signed_in.is_new_user { "new" } else { "known" };
        metrics::counter!("menjin_logins_total", "app" => app.id.clone(), "outcome" => outcome).increment(1);
        tracing::info!(user.id = %signed_in.user.id, session.id = %signed_in.pair.session_id, new = signed_in.is_new_user, "signed in by password");
        Ok(signed_in)
    })
    .await
}
