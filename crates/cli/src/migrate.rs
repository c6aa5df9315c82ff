//! `menjin migrate`: the schema of the store is brought up to date, for those who set `store.migrate = "check"`.

use std::io::{self, Write as _};

use crate::settings::Source;

pub(crate) async fn run(source: &Source) -> anyhow::Result<()> {
    let config = source.load()?;
    menjin_server::migrate(&config).await?;
    writeln!(io::stdout(), "{} is up to date", config.store.place())?;
    Ok(())
}
