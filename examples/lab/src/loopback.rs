//! The loopback interface: before it is up there is no local routing table, and IPVS refuses every destination.

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use std::os::fd::AsRawFd;

use crate::error::{Context, Error, Result};

/// RTM_NEWLINK with NLM_F_REQUEST | NLM_F_ACK for interface 1: set IFF_UP.
const UP: [u8; 32] = [
    32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, // nlmsghdr
    0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, // ifinfomsg
];

/// Sets `lo` up in this thread's network namespace.
pub(crate) fn set_up() -> Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .context("open rtnetlink")?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &UP, &kernel, MsgFlags::empty()).context("set lo up")?;
    let mut answer = [0; 64];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).context("set lo up")?;
    match answer.get(16..20) {
        Some([0, 0, 0, 0]) => Ok(()),
        other => Err(Error::failed(format!(
            "set lo up: the kernel says {other:?}"
        ))),
    }
}
