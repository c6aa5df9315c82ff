//! `menjin serve`: production. Refuses what is right in development alone, and says which key.

use menjin_server::{Around, Listeners, Menjin};

use crate::settings::Source;
use crate::stop::Stop;
use crate::{listen, log};

pub(crate) async fn run(source: &Source) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let config = source.load()?;
    config.check_for_production()?;
    log::to_stdout(&config.log)?;
    if let Some(missing) = config.not_filled_in().into_iter().next() {
        return Err(missing.into());
    }
    for remark in config.remarks() {
        tracing::warn!("{remark}");
    }
    let public = listen::bind(config.server.listen, "server.listen")?;
    let admin = listen::bind(config.admin.listen, "admin.listen")?;
    let (public_address, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let menjin = Menjin::new(config, Around::default()).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        server.listen = %public_address,
        admin.listen = %admin_address,
        "menjin serves"
    );
    menjin.serve(Listeners { public, admin: Some(admin) }, stop.asked()).await
}
