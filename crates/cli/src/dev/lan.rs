//! The local network: this machine's address on it, and a picture of an address that a phone can read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context as _, anyhow, ensure};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::listen;

/// A public address, beyond every router; which one means nothing. Connecting a UDP socket to it sends nothing.
const OUTSIDE: (Ipv4Addr, u16) = (Ipv4Addr::new(1, 1, 1, 1), 53);

/// How often any free port of one side is tried on the other.
const TRIES: u32 = 16;

/// A listener on the local network and one on loopback, with the same port.
pub(super) fn bind(port: u16) -> anyhow::Result<(TcpListener, TcpListener)> {
    let address = address()?;
    let mut pair = bind_both(address, port);
    for _ in 1..TRIES {
        if pair.is_ok() || port != 0 {
            break;
        }
        pair = bind_both(address, port);
    }
    pair
}

fn bind_both(address: IpAddr, port: u16) -> anyhow::Result<(TcpListener, TcpListener)> {
    let lan = listen::bind(SocketAddr::from((address, port)), "--port")?;
    let same_port = lan.local_addr()?.port();
    Ok((lan, listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, same_port)), "--port")?))
}

/// The address that this machine has on the network that leads outside.
fn address() -> anyhow::Result<IpAddr> {
    let nowhere = || "this machine is on no network (--lan): connect it to the one that the phone is on";
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).with_context(nowhere)?;
    let local = socket.connect(OUTSIDE).and_then(|()| socket.local_addr()).with_context(nowhere)?.ip();
    ensure!(!local.is_loopback() && !local.is_unspecified(), "{}", nowhere());
    Ok(local)
}

/// The text as a QR code of half blocks, dark modules drawn.
pub(super) fn picture(text: &str) -> anyhow::Result<String> {
    let code = QrCode::new(text).map_err(|error| anyhow!("{text} does not fit a QR code: {error}"))?;
    Ok(code.render::<Dense1x2>().build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_of_half_blocks_with_a_quiet_zone() {
        let picture = picture("http://192.168.1.2:7600").unwrap();
        assert!(picture.chars().all(|character| " ▀▄█\n".contains(character)));
        assert!(picture.lines().next().is_some_and(|line| line.trim().is_empty()));
    }
}
