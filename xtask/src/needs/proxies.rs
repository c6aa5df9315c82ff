//! The proxies beside nginx that tests put before menjin: Caddy from Debian, Traefik and Envoy from `PyPI`.

use std::env;

use anyhow::Context as _;

use super::{Variables, python, servers};

/// Tells the tests the folders of the programs, as `PATH` does.
pub(super) const VARIABLE: &str = servers::CADDY.variable;
const ENVIRONMENT: &str = "target/test-tools/proxies";
const REQUIREMENTS: &str = "xtask/proxies.txt";

pub(super) fn get() -> anyhow::Result<Variables> {
    let python = python::prepared(ENVIRONMENT, REQUIREMENTS)?;
    let folder = python.parent().context("a Python in no folder")?.to_owned();
    let caddy = servers::CADDY.get()?.into_iter().map(|(_, folders)| folders).collect::<Vec<_>>();
    let folders = caddy.iter().flat_map(env::split_paths).chain([folder]);
    Ok(vec![(VARIABLE, env::join_paths(folders)?)])
}
