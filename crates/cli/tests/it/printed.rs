//! What `cargo xtask gen` takes from the program.

use crate::harness::run_in;

#[test]
fn the_openapi_document_and_the_catalogue_are_printed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let document: serde_json::Value = serde_json::from_str(&run_in(folder.path(), &["openapi"]).ok()).unwrap();
    assert!(document["paths"]["/v1/login/{app}"]["post"].is_object());
    assert!(run_in(folder.path(), &["errors"]).ok().contains("`token_expired`"));
}

#[test]
fn they_are_not_offered_to_people() {
    let folder = tempfile::tempdir().unwrap();
    let help = run_in(folder.path(), &["--help"]).ok();
    assert!(help.contains("tour") && !help.contains("openapi"), "{help}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = crate::harness::menjin(&["openapi"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
