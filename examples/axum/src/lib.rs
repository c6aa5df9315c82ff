//! Orders, a back end of another team: its routes are for people whom menjin has signed in.
//!
//! All that it knows of menjin is `menjin-guard`: no shared secret, no call for each request.

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use menjin_guard::{Caller, Guard, Refusal};
use serde_json::{Value, json};

/// What every handler shares. A real program would have its database here, too.
#[derive(Clone)]
pub struct App {
    /// Who may come in.
    pub guard: Guard,
}

impl FromRef<App> for Guard {
    fn from_ref(app: &App) -> Self {
        app.guard.clone()
    }
}

/// The whole program, ready to be served or tested.
pub fn router(app: App) -> Router {
    // A layer protects everything below it, whatever its handlers ask for.
    let staff = Router::new().route("/orders", get(all_orders)).layer(app.guard.layer());
    Router::new().route("/health", get(health)).route("/orders", get(my_orders)).nest("/staff", staff).with_state(app)
}

/// For whatever watches the program; it needs no token.
async fn health() -> &'static str {
    "ok"
}

/// My own orders. `caller` in the arguments is all that it takes: without a good token this is never run.
async fn my_orders(State(_app): State<App>, caller: Caller) -> Json<Value> {
    Json(json!({ "user": caller.user, "orders": [{ "id": 1, "item": "tea", "cents": 1200 }] }))
}

/// Everybody's orders, for who has a role with the permission `orders:read`.
async fn all_orders(Extension(caller): Extension<Caller>) -> Result<Json<Value>, Refusal> {
    caller.require("orders:read")?;
    Ok(Json(json!({ "read_by": caller.user, "orders": 2048 })))
}
