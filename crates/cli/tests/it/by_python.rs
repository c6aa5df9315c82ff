//! The tests of `clients/python`, of its pages and of its example, against this program. They start it themselves.

use std::path::Path;
use std::process::Command;

#[test]
#[expect(clippy::disallowed_methods, reason = "where the test's Python is")]
fn the_python_client_its_pages_and_its_example_hold() {
    let python = std::env::var("MENJIN_TEST_PYTHON").expect("MENJIN_TEST_PYTHON: `cargo xtask test` sets it");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/python");
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-q", "--color=no"]).current_dir(folder);
    pytest.env("MENJIN_TEST_PROGRAM", env!("CARGO_BIN_EXE_menjin")).env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = pytest.output().expect("the interpreter named by MENJIN_TEST_PYTHON starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains(" passed") && !last.contains("skipped"), "{last}");
}
