//! Orders, a back end of another team: its routes are for people whom menjin has signed in.
//!
//! All that it knows of menjin is `menjin-guard`: no shared secret between them signs tokens, and menjin is asked for
//! session data alone.

mod customers;

use axum::extract::{FromRef, Path, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use menjin_guard::{
    BuildError, Caller, CallerOf, Guard, GuardBuilder, Legacy, Loaded, Loader, Person, Session, SessionError,
};
use serde::Deserialize;
use serde_json::{Value, json};

pub use customers::{Customer, Customers};

/// Where menjin is, and who this program is to it.
pub struct Settings {
    /// `server.public_url`.
    pub issuer: String,
    /// The `audience` of the `[[app]]`s that people sign in from.
    pub audience: String,
    /// Id and secret of this program's own `[[app]]`, of kind `backend`.
    pub app: Option<(String, String)>,
    /// The system before menjin, whose tokens are taken until a date.
    pub old_system: Option<Legacy>,
}

impl Settings {
    /// The guard, for more changes.
    pub fn guard(self) -> GuardBuilder {
        let guard = Guard::remote(self.issuer, self.audience);
        let guard = match self.app {
            // It hears of ends within a second, and may keep session data.
            Some((id, secret)) => guard.as_app(id, secret),
            // Whoever signs out stays in until the token expires: 15 minutes at most.
            None => guard.feed(false),
        };
        match self.old_system {
            Some(old) => guard.legacy(old),
            None => guard,
        }
    }
}

/// What every handler shares.
#[derive(Clone)]
pub struct App {
    /// Who may come in.
    pub guard: Guard,
    /// The program's own users.
    pub customers: Customers,
}

impl App {
    /// With nobody among its customers yet.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        Ok(Self { guard: settings.guard().build()?, customers: Customers::default() })
    }
}

impl FromRef<App> for Guard {
    fn from_ref(app: &App) -> Self {
        app.guard.clone()
    }
}

impl FromRef<App> for Loader<Customer> {
    fn from_ref(app: &App) -> Self {
        app.customers.loader()
    }
}

/// The whole program, ready to be served or tested.
pub fn router(app: App) -> Router {
    let guard = &app.guard;
    // A layer protects everything below it, whatever its handlers ask for.
    let staff = Router::new().route("/orders", get(all_orders)).layer(guard.layer().require("orders:read"));
    // A download is opened by address alone, so the token may stand in it.
    let downloads = Router::new().route("/{id}", get(invoice)).layer(guard.layer().query("token"));
    Router::new()
        .route("/health", get(health))
        .route("/greeting", get(greeting))
        .route("/orders", get(my_orders))
        .route("/cart", get(cart).post(add_to_cart).delete(empty_cart))
        .route("/account", get(account))
        .route("/number", get(number))
        .route("/who", get(who))
        .nest("/staff", staff)
        .nest("/invoices", downloads)
        .with_state(app)
}

/// For whatever watches the program; it needs no token.
async fn health() -> &'static str {
    "ok"
}

/// For strangers, too. A bad token is refused all the same.
async fn greeting(caller: Option<Caller>) -> String {
    caller.map_or_else(|| "hello, stranger".to_owned(), |caller| format!("hello, {}", caller.user))
}

/// My own orders. `caller` in the arguments is all that it takes: without a good token this is never run.
async fn my_orders(State(_app): State<App>, caller: Caller) -> Json<Value> {
    Json(json!({ "user": caller.user, "orders": [{ "id": 1, "item": "tea", "cents": 1200 }] }))
}

/// Everybody's orders, for who has a role with the permission `orders:read`; the layer has seen to that.
async fn all_orders(Extension(caller): Extension<Caller>) -> Json<Value> {
    Json(json!({ "read_by": caller.user, "orders": 2048 }))
}

/// What this sign-in has put into its cart; menjin keeps it, and drops it when the session ends.
async fn cart(session: Session) -> Result<Json<Vec<String>>, SessionError> {
    Ok(Json(session.get("cart").await?.unwrap_or_default()))
}

#[derive(Deserialize)]
struct Item {
    item: String,
}

/// Two requests at once both end up in the cart: who comes second adds to what the first has left.
async fn add_to_cart(session: Session, Json(Item { item }): Json<Item>) -> Result<Json<Vec<String>>, SessionError> {
    let added = session.update("cart", |cart: Option<Vec<String>>| {
        let mut cart = cart.unwrap_or_default();
        cart.push(item.clone());
        cart
    });
    Ok(Json(added.await?))
}

async fn empty_cart(session: Session) -> Result<(), SessionError> {
    session.remove("cart").await
}

/// The program's own user, found by `Customers::loader`.
async fn account(Loaded(customer): Loaded<Customer>) -> Json<Customer> {
    Json(customer)
}

/// What `[audience.….claims]` adds to the tokens of this audience, as a type.
#[derive(Deserialize)]
struct ShopClaims {
    #[serde(rename = "userId")]
    user_id: i64,
}

async fn number(CallerOf { claims, .. }: CallerOf<ShopClaims>) -> Json<i64> {
    Json(claims.user_id)
}

/// Whoever menjin has signed in, or still the old system.
async fn who(person: Person) -> Json<Value> {
    Json(match person {
        Person::SignedIn(caller) => json!({ "user": caller.user, "session": caller.session }),
        Person::Legacy(old) => json!({ "system": old.system, "user": format!("{:?}", old.user) }),
    })
}

async fn invoice(Path(id): Path<u32>, caller: Caller) -> String {
    format!("invoice {id} of {}", caller.user)
}
