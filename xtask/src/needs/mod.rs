//! What tests and the bench need beside cargo. A need installs what it may, says what it does, and hands tests an environment.

mod chromium;
mod debian;
mod node;
pub(crate) mod peers;
mod proxies;
mod python;
mod sdks;
mod servers;
pub(crate) mod wrk;

pub(crate) use node::prepare as prepare_node;

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
    /// What tells those tests where it is.
    pub(crate) variable: &'static str,
    get: fn() -> anyhow::Result<Variables>,
}

impl Need {
    /// Gets it, where there is no going on without.
    pub(crate) fn get(&self) -> anyhow::Result<Variables> {
        (self.get)()
    }

    /// Gets it for tests; the error says how to go on without.
    pub(crate) fn provide(&self) -> anyhow::Result<Variables> {
        (self.get)().map_err(|error| {
            let hint = format!("`cargo xtask test --without {}` runs the tests that do without", self.name);
            error.context(format!("{} can't be had, and {}. {hint}", self.name, self.used_for))
        })
    }
}

pub(crate) const NEEDS: [Need; 10] = [
    Need {
        name: "python",
        used_for: "some tests run other people's WeChat and OpenAPI code against ours, and our Python client in their frameworks",
        tests: &["wechatpy::", "spec_validator::", "by_django::", "by_python::"],
        variable: python::VARIABLE,
        get: python::get,
    },
    Need {
        name: "node",
        used_for: "some tests are those of clients/node, clients/miniprogram and clients/web, which are written in their language",
        tests: &["by_node::"],
        variable: node::VARIABLE,
        get: node::get,
    },
    Need {
        name: "sdks",
        used_for: "some tests lead other people's WeChat SDKs to the simulator",
        tests: &["by_sdks::"],
        variable: sdks::VARIABLE,
        get: sdks::get,
    },
    Need {
        name: "chromium",
        used_for: "some tests use the pages as people do",
        tests: &["in_browser::"],
        variable: chromium::DRIVER,
        get: chromium::get,
    },
    Need {
        name: "postgres",
        used_for: "some tests keep menjin's data in a PostgreSQL of their own",
        tests: &["on_postgres::"],
        variable: servers::POSTGRES.variable,
        get: || servers::POSTGRES.get(),
    },
    Need {
        name: "mariadb",
        used_for: "some tests keep menjin's data in a MariaDB of their own",
        tests: &["on_mariadb::"],
        variable: servers::MARIADB.variable,
        get: || servers::MARIADB.get(),
    },
    Need {
        name: "redis",
        used_for: "some tests let menjin use a Redis of their own",
        tests: &["with_redis::"],
        variable: servers::REDIS.variable,
        get: || servers::REDIS.get(),
    },
    Need {
        name: "nginx",
        used_for: "some tests put an nginx before menjin",
        tests: &["behind_nginx::"],
        variable: servers::NGINX.variable,
        get: || servers::NGINX.get(),
    },
    Need {
        name: "proxies",
        used_for: "some tests put Caddy, Traefik and Envoy before menjin, as deploy/ sets them up",
        tests: &["behind_proxies::"],
        variable: proxies::VARIABLE,
        get: proxies::get,
    },
    Need {
        name: "prometheus",
        used_for: "some tests let its promtool judge the alarms and the metrics",
        tests: &["by_promtool::"],
        variable: servers::PROMETHEUS.variable,
        get: || servers::PROMETHEUS.get(),
    },
];

/// The need of that name.
pub(crate) fn named(name: &str) -> Option<&'static Need> {
    const ALL: &[Need] = &NEEDS;
    ALL.iter().find(|need| need.name == name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::process::root;

    /// All Rust files below a folder, with their text.
    fn files(folder: &Path) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let rust = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let read = rust.map(|file| (file.clone(), fs::read_to_string(file).unwrap()));
        read.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
    }

    /// How the types of the testbed begin, by the need that brings their programs.
    const TESTBED: [(&str, &[&str]); 5] = [
        ("postgres", &["Postgres"]),
        ("mariadb", &["MariaDb"]),
        ("redis", &["Redis", "Cluster"]),
        ("nginx", &["Nginx", "Cluster"]),
        ("proxies", &["Proxy"]),
    ];

    /// Whether a file names the need's type of the testbed; where it has none, reads its variable.
    fn is_used(need: &Need, text: &str) -> bool {
        let Some((_, kinds)) = TESTBED.iter().find(|(name, _)| *name == need.name) else {
            return text.contains(need.variable);
        };
        text.split("menjin_testbed::").skip(1).any(|after| {
            let path = after.split([';', '(']).next().unwrap_or_default();
            path.split(|letter: char| !letter.is_alphanumeric())
                .any(|name| kinds.iter().any(|kind| name.starts_with(kind)))
        })
    }

    /// A file that has no test starts a server for the tests that ask it to, or as the round says.
    fn stands_for_others(need: &Need, text: &str) -> bool {
        let has_tests = ["#[test]", "#[tokio::test"].iter().any(|attribute| text.contains(attribute));
        !has_tests && TESTBED.iter().any(|(name, _)| *name == need.name)
    }

    fn is_in(file: &Path, text: &str, module: &str) -> bool {
        file.with_extension("").iter().any(|part| part == module) || text.contains(&format!("mod {module} {{"))
    }

    #[test]
    fn without_leaves_out_exactly_where_the_need_is_used() {
        let all: Vec<_> = ["crates", "testbed"].iter().flat_map(|folder| files(&root().join(folder))).collect();
        for need in &NEEDS {
            let modules: Vec<_> = need.tests.iter().map(|module| module.trim_end_matches(':')).collect();
            let used: Vec<_> = all.iter().filter(|(_, text)| is_used(need, text)).collect();
            for (file, text) in used.iter().filter(|(_, text)| !stands_for_others(need, text)) {
                assert!(modules.iter().any(|module| is_in(file, text, module)), "{}: {}", need.name, file.display());
            }
            for module in modules {
                assert!(used.iter().any(|(file, text)| is_in(file, text, module)), "{module} uses no {}", need.name);
            }
        }
    }

    #[test]
    fn whoever_reads_of_without_reads_every_name() {
        for page in ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"] {
            let text = fs::read_to_string(root().join(page)).unwrap();
            let paragraph = text.split("\n\n").find(|paragraph| paragraph.contains("`--without")).unwrap();
            for need in &NEEDS {
                let is_named = [format!("`{}`", need.name), format!("`--without {}`", need.name)];
                assert!(is_named.iter().any(|name| paragraph.contains(name)), "{page} lacks {}", need.name);
            }
        }
        let help = crate::HELP.split("--without NAME").nth(1).unwrap();
        for need in &NEEDS {
            assert!(help.split("  tidy").next().unwrap().contains(need.name), "the help lacks {}", need.name);
        }
    }

    #[test]
    fn a_type_of_the_testbed_is_found_however_it_is_named() {
        let redis = named("redis").unwrap();
        for text in [
            "use menjin_testbed::Redis;",
            "use menjin_testbed::{Nginx, Redis};",
            "menjin_testbed::RedisSentinel::start()",
        ] {
            assert!(is_used(redis, text), "{text}");
        }
        assert!(!is_used(redis, "use menjin_testbed::Nginx;\nuse crate::Redis;"));
    }
}
