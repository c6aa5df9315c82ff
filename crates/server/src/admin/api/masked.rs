//! What is shown to whoever may only look: an address without its end.

use std::net::IpAddr;

use crate::admin::{Operator, Right};
use crate::{AuditLineView, SessionView};

/// An address whole for who helps people, else the network that it is in.
fn address(operator: &Operator, ip: Option<String>) -> Option<String> {
    if operator.has(Right::Support) { ip } else { ip.map(|ip| network(&ip)) }
}

fn network(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
        Err(_) => "?".to_owned(),
    }
}

pub(in crate::admin) fn session(operator: &Operator, session: SessionView) -> SessionView {
    let ip = address(operator, session.ip);
    let user_agent = session.user_agent.filter(|_| operator.has(Right::Support));
    SessionView { ip, user_agent, ..session }
}

pub(in crate::admin) fn line(operator: &Operator, line: AuditLineView) -> AuditLineView {
    AuditLineView { ip: address(operator, line.ip), ..line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_end() {
        assert_eq!(network("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(network("2001:db8:12:34::1"), "2001:db8:12::/48");
        assert_eq!(network("somewhere"), "?");
    }
}
