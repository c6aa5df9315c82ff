//! Two nodes behind a balancer, as `cargo xtask cluster` starts them: a killed node is not missed, and what ends on one has
//! ended on the other.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use menjin_testbed::{Cluster, SharedStore};
use serde_json::{Value, json};
use tokio::time::timeout;

/// What takes a node a moment may take a slow machine longer.
const DEADLINE: Duration = Duration::from_mins(1);

mod on_postgres {
    mod with_redis {
        mod behind_nginx {
            #[tokio::test]
            async fn two_nodes_are_one_menjin() {
                crate::cluster::two_nodes_are_one_menjin(menjin_testbed::SharedStore::Postgres).await;
            }

            #[tokio::test]
            async fn what_is_killed_by_hand_is_started_by_hand() {
                crate::cluster::what_is_killed_by_hand_is_started_by_hand(menjin_testbed::SharedStore::Postgres).await;
            }
        }
    }
}

mod on_mariadb {
    mod with_redis {
        mod behind_nginx {
            #[tokio::test]
            async fn two_nodes_are_one_menjin() {
                crate::cluster::two_nodes_are_one_menjin(menjin_testbed::SharedStore::MariaDb).await;
            }

            #[tokio::test]
            async fn what_is_killed_by_hand_is_started_by_hand() {
                crate::cluster::what_is_killed_by_hand_is_started_by_hand(menjin_testbed::SharedStore::MariaDb).await;
            }
        }
    }
}

async fn two_nodes_are_one_menjin(store: SharedStore) {
    let cluster = Cluster::start(Path::new(env!("CARGO_BIN_EXE_menjin")), store).unwrap();
    let client = Client { http: reqwest::Client::builder().no_proxy().build().unwrap(), cluster: &cluster };
    let ([one, other], balancer) = (&cluster.nodes, cluster.balancer.url());

    let at_one = client.sign_in(&one.url).await;
    assert_eq!(client.me(&other.url, &at_one).await, 200);
    client.sign_out(&one.url, &at_one).await;
    let refused = async { while client.me(&other.url, &at_one).await != 401 {} };
    timeout(DEADLINE, refused).await.expect("the other node refuses what was ended");

    let before = client.sign_in(&balancer).await;
    one.program.kill().unwrap();
    for _ in 0..4 {
        assert_eq!(client.me(&balancer, &before).await, 200);
        client.sign_in(&balancer).await;
    }
    one.program.start_again().unwrap();
    let serves = async { while client.get(&one.url, "/readyz", None).await != 200 {} };
    timeout(DEADLINE, serves).await.expect("the node that was killed serves again");
    other.program.stop().unwrap();
    assert_eq!(client.me(&balancer, &before).await, 200);
}

/// Each twice: what was started by hand is nobody's child.
async fn what_is_killed_by_hand_is_started_by_hand(store: SharedStore) {
    let cluster = Cluster::start(Path::new(env!("CARGO_BIN_EXE_menjin")), store).unwrap();
    let client = Client { http: reqwest::Client::builder().no_proxy().build().unwrap(), cluster: &cluster };
    let [node_a, node_b] = [0, 1].map(|nth| format!("{}/readyz", cluster.nodes[nth].url));
    let redis_up = format!("{}/metrics", cluster.nodes[0].operator_url);
    for (name, folder) in cluster.mortals() {
        let url = match name {
            "node B" => &node_b,
            "Redis" => &redis_up,
            _ => &node_a,
        };
        let is_alive = |text: &str| if name == "Redis" { text.contains("menjin_redis_up 1") } else { text == "ok" };
        let seen = async |wanted: bool| {
            let is_so = async { while is_alive(&client.text(url).await) != wanted {} };
            timeout(DEADLINE, is_so).await.unwrap_or_else(|_| panic!("{name} should live: {wanted}"));
        };
        for _ in 0..2 {
            seen(true).await;
            run(&folder.join("kill"));
            seen(false).await;
            run(&folder.join("start"));
            seen(true).await;
        }
    }
    let token = client.sign_in(&cluster.balancer.url()).await;
    assert_eq!(client.me(&cluster.balancer.url(), &token).await, 200);
}

/// As if it were pasted into a terminal.
fn run(script: &Path) {
    let status = Command::new("sh").arg(script).status().unwrap();
    assert!(status.success(), "{}", script.display());
}

struct Client<'a> {
    http: reqwest::Client,
    cluster: &'a Cluster,
}

impl Client<'_> {
    /// Gives the access token.
    async fn sign_in(&self, url: &str) -> String {
        let person = json!({"person": "alice"});
        let code = self.post(&format!("{}/_sim/wx/login", self.cluster.simulator_url), person).await;
        let answer = self.post(&format!("{url}/v1/login/{}", Cluster::APP), json!({"code": code["code"]})).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn sign_out(&self, url: &str, token: &str) {
        let request = self.http.post(format!("{url}/v1/logout")).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    async fn me(&self, url: &str, token: &str) -> u16 {
        self.get(url, "/v1/me", Some(token)).await
    }

    async fn get(&self, url: &str, path: &str, token: Option<&str>) -> u16 {
        let request = self.http.get(format!("{url}{path}"));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status().as_u16()
    }

    /// The text of an answer; empty without one.
    async fn text(&self, url: &str) -> String {
        let answered = async { self.http.get(url).send().await?.text().await };
        answered.await.unwrap_or_default()
    }

    async fn post(&self, url: &str, body: Value) -> Value {
        self.http.post(url).json(&body).send().await.unwrap().json().await.unwrap()
    }
}
