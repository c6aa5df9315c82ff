//! What tests and the bench need beside cargo. A need installs what it may, says what it does, and hands tests an environment.

mod chromium;
mod debian;
mod python;
pub(crate) mod wrk;

use std::ffi::OsString;

/// Environment variables for the tests.
pub(crate) type Variables = Vec<(&'static str, OsString)>;

/// Something that tests use and cargo does not bring.
#[derive(Debug)]
pub(crate) struct Need {
    /// For `--without`.
    pub(crate) name: &'static str,
    /// The end of a sentence: what is lost without it.
    pub(crate) used_for: &'static str,
    /// The modules of the tests that use it, as `cargo test` prints them; no other test has one in its name.
    pub(crate) tests: &'static [&'static str],
    /// What those tests read, and fail without.
    pub(crate) variable: &'static str,
    pub(crate) get: fn() -> anyhow::Result<Variables>,
}

pub(crate) const NEEDS: [Need; 2] = [
    Need {
        name: "python",
        used_for: "some tests run other people's WeChat and OpenAPI code against ours",
        tests: &["wechatpy::", "spec_validator::"],
        variable: python::VARIABLE,
        get: python::get,
    },
    Need {
        name: "chromium",
        used_for: "some tests use the pages as people do",
        tests: &["in_browser::"],
        variable: chromium::DRIVER,
        get: chromium::get,
    },
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::process::root;

    /// The tests' files below a folder that name a variable of ours.
    fn readers(folder: &Path, variable: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let reads = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains(variable));
        let below = folders.iter().flat_map(|folder| readers(folder, variable));
        below.chain(files.iter().filter(|file| reads(file)).cloned()).collect()
    }

    #[test]
    fn without_leaves_out_exactly_where_the_need_is_read() {
        for need in &NEEDS {
            let modules: Vec<_> = need.tests.iter().map(|module| module.trim_end_matches(':')).collect();
            let files: Vec<_> =
                readers(&root().join("crates"), need.variable).iter().map(|file| file.with_extension("")).collect();
            let is_in = |file: &Path, module: &str| file.iter().any(|part| part == module);
            for file in &files {
                assert!(modules.iter().any(|module| is_in(file, module)), "{}", file.display());
            }
            for module in modules {
                assert!(files.iter().any(|file| is_in(file, module)), "{module} reads no {}", need.variable);
            }
        }
    }
}
