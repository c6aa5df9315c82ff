//! What tests need beside cargo. A need installs what it may, says what it does, and hands tests an environment.

mod python;

use std::ffi::OsString;

/// Environment variables for the tests.
pub(crate) type Variables = Vec<(&'static str, OsString)>;

/// Something that tests use and cargo does not bring.
pub(crate) struct Need {
    /// For `--without`.
    pub(crate) name: &'static str,
    /// The end of a sentence: what is lost without it.
    pub(crate) used_for: &'static str,
    pub(crate) get: fn() -> anyhow::Result<Variables>,
}

pub(crate) const NEEDS: [Need; 1] = [Need {
    name: "python",
    used_for: "some tests run other people's WeChat and JWT code against ours",
    get: python::get,
}];
