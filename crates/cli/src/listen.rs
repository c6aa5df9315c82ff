//! Binding sockets, with errors that name what to change.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use anyhow::anyhow;

/// Binds `address`; `key` is the option or the key of `menjin.toml` that it came from.
pub(crate) fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let kind = error.kind();
        if kind == ErrorKind::AddrInUse {
            return anyhow!("{address} is in use (`{key}`): stop what listens there, or choose another port");
        }
        if kind == ErrorKind::PermissionDenied {
            return anyhow!("{address} is not allowed to this account (`{key}`): choose a port above 1023, or give it CAP_NET_BIND_SERVICE");
        }
        anyhow!("{address} can't be listened on (`{key}`): {error}")
    })
}

/// The same socket for tokio's side.
pub(crate) fn asynchronous(listener: TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
