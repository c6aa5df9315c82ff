//! menjin as a library: `Menjin::new`, its routers, and `serve`.
//!
//! Lives here: the list of rooms, and starting and stopping them together. Does not: reading arguments (`cli`), a rule of any room.

mod admin;
mod apps;
mod archive;
mod audited;
mod certificate;
mod compat;
pub mod config;
mod connection;
mod cors;
mod dev;
mod edge;
pub mod entropy;
mod envelope;
mod events;
mod examine;
mod extract;
mod form;
mod forward_auth;
mod health;
mod hour;
mod keys;
mod limits;
mod login;
mod metrics;
pub mod moving;
mod oidc;
mod openapi;
mod operate;
mod origin;
mod outbound;
mod pages;
mod people;
pub mod problem;
mod push;
mod refusals;
mod replaced;
mod roles;
mod sdk;
pub mod seal;
mod seen;
mod serve;
mod session;
mod start;
mod state;
pub mod store;
mod tls;
mod trace;
mod upkeep;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use cors::Origins;
use edge::Edge;

pub use admin::{EndedTokens, NewOperatorToken, OperatorLink, OperatorNotDone, OperatorTokenView, OperatorView};
pub use apps::{AppView, ByPassword, ClientSecretView, NewApp, NewClientSecret, RegisteredApp, Trial, TrialRefused};
pub use audited::{AuditAsked, AuditFound, AuditLineView};
pub use certificate::{CertificateFacts, check_certificate};
pub use dev::Dev;
pub use events::WebhookView;
pub use examine::{Examined, ExaminedApp, apps_of_file, old_schema, push_question, redis_is_up};
pub use keys::{DroppedMasterKey, RingError};
pub use menjin_guard::{Clock, ManualClock, SystemClock};
pub use metrics::count_dropped_traces;
pub use operate::{KeyView, SealedView};
pub use outbound::Simulator;
pub use people::{
    AccountView, ConsentedView, Deletion, Export, IdentityView, ListedUserView, MergeView, MergedView, NewResetCode,
    NoReset, OperatedIdentity, SideView, UnmergeView, UserName, WhenToDelete,
};
pub use problem::{NotDone, PeopleFault};
pub use roles::{HeldRoleView, HolderView, Holders, NewRole, RoleView};
pub use seen::{QUESTION, SEEN, Seen, question};
pub use serve::{Listeners, Tasks};
pub use session::{SessionView, SessionsAsked};
pub use start::{Around, check_place, migrate};
pub use state::Menjin;
pub use trace::{Tracing, trace_by};

/// The rooms' routes, in the order a newcomer reads them.
fn rooms() -> OpenApiRouter<Menjin> {
    let mut rooms = OpenApiRouter::with_openapi(openapi::Api::openapi())
        .merge(login::routes())
        .merge(session::routes())
        .merge(people::routes())
        .merge(roles::routes())
        .merge(apps::routes())
        .merge(oidc::routes())
        .merge(forward_auth::routes())
        .merge(push::routes())
        .merge(events::routes())
        .merge(keys::routes())
        .merge(sdk::routes())
        .merge(health::routes());
    openapi::complete(rooms.get_openapi_mut());
    rooms
}

/// The `OpenAPI` document, made from the handlers.
///
/// # Panics
/// Never: it is a document of plain values.
pub fn openapi() -> String {
    let (_, api) = rooms().split_for_parts();
    let mut text = api.to_pretty_json().expect("a document of plain values");
    text.push('\n');
    text
}

/// The `OpenAPI` document of the operator's side.
///
/// # Panics
/// Never: it is a document of plain values.
pub fn admin_openapi() -> String {
    let mut text = admin::document().to_pretty_json().expect("a document of plain values");
    text.push('\n');
    text
}

impl Menjin {
    /// The public side. In `menjin dev` it has everything; open to the local network it keeps `/dev` and the operator's
    /// side to itself.
    pub fn router(&self) -> Router {
        let origins = Arc::new(Origins::new(&self.config.server, self.dev.is_some()));
        let routes = match &self.dev {
            None => self.public_routes(),
            Some(dev) if dev.lan => self.public_routes().route("/", get(pages::to_docs)),
            Some(_) => self.all_routes(),
        };
        self.finished(routes, Some(origins))
    }

    /// The operator's side; in `menjin dev` everything.
    pub fn admin_router(&self) -> Router {
        self.finished(if self.dev.is_some() { self.all_routes() } else { self.admin_routes() }, None)
    }

    fn public_routes(&self) -> Router<Self> {
        let path = self.config.server.path();
        let (routes, api) = rooms().split_for_parts();
        let routes = routes
            .merge(compat::routes(self))
            .merge(openapi::routes(api, path))
            .merge(problem::routes())
            .merge(seen::routes());
        // Some proxies strip the path of `server.public_url`, some pass it on.
        if path.is_empty() { routes } else { Router::new().nest(path, routes.clone()).merge(routes) }
    }

    fn all_routes(&self) -> Router<Self> {
        let routes = self.public_routes().merge(dev::routes()).merge(self.admin_routes());
        routes.layer(axum::Extension(sdk::WithDev))
    }

    fn admin_routes(&self) -> Router<Self> {
        let path = self.config.server.path();
        let routes = admin::routes(self).route("/metrics", get(metrics::show));
        // Redirects lead below the path of `server.public_url`.
        let routes = if path.is_empty() { routes } else { Router::new().nest(path, routes.clone()).merge(routes) };
        // In `menjin dev` the root is that of its phones.
        if self.dev.is_some() { routes } else { routes.route("/", get(admin::to_console)) }
    }

    fn finished(&self, router: Router<Self>, origins: Option<Arc<Origins>>) -> Router {
        let edge = Edge { menjin: self.clone(), origins };
        router.layer(axum::middleware::from_fn_with_state(edge, edge::around)).with_state(self.clone())
    }
}
