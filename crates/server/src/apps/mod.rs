//! What people sign in from: the registry of apps, their platforms, what their tokens hold, the broker of platform tokens,
//! codes that are exchanged once, and back ends that prove which app they are.
//!
//! Does not: signing anybody in (`login`), rows (`store`).

mod app_token;
pub(crate) mod arrival;
mod broker;
mod credentials;
mod fetch;
mod flights;
mod legacy;
pub(crate) mod once;
mod platform_token;
mod platforms;
mod ration;
mod registered;
mod registry;
mod shape;
mod trial;

use utoipa_axum::router::OpenApiRouter;

pub(crate) use app_token::{app_of, is_an_apps, mint as mint_app_token};
pub(crate) use broker::{Broker, Unfetched, phone, with_token};
pub(crate) use credentials::{CallingApp, Credentials};
pub(crate) use legacy::{Legacies, LegacyToken, Named};
pub use registered::{AppView, ByPassword, ClientSecretView, NewApp, NewClientSecret, RegisteredApp};
pub(crate) use registry::{App, Registry, as_configured};
pub(crate) use shape::Beside;
pub use trial::{Trial, TrialRefused};

use crate::problem::Problem;
use crate::state::{Inner, Menjin};

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    platform_token::routes()
}

impl Inner {
    /// Reads again the apps that the store holds: some node or command changed them.
    pub(crate) async fn reload_apps(&self) -> Result<(), Problem> {
        let _in_turn = self.apps.taking.lock().await;
        let rows = self.store.apps().await?;
        self.apps.take(rows, &self.config, &self.sealer);
        Ok(())
    }
}
