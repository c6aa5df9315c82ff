//! The platforms' hosts, and below which prefix the simulator answers for each.

pub(super) struct Host {
    pub(super) name: &'static str,
    prefix: &'static str,
}

pub(super) static HOSTS: [Host; 8] = [
    Host { name: "api.weixin.qq.com", prefix: "" },
    Host { name: "open.weixin.qq.com", prefix: "" },
    Host { name: "api.q.qq.com", prefix: "/qq" },
    Host { name: "graph.qq.com", prefix: "/qq-connect" },
    Host { name: "developer.toutiao.com", prefix: "/douyin" },
    Host { name: "open.douyin.com", prefix: "/douyin" },
    Host { name: "openapi.alipay.com", prefix: "/alipay" },
    Host { name: "openauth.alipay.com", prefix: "/alipay" },
];

/// Below these, without a prefix, something lives that is not WeChat's.
const OTHERS: [&str; 5] = ["/_sim", "/qq", "/qq-connect", "/douyin", "/alipay"];

pub(super) fn named(name: &str) -> Option<&'static Host> {
    HOSTS.iter().find(|host| host.name.eq_ignore_ascii_case(name))
}

impl Host {
    /// The simulator's path for one of this host's.
    pub(super) fn inside(&self, path: &str) -> Option<String> {
        let first = path.split(['?', '/']).nth(1).unwrap_or_default();
        let is_others = OTHERS.iter().any(|other| other[1..] == *first);
        if path == "/" || (self.prefix.is_empty() && is_others) {
            return None;
        }
        Some(format!("{}{path}", self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_own_paths_and_no_others() {
        let inside = |host, path| named(host).and_then(|host| host.inside(path));
        let path = "/sns/jscode2session?appid=/_sim";
        assert_eq!(inside("api.weixin.qq.com", path).as_deref(), Some(path));
        assert_eq!(inside("API.Q.QQ.COM", "/sns/jscode2session").as_deref(), Some("/qq/sns/jscode2session"));
        assert_eq!(inside("openapi.alipay.com", "/gateway.do?a=b").as_deref(), Some("/alipay/gateway.do?a=b"));
        for path in ["/", "/_sim", "/_sim/apps", "/_sim?x", "/qq/sns/jscode2session", "/alipay/gateway.do"] {
            assert_eq!(inside("api.weixin.qq.com", path), None, "{path}");
        }
        assert_eq!(inside("graph.qq.com", "/_sim/apps").as_deref(), Some("/qq-connect/_sim/apps"));
        assert!(named("example.com").is_none() && named("weixin.qq.com").is_none());
    }
}
