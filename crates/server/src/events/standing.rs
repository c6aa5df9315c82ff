//! How far each webhook has come, for operators.

use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::NotDone;
use crate::state::Menjin;

/// A webhook as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its name in `menjin.toml`.
    #[schema(example = "crm")]
    pub name: String,
    /// Whose events it is told.
    #[schema(example = "shop-api")]
    pub audience: String,
    /// The host that it is at; the rest of its address may hold a secret.
    #[schema(example = "https://crm.example.com")]
    pub origin: String,
    /// Which types; all of them when empty.
    pub events: Vec<String>,
    /// Lines of the audit that it has not been told of, or that were found to be nothing to it; null before its first round.
    pub behind: Option<i64>,
}

impl Menjin {
    /// The webhooks of `menjin.toml`, and how far each has come.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, NotDone> {
        let mut views = Vec::new();
        for webhook in &self.config.webhook {
            let place = self.store.place(&super::delivery::place_name(&webhook.name)).await?;
            let behind = match place {
                Some(place) => Some(self.store.audit_run(place).await?.highest.saturating_sub(place)),
                None => None,
            };
            views.push(WebhookView {
                name: webhook.name.clone(),
                audience: webhook.audience.clone(),
                origin: webhook.url.origin().ascii_serialization(),
                events: webhook.events.clone(),
                behind,
            });
        }
        Ok(views)
    }
}
