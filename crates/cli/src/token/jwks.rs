//! Reading a key set from a file or an address.

use std::io::Read as _;

use anyhow::{Context as _, ensure};
use menjin_token::KeySet;
use menjin_token::jwks::MAX_JWKS;
use url::Url;

use crate::http;

/// The keys at `place`, a file or an http(s) address.
pub(super) async fn read(place: &str) -> anyhow::Result<KeySet> {
    let is_address = place.starts_with("https://") || place.starts_with("http://");
    let json = if is_address { fetch(place).await } else { load(place) };
    json.and_then(|json| Ok(KeySet::parse(&json)?)).with_context(|| format!("{place} can't be read (--jwks)"))
}

fn load(file: &str) -> anyhow::Result<Vec<u8>> {
    let mut json = Vec::new();
    std::fs::File::open(file)?.take(MAX_JWKS as u64 + 1).read_to_end(&mut json)?;
    Ok(json)
}

async fn fetch(address: &str) -> anyhow::Result<Vec<u8>> {
    let address = Url::parse(address)?;
    let mut answer = http::client_for(&address)?.get(address).send().await?.error_for_status()?;
    let mut json = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        json.extend_from_slice(&chunk);
        ensure!(json.len() <= MAX_JWKS, "the key set is too large");
    }
    Ok(json)
}
