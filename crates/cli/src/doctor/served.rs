//! What answers under `server.public_url`: whether it is this menjin, and what the proxy in front makes of a request.

use std::net::IpAddr;
use std::time::Duration;

use menjin_server::config::Config;
use menjin_server::{Clock as _, QUESTION, SEEN, Seen, SystemClock, question};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

use super::report::{Report, both};
use crate::http::client_for;

/// An address for documents (RFC 5737): nobody's.
const FORGED: &str = "192.0.2.77";
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn check(report: &mut Report, config: &Config, url: &Url) {
    let base = url.as_str().trim_end_matches('/').to_owned();
    let Ok(client) = client_for(url) else { return };
    let asked = Asked { client, base };
    if !is_this(report, &asked).await {
        return;
    }
    documents(report, &asked).await;
    ready(report, &asked).await;
    proxy(report, config, &asked).await;
    admin_side(report, config, &asked, url).await;
}

struct Asked {
    client: Client,
    base: String,
}

impl Asked {
    async fn get(&self, path: &str) -> Result<(StatusCode, String), String> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.map_err(|error| format!("{:#}", anyhow::Error::new(error.without_url())))?;
        Ok((answer.status(), answer.text().await.map_err(|error| error.without_url().to_string())?))
    }

    async fn json(&self, path: &str) -> Option<Value> {
        let (status, text) = self.get(path).await.ok()?;
        serde_json::from_str(&text).ok().filter(|_| status == StatusCode::OK)
    }
}

/// Whether menjin answers, with the issuer that the configuration gives it.
async fn is_this(report: &mut Report, asked: &Asked) -> bool {
    let base = &asked.base;
    let answer = asked.get("/.well-known/menjin").await;
    let remedy = both!(
        "确认 menjin 在运行，反向代理把整个 {base} 转发给 `server.listen`"
            | "see that menjin runs, and that the proxy passes all of {base} on to `server.listen`"
    );
    let (status, text) = match answer {
        Ok(answer) => answer,
        Err(why) => {
            report.failure("public_url", both!("{base} 没有应答：{why}" | "{base} does not answer: {why}"), remedy);
            return false;
        }
    };
    let about: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(issuer) = about["issuer"].as_str().filter(|_| status == StatusCode::OK) else {
        report.failure(
            "public_url",
            both!("{base} 应答的不是 menjin（HTTP {status}）" | "not menjin answers at {base} (HTTP {status})"),
            remedy,
        );
        return false;
    };
    if issuer != base {
        report.failure(
            "public_url",
            both!("{base} 上的 menjin 自称 {issuer}" | "the menjin at {base} calls itself {issuer}"),
            both!(
                "让 `server.public_url` 与客户端使用的网址一致；改动后重启 menjin"
                    | "let `server.public_url` be what clients call, and start menjin again"
            ),
        );
        return false;
    }
    if about["dev"] == true {
        report.failure(
            "public_url",
            both!("{base} 上运行的是 `menjin dev`" | "what runs at {base} is `menjin dev`"),
            both!("对外只运行 `menjin serve`" | "let people reach `menjin serve` alone"),
        );
        return false;
    }
    let version = about["version"].as_str().unwrap_or("?");
    report.ok("public_url", both!("{base} 上是 menjin {version}" | "menjin {version} answers at {base}"));
    true
}

/// What verifiers fetch.
async fn documents(report: &mut Report, asked: &Asked) {
    let discovery = asked.json("/.well-known/oauth-authorization-server").await.unwrap_or_default();
    let jwks = asked.json("/.well-known/jwks.json").await.unwrap_or_default();
    let keys = jwks["keys"].as_array().map_or(0, Vec::len);
    let names_itself = discovery["issuer"] == asked.base.as_str();
    if keys > 0 && names_itself {
        report.ok(
            "discovery",
            both!("可以取到元数据和 {keys} 把公钥" | "metadata and {keys} public keys can be fetched"),
        );
    } else {
        report.failure(
            "discovery",
            both!(
                "取不到元数据或公钥：后端将无法验证令牌"
                    | "metadata or public keys can't be fetched: back ends can't verify tokens"
            ),
            both!(
                "反向代理必须放行 /.well-known/ 下的所有路径"
                    | "the proxy must let all paths below /.well-known/ through"
            ),
        );
    }
}

/// Whether it serves: its store, and what it knows of ended sessions.
async fn ready(report: &mut Report, asked: &Asked) {
    let answer = asked.get("/readyz").await;
    let code =
        |text: &str| serde_json::from_str::<Value>(text).ok().and_then(|it| Some(it["code"].as_str()?.to_owned()));
    match answer {
        Ok((StatusCode::OK, _)) => {
            report.ok(
                "ready",
                both!("数据库可用，下线记录是最新的" | "its store works, and its feed of ended sessions is fresh"),
            );
        }
        Ok((status, text)) => {
            let code = code(&text).unwrap_or_else(|| "?".to_owned());
            report.failure(
                "ready",
                both!("/readyz 应答 {status} {code}" | "/readyz answers {status} {code}"),
                both!(
                    "按 docs/errors.md 中的 {code} 处理，并查看日志" | "see {code} in docs/errors.md, and menjin's log"
                ),
            );
        }
        Err(why) => report.failure(
            "ready",
            both!("/readyz 没有应答：{why}" | "/readyz does not answer: {why}"),
            both!("查看 menjin 的日志" | "look at menjin's log"),
        ),
    }
}

/// What became of a forged `X-Forwarded-For` on the way.
async fn proxy(report: &mut Report, config: &Config, asked: &Asked) {
    let Ok(question) = question(config, SystemClock.now()) else { return };
    let request = asked.client.get(format!("{}{SEEN}", asked.base));
    let answer = request.header(QUESTION, question).header("x-forwarded-for", FORGED).send().await;
    let answer = match answer {
        Ok(answer) if answer.status() == StatusCode::OK => answer.json::<Seen>().await.ok(),
        Ok(_) | Err(_) => None,
    };
    let Some(seen) = answer else {
        report.failure(
            "same_key",
            both!("应答的 menjin 与这份配置的主密钥不同，或运行着旧版本" | "the menjin that answers has another master key than this configuration, or is an older one"),
            both!("用它的配置文件运行本命令；各节点必须使用同一把 `secret_key`，更新后要重启" | "run this with its configuration; all nodes must have one `secret_key`, and be started again after an update"),
        );
        return;
    };
    let peer = seen.peer.clone().unwrap_or_default();
    match judged(&seen, config.tls.files().is_some(), |peer| config.server.trusted_proxies.iter().any(|it| it.contains(&peer))) {
        Passing::Right => report.ok("proxy", both!("伪造的来源地址不被采信" | "a forged address of origin is not believed")),
        Passing::Untrusted => report.failure_when_live(
            "proxy",
            both!("请求经 {peer} 转发，但它不在 `server.trusted_proxies` 中：所有人都算作同一个地址，会一起被限流" | "requests come by way of {peer}, which is not in `server.trusted_proxies`: all people count as one address, and share its limits"),
            both!("把 \"{peer}\" 加入 `server.trusted_proxies`" | "put \"{peer}\" into `server.trusted_proxies`"),
        ),
        Passing::Silent => report.failure_when_live(
            "proxy",
            both!("反向代理 {peer} 没有传递来源地址：所有人都算作同一个地址" | "the proxy at {peer} does not tell whom it speaks for: all people count as one address"),
            both!("让它追加 X-Forwarded-For，例如 nginx 的 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for" | "let it append X-Forwarded-For, as nginx does with proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for"),
        ),
        Passing::Forgeable => report.failure(
            "proxy",
            both!("伪造的来源地址被采信：任何人都能绕过限流" | "a forged address of origin is believed: anybody gets past the limits"),
            both!("让反向代理 {peer} 改写或追加 X-Forwarded-For，而不是原样转发" | "let the proxy at {peer} write or append X-Forwarded-For instead of passing on what came"),
        ),
    }
    let ahead = seen.time.abs_diff(SystemClock.now().secs());
    if ahead > 5 {
        report.warning(
            "clock",
            both!("应答的节点与本机相差 {ahead} 秒" | "the node that answered differs from this machine by {ahead} s"),
            both!("所有节点都要用 NTP 校时" | "keep the clocks of all nodes by NTP"),
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Passing {
    Right,
    Untrusted,
    Silent,
    Forgeable,
}

fn judged(seen: &Seen, has_own_tls: bool, is_trusted: impl Fn(IpAddr) -> bool) -> Passing {
    let hops: Vec<&str> = seen.forwarded.split(',').map(str::trim).filter(|hop| !hop.is_empty()).collect();
    let as_it_came = hops == [FORGED];
    // A proxy of this machine has appended us, and trusts this machine: others don't come from it.
    let is_ours =
        hops.len() > 1 && hops.last().and_then(|hop| hop.parse::<IpAddr>().ok()).is_some_and(|it| it.is_loopback());
    if seen.client.as_deref() == Some(FORGED) && !is_ours {
        return Passing::Forgeable;
    }
    let is_trusted = seen.peer.as_ref().and_then(|peer| peer.parse().ok()).is_some_and(is_trusted);
    match (is_trusted, as_it_came, hops.len()) {
        (true, _, 0) => Passing::Silent,
        (true, _, _) => Passing::Right,
        // Whoever ends TLS before menjin is a proxy, whether it says whom it speaks for or not.
        (false, true, _) if has_own_tls => Passing::Right,
        (false, true, _) | (false, _, 0) => Passing::Silent,
        (false, false, _) => Passing::Untrusted,
    }
}

/// Metrics, and later the console, are nobody else's business.
async fn admin_side(report: &mut Report, config: &Config, asked: &Asked, url: &Url) {
    let port = config.admin.listen.port();
    let through_proxy = matches!(asked.get("/metrics").await, Ok((StatusCode::OK, _)));
    let by_port = match url.host_str() {
        Some(host) if !config.admin.listen.ip().is_loopback() => {
            let connecting = TcpStream::connect((host.trim_matches(['[', ']']), port));
            tokio::time::timeout(PATIENCE, connecting).await.is_ok_and(|it| it.is_ok())
        }
        Some(_) | None => false,
    };
    if through_proxy {
        report.failure(
            "admin",
            both!("运维端口经 {url} 可以访问" | "the operator's side can be reached through {url}"),
            both!(
                "反向代理只转发到 `server.listen`，不要转发到 `admin.listen`"
                    | "let the proxy pass requests to `server.listen` alone, never to `admin.listen`"
            ),
        );
    } else if by_port {
        report.failure_when_live(
            "admin",
            both!(
                "运维端口 {port} 在对外的地址上可以连接"
                    | "the operator's port {port} takes connections at the public address"
            ),
            both!(
                "`admin.listen` 改为 127.0.0.1，或用防火墙只放行内网"
                    | "let `admin.listen` be 127.0.0.1, or let a firewall keep the port to your own network"
            ),
        );
    } else {
        report.ok("admin", both!("运维端口没有对外开放" | "the operator's side is not open to the public"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, client: &str, forwarded: &str) -> Seen {
        let some = |text: &str| Some(text.to_owned());
        Seen {
            issuer: String::new(),
            peer: some(peer),
            client: some(client),
            forwarded: forwarded.to_owned(),
            host: None,
            time: 0,
        }
    }

    #[test]
    fn a_proxy_is_judged_by_what_became_of_a_forged_address() {
        for (peer, client, forwarded, own_tls, is) in [
            ("10.0.0.2", "198.51.100.9", "192.0.2.77, 198.51.100.9", false, Passing::Right),
            ("10.0.0.2", "198.51.100.9", "198.51.100.9", false, Passing::Right),
            ("10.0.0.2", "192.0.2.77", "192.0.2.77", false, Passing::Forgeable),
            ("10.0.0.2", "192.0.2.77", "192.0.2.77, 10.0.0.3", false, Passing::Forgeable),
            ("10.0.0.2", "192.0.2.77", "192.0.2.77, 127.0.0.1", false, Passing::Right),
            ("10.0.0.2", "10.0.0.2", "", false, Passing::Silent),
            ("172.16.0.9", "172.16.0.9", "192.0.2.77, 198.51.100.9", false, Passing::Untrusted),
            ("172.16.0.9", "172.16.0.9", "", false, Passing::Silent),
            ("172.16.0.9", "172.16.0.9", "192.0.2.77", false, Passing::Silent),
            ("198.51.100.9", "198.51.100.9", "192.0.2.77", true, Passing::Right),
        ] {
            let is_trusted = |it: IpAddr| it.to_string().starts_with("10.");
            assert_eq!(judged(&seen(peer, client, forwarded), own_tls, is_trusted), is, "{peer} {forwarded}");
        }
    }
}
