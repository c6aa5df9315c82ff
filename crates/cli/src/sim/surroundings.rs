//! What programs are told so that they meet the simulator at the platforms' own hosts: a CA file, and an environment.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use menjin_sim::Authority;

const CA: &str = "ca.pem";
const SCRIPT: &str = "env.sh";

/// Files in a folder of their own, written anew at each start, as the CA is.
pub(super) struct Surroundings {
    /// Sets the environment, in any POSIX shell.
    pub(super) script: PathBuf,
    pub(super) lines: Vec<String>,
}

impl Surroundings {
    pub(super) fn write(folder: &Path, authority: &Authority, proxy: SocketAddr) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{} can't be made (--tls)", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("{} can't be found (--tls)", folder.display()))?;
        let (ca, script) = (folder.join(CA), folder.join(SCRIPT));
        let lines = lines(&ca, proxy);
        let text = lines.iter().fold(String::new(), |text, line| text + "export " + line + "\n");
        for (file, text) in [(&ca, authority.certificate()), (&script, &text)] {
            fs::write(file, text).with_context(|| format!("{} can't be written (--tls)", file.display()))?;
        }
        Ok(Self { script, lines })
    }
}

/// Each program reads some of them. A CA file stands in the place of the system's, so these programs trust nobody else.
fn lines(ca: &Path, proxy: SocketAddr) -> Vec<String> {
    let ca = quoted(&ca.display().to_string());
    let proxies = ["HTTPS_PROXY", "https_proxy", "GLOBAL_AGENT_HTTPS_PROXY"];
    let files = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    let here = ["NO_PROXY", "no_proxy", "GLOBAL_AGENT_NO_PROXY"];
    let mut lines: Vec<_> = proxies.iter().map(|name| format!("{name}=http://{proxy}")).collect();
    lines.extend(here.iter().map(|name| format!("{name}=127.0.0.1,localhost")));
    lines.extend(files.iter().map(|name| format!("{name}={ca}")));
    lines.push("NODE_USE_ENV_PROXY=1".to_owned());
    lines
}

/// As a POSIX shell reads it back.
fn quoted(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
