//! `menjin migrate`: the schema of the store is brought up to date, for those who set `store.migrate = "check"`.

use std::io::{self, Write as _};

use crate::settings::Source;

pub(crate) async fn run(source: &Source) -> anyhow::Result<()> {
    let config = source.load()?;
    let was = match menjin_server::migrate(&config).await? {
        None => String::new(),
        Some(0) => "was empty, and ".to_owned(),
        Some(version) => format!("was at version {version}, and "),
    };
    writeln!(io::stdout(), "{} {was}is up to date", config.store.place())?;
    Ok(())
}
