//! `server.public_url` as phones meet it: a name, an address, a certificate that WeChat takes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use menjin_token::Timestamp;
use tokio::net::lookup_host;
use url::{Host, Url};

use super::handshake::{self, Handshake};
use super::report::{Both, Report, both};

/// Certificates of public authorities are renewed a month ahead.
const SOON: Duration = Duration::from_hours(14 * 24);
const DAY: Duration = Duration::from_hours(24);

/// Whether menjin can be asked there.
pub(super) async fn check(report: &mut Report, url: &Url, now: Timestamp) -> bool {
    let Some(host) = url.host_str() else { return false };
    let port = url.port_or_known_default().unwrap_or(443);
    if let Some(Host::Ipv4(_) | Host::Ipv6(_)) = url.host() {
        report.failure_when_live(
            "domain",
            both!("{url} 用的是 IP 地址，微信不允许" | "{url} is an IP address, which WeChat does not take"),
            both!("用已备案的域名作 `server.public_url`" | "take a domain with an ICP record for `server.public_url`"),
        );
    }
    let addresses: Vec<SocketAddr> = match lookup_host((host.trim_matches(['[', ']']), port)).await {
        Ok(found) => found.collect(),
        Err(error) => {
            report.failure(
                "domain",
                both!("域名 {host} 解析不到：{error}" | "{host} has no address: {error}"),
                both!(
                    "在域名服务商处添加解析记录，或改正 `server.public_url`"
                        | "add its DNS record, or mend `server.public_url`"
                ),
            );
            return false;
        }
    };
    let listed = addresses.iter().map(|it| it.ip().to_string()).collect::<Vec<_>>().join(", ");
    if addresses.iter().any(|it| is_private(it.ip())) {
        report.failure_when_live(
            "domain",
            both!("{host} 在这里解析为内网地址 {listed}，手机访问不到" | "{host} is {listed} here, which phones can't reach"),
            both!("让域名在公网解析到服务器或负载均衡的公网地址；若只是本机另有解析，可忽略" | "let it have the public address of the server or load balancer; ignore this if only this machine resolves it so"),
        );
    } else {
        report.ok("domain", both!("{host} 解析为 {listed}" | "{host} is {listed}"));
    }
    if url.scheme() != "https" {
        // Told by the configuration.
        return true;
    }
    certificate(report, handshake::with(&addresses, host).await, (host, port), now)
}

fn certificate(report: &mut Report, handshake: Handshake, (host, port): (&str, u16), now: Timestamp) -> bool {
    let (found, remedy): (Both, Both) = match handshake {
        Handshake::Good(facts) => {
            let Some(until) = facts.map(|facts| facts.until) else { return true };
            let days = until.since(now).as_secs() / DAY.as_secs();
            let found = both!(
                "TLS 1.2 以上，证书链完整，域名相符，{days} 天后到期"
                    | "TLS 1.2 or newer, the chain is whole, the name is right, {days} days left"
            );
            if until.since(now) < SOON {
                let remedy = both!("续期，并让续期自动化" | "renew it, and let that happen by itself");
                report.warning("certificate", found, remedy);
            } else {
                report.ok("certificate", found);
            }
            return true;
        }
        Handshake::NoConnection(why) => (
            both!("从本机连不上 {host}:{port}：{why}" | "{host}:{port} can't be reached from here: {why}"),
            both!(
                "确认 menjin 与反向代理在运行、防火墙和安全组放行该端口"
                    | "see that menjin and its proxy run, and that firewalls let this port in"
            ),
        ),
        Handshake::NoTls(why) => (
            both!("{host}:{port} 没有用 TLS 应答：{why}" | "{host}:{port} does not answer with TLS: {why}"),
            both!(
                "在反向代理上配置 https，或用 `[tls]` 给 menjin 证书"
                    | "set up https at the proxy, or give menjin a certificate by `[tls]`"
            ),
        ),
        Handshake::TooOld => (
            both!("{host} 只支持 TLS 1.2 以前的版本" | "{host} speaks no TLS 1.2 or newer"),
            both!(
                "在反向代理上启用 TLS 1.2 和 1.3：微信不接受更旧的"
                    | "switch TLS 1.2 and 1.3 on at the proxy: WeChat takes nothing older"
            ),
        ),
        Handshake::Expired(facts) => {
            let until = facts.map_or_else(String::new, |facts| facts.until.to_string());
            (
                both!("证书已于 {until} 过期" | "the certificate has expired on {until}"),
                both!(
                    "续期并让反向代理重新加载；若证书没过期，检查本机时间"
                        | "renew it and have the proxy load it; if it has not expired, look at this machine's clock"
                ),
            )
        }
        Handshake::NotYet => (
            both!("证书还没到生效时间" | "the certificate does not hold yet"),
            both!("检查本机时间，或换回上一张证书" | "look at this machine's clock, or use the former one"),
        ),
        Handshake::WrongName => (
            both!("证书不是发给 {host} 的" | "the certificate is not for {host}"),
            both!(
                "申请包含 {host} 的证书，或改正 `server.public_url`"
                    | "get one that names {host}, or mend `server.public_url`"
            ),
        ),
        Handshake::SelfSigned => (
            both!(
                "证书是自签的，手机和微信都不接受"
                    | "the certificate is self-signed: neither phones nor WeChat take it"
            ),
            both!("用公共 CA 签发的证书（免费的也可以）" | "get one from a public authority; a free one will do"),
        ),
        Handshake::Incomplete => (
            both!(
                "证书链不完整：服务器只给出了自己的证书，缺少中间证书（浏览器可能没问题，手机会失败）"
                    | "the chain is incomplete: the server shows its own certificate and not the one above it (browsers may not mind, phones do)"
            ),
            both!(
                "把完整的链（fullchain.pem）配置给反向代理或 `tls.cert`；若证书来自私有 CA，换成公共 CA 的"
                    | "give the whole chain (fullchain.pem) to the proxy or to `tls.cert`; if it is of a private authority, take a public one"
            ),
        ),
        Handshake::Untrusted => (
            both!(
                "证书的签发机构不受信任，或证书链顺序有误、缺少中间证书"
                    | "nobody trusts the certificate's authority, or the chain has a gap"
            ),
            both!(
                "用公共 CA 的证书，并按“自己的证书、中间证书”的顺序给出完整的链"
                    | "take one of a public authority, and show the whole chain, its own first"
            ),
        ),
        Handshake::Refused(why) => (
            both!("证书被拒绝：{why}" | "the certificate is refused: {why}"),
            both!("换一张公共 CA 签发的证书" | "get another one from a public authority"),
        ),
    };
    report.failure("certificate", found, remedy);
    false
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(it) => it.is_loopback() || it.is_private() || it.is_link_local() || it.is_unspecified(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local() || it.is_unspecified(),
    }
}
