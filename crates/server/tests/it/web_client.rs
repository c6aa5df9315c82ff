//! `clients/web` in a real browser: what its own tests can only play, locks and news between tabs.

mod in_browser {
    mod by_node {
        use std::path::Path;
        use std::time::Duration;

        use serde_json::json;
        use tokio::process::Command;

        use crate::dev_page::in_browser::browser::Browser;
        use crate::harness::{Setup, TestServer};

        const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/web");
        const BUILD: &str = "import { build } from './build.js'; await build(process.argv[1])";
        /// As the client names it.
        const LOCK: &str = "menjin.shop";
        /// How many requests each tab sends at once.
        const MANY: usize = 20;

        #[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
        fn node() -> String {
            std::env::var("MENJIN_TEST_NODE").expect(
                "MENJIN_TEST_NODE is unset: run `cargo xtask test`, which installs what the tests need and sets it",
            )
        }

        /// A script that puts the client into a page, as `account`; the page then shows how what it was told to do went.
        async fn client() -> String {
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new(node());
            command.args(["--input-type=module", "--eval", BUILD]).arg(folder.path()).current_dir(Path::new(FOLDER));
            let ran = command.output().await.expect("the program named by MENJIN_TEST_NODE starts");
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            let text = std::fs::read_to_string(folder.path().join("web.cjs")).unwrap();
            format!(
                "(() => {{ const module = {{ exports: {{}} }};\n{text}\n
                const shown = document.body.dataset;
                window.account = module.exports.createClient({{ app: 'shop', storage: 'local' }});
                account.onSessionEnd(({{ reason }}) => (shown.ended = (shown.ended ?? '') + reason));
                const ask = () => Promise.all(Array.from({{ length: {MANY} }}, () => account.fetch('/v1/me')))
                    .then((answers) => (shown.statuses = answers.map((answer) => answer.status)), (error) => (shown.statuses = error.code));
                new BroadcastChannel('ask').onmessage = ask;
                window.refreshes = () => performance.getEntriesByType('resource').filter(({{ name }}) => name.endsWith('/v1/token/refresh')).length }})()"
            )
        }

        /// A tab of the site with the client in it.
        async fn tab(t: &TestServer, browser: &Browser, client: &str) -> String {
            let tab = browser.new_tab(&format!("{}/dev/sign-in", t.url)).await;
            browser.run(client).await;
            tab
        }

        #[tokio::test]
        async fn two_tabs_whose_token_has_expired_refresh_once_and_sign_out_together() {
            let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
            let (browser, client) = (Browser::start("en").await, client().await);
            let one = tab(&t, &browser, &client).await;
            let code = json!({"code": t.code("alice")});
            browser
                .run(&format!(
                    "void account.login({code}).then((it) => (document.body.dataset.session = it.session_id))"
                ))
                .await;
            browser.until("document.body.dataset.session").await;
            let session = browser.run("document.body.dataset.session").await;
            let two = tab(&t, &browser, &client).await;
            assert_eq!(browser.run("account.current().session_id").await, session);
            let token = browser.run("account.accessToken()").await;

            // A third tab holds the lock until both wait for it, and is closed with the lock in hand.
            browser.new_tab(&format!("{}/dev/sign-in", t.url)).await;
            browser.run(&format!("void navigator.locks.request('{LOCK}', () => new Promise(() => (document.body.dataset.held = 'yes')))")).await;
            browser.until("document.body.dataset.held").await;
            t.advance(Duration::from_mins(16));
            browser.run("void new BroadcastChannel('ask').postMessage('')").await;
            browser
                .run(
                    "void (async function look() {
                document.body.dataset.waiting = (await navigator.locks.query()).pending.length;
                setTimeout(look, 10);
            })()",
                )
                .await;
            browser.until("document.body.dataset.waiting === '2'").await;
            browser.close_tab().await;

            let (mut refreshes, mut tokens) = (0, Vec::new());
            for tab in [&one, &two] {
                browser.look_at(tab).await;
                browser.until("document.body.dataset.statuses").await;
                assert_eq!(browser.run("document.body.dataset.statuses").await, ["200"; MANY].join(","));
                assert_eq!(browser.run("account.current().session_id").await, session);
                refreshes += browser.run("refreshes()").await.as_u64().unwrap();
                tokens.push(browser.run("account.accessToken()").await);
            }
            assert_eq!(refreshes, 1);
            assert!(tokens[0] == tokens[1] && tokens[0] != token, "both have the new token");

            assert_eq!(browser.run("account.logout()").await, true);
            for tab in [&one, &two] {
                browser.look_at(tab).await;
                browser.until("document.body.dataset.ended").await;
                assert_eq!(browser.run("document.body.dataset.ended").await, "logout");
                assert_eq!(browser.run("account.current()").await, serde_json::Value::Null);
            }
        }
    }
}
