//! The published `standardwebhooks` packages judge what receivers get, in the words of docs/events.md.

use serde_json::json;

use super::receiver::{Receiver, Sent};
use super::sent::begun;
use super::{SIGNED_WITH, reading};
use crate::broker::until;
use crate::harness::TestServer;

/// The block of the manual in this language, which defines `verified(secret, headers, body)`.
fn example(language: &str) -> String {
    let manual = include_str!("../../../../../docs/events.md");
    let (_, from) = manual.split_once(&format!("```{language}\n")).expect("the manual has such a block");
    from.split_once("```").expect("it ends").0.to_owned()
}

/// Deliveries as a receiver got them.
async fn deliveries() -> Vec<Sent> {
    let receiver = Receiver::start().await;
    // The packages look at the real clock, and menjin's stands where it began.
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    begun(&t, 1).await;
    t.phone("alice").await.post("/v1/logout", json!({})).await.ok(204);
    until(async || receiver.taken().len() >= 2).await;
    receiver.taken()
}

/// Good ones are taken; a body, an id, a time or a secret that was changed is not.
async fn judged(program: impl AsyncFn(serde_json::Value) -> serde_json::Value) {
    for sent in deliveries().await {
        let good = json!({"secret": SIGNED_WITH, "headers": sent.as_json()["headers"], "body": sent.body});
        let event = program(good.clone()).await;
        assert_eq!(event, sent.event(), "a good one is taken as it is");
        for (place, other) in [
            ("/body", sent.body.replace("alice", "bob").replace("evt_", "evt_0")),
            ("/headers/webhook-id", "evt_other".to_owned()),
            ("/headers/webhook-timestamp", "1700000000".to_owned()),
            ("/headers/webhook-signature", "v1,AAAA".to_owned()),
            ("/secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(place).unwrap() = json!(other);
            assert_eq!(program(bad).await, json!("refused"), "{place}");
        }
    }
}

/// Runs an interpreter with a program and what it reads from standard input; gives the JSON that it prints.
async fn run(mut command: tokio::process::Command, input: serde_json::Value) -> serde_json::Value {
    use tokio::io::AsyncWriteExt as _;
    let pipe = std::process::Stdio::piped;
    let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().expect("the interpreter starts");
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).await.unwrap();
    let ran = child.wait_with_output().await.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

mod by_python {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
    fn python() -> String {
        std::env::var("MENJIN_TEST_PYTHON")
            .expect("MENJIN_TEST_PYTHON is unset: run `cargo xtask test`, which installs standardwebhooks and sets it")
    }

    #[tokio::test]
    async fn the_example_in_python_takes_what_is_sent_and_refuses_what_was_changed() {
        let script = format!(
            "{}\nimport json, sys\nasked = json.load(sys.stdin)\ntry:\n    answer = verified(asked['secret'], asked['headers'], asked['body'])\nexcept Exception as error:\n    assert type(error).__name__ == 'WebhookVerificationError', error\n    answer = 'refused'\nprint(json.dumps(answer))\n",
            example("python")
        );
        judged(async |asked| {
            let mut command = tokio::process::Command::new(python());
            command.args(["-c", &script]);
            run(command, asked).await
        })
        .await;
    }
}

mod by_node {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/node");

    #[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
    fn node() -> String {
        std::env::var("MENJIN_TEST_NODE")
            .expect("MENJIN_TEST_NODE is unset: run `cargo xtask test`, which installs what the tests need and sets it")
    }

    #[tokio::test]
    async fn the_example_in_javascript_takes_what_is_sent_and_refuses_what_was_changed() {
        let script = format!(
            "{}\nlet text = ''\nfor await (const part of process.stdin) text += part\nconst asked = JSON.parse(text)\nlet answer\ntry {{ answer = verified(asked.secret, asked.headers, asked.body) }} catch (error) {{\n  if (error.constructor.name !== 'WebhookVerificationError') throw error\n  answer = 'refused'\n}}\nconsole.log(JSON.stringify(answer))\n",
            example("js")
        );
        judged(async |asked| {
            let mut command = tokio::process::Command::new(node());
            command.args(["--input-type=module", "--eval", &script]).current_dir(FOLDER);
            run(command, asked).await
        })
        .await;
    }
}
