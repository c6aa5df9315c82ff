//! What the systems need that the bench drives beside menjin: packages for Node and for Python, and a Redis.

use std::path::PathBuf;

use super::{Variables, node, python, servers};

const PACKAGE: &str = "bench/peers";
const ENVIRONMENT: &str = "target/test-tools/django-peer";
const REQUIREMENTS: &str = "bench/peers/django/requirements.txt";

/// The Python of the Django system, and where Redis is.
pub(crate) fn get() -> anyhow::Result<(PathBuf, Variables)> {
    node::prepare(PACKAGE)?;
    Ok((python::prepared(ENVIRONMENT, REQUIREMENTS)?, servers::REDIS.get()?))
}
