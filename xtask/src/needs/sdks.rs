//! Other people's WeChat SDKs, which the simulator is tested with: `MENJIN_TEST_SDKS`. Those of Python have folders of their
//! own, because two of them are called `weixin`; those of Node are in the `node_modules` beside the tests' scripts.

use super::{Variables, node, python};
use crate::process::root;

pub(super) const VARIABLE: &str = "MENJIN_TEST_SDKS";

/// The folder's name, which the tests know, and the file of requirements.
const PYTHON: [(&str, &str); 2] =
    [("python-weixin", "xtask/sdks/python-weixin.txt"), ("weixin-python", "xtask/sdks/weixin-python.txt")];
const FOLDER: &str = "target/test-tools/sdks";
const NODE: &str = "crates/sim/tests/sdks";

pub(super) fn get() -> anyhow::Result<Variables> {
    for (name, file) in PYTHON {
        python::prepared(&format!("{FOLDER}/{name}"), file)?;
    }
    node::prepare(NODE)?;
    Ok(vec![(VARIABLE, root().join(FOLDER).into_os_string())])
}
