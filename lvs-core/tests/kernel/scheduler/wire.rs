//! A namespace whose packets are dropped, and the packets.
//!
//! All addresses are routed to a dummy interface. Packets are written whole, with clients that do not exist,
//! by raw sockets; on their way out they pass IPVS as those of any local client do.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use lvs_core::ipvs::Protocol;
use lvs_core::net::Address;
use lvs_core::scheduler::Flow;
use lvs_core::{Host, IfName};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, sendto,
    setsockopt, socket, sockopt,
};

/// The firewall mark of marked packets.
pub(crate) const MARK: u32 = 7;

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// Routes all addresses to a dummy interface.
pub(crate) fn route_to_dummy(host: &mut Host) {
    let dummy: IfName = "dummy0".parse().unwrap();
    let net = host.net();
    net.set_up(&IfName::LO).unwrap();
    net.add_dummy(&dummy).unwrap();
    net.set_up(&dummy).unwrap();
    for network in ["10.255.255.254/8", "fd00:ffff::1/16"] {
        let network = network.parse().unwrap();
        let mut address = Address::new(dummy.clone(), network);
        address.no_dad = network.addr().is_ipv6();
        net.add_address(&address).unwrap();
    }
}

/// Sends packets.
pub(crate) struct Wire {
    v4: OwnedFd,
    v6: OwnedFd,
}

impl Wire {
    /// Opens sockets in this thread's namespace.
    pub(crate) fn new(marked: bool) -> Self {
        Self {
            v4: raw(AddressFamily::Inet, marked),
            v6: raw(AddressFamily::Inet6, marked),
        }
    }

    /// Sends the first packet of a flow; returns false if the kernel refused it, as it does without a server.
    pub(crate) fn open(&self, flow: &Flow) -> bool {
        self.send(flow, SYN)
    }

    /// Sends the packets that establish and close a TCP connection; another datagram for UDP.
    pub(crate) fn close(&self, flow: &Flow) {
        if flow.protocol == Protocol::TCP {
            self.send(flow, ACK);
            self.send(flow, FIN | ACK);
        } else {
            self.send(flow, 0);
        }
    }

    fn send(&self, flow: &Flow, flags: u8) -> bool {
        let packet = packet(flow, flags);
        let none = MsgFlags::empty();
        let sent = match flow.target {
            SocketAddr::V4(to) => sendto(self.v4.as_raw_fd(), &packet, &SockaddrIn::from(to), none),
            SocketAddr::V6(mut to) => {
                // On a raw socket the port is a protocol.
                to.set_port(0);
                sendto(self.v6.as_raw_fd(), &packet, &SockaddrIn6::from(to), none)
            }
        };
        match sent {
            Ok(_) => true,
            Err(Errno::EPERM) => false,
            Err(errno) => panic!("send to {}: {errno}", flow.target),
        }
    }
}

/// Opens a socket for packets with their own IP header.
fn raw(family: AddressFamily, marked: bool) -> OwnedFd {
    let socket = socket(
        family,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Raw,
    )
    .unwrap();
    if marked {
        setsockopt(&socket, sockopt::Mark, &MARK).unwrap();
    }
    socket
}

/// Returns a packet. The kernel fills in the checksum that IPv4 needs; no other checksum is verified.
fn packet(flow: &Flow, flags: u8) -> Vec<u8> {
    let protocol = flow.protocol.0 as u8;
    let mut rest = [
        flow.client.port().to_be_bytes(),
        flow.target.port().to_be_bytes(),
    ]
    .concat();
    if flow.protocol == Protocol::TCP {
        rest.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        rest.extend([0, 8, 0, 0]);
    }
    let mut packet = match (flow.client.ip(), flow.target.ip()) {
        (IpAddr::V4(client), IpAddr::V4(target)) => {
            let length = (20 + rest.len()) as u8;
            let mut header = vec![0x45, 0, 0, length, 0, 0, 0, 0, 64, protocol, 0, 0];
            header.extend(client.octets());
            header.extend(target.octets());
            header
        }
        (IpAddr::V6(client), IpAddr::V6(target)) => {
            let mut header = vec![0x60, 0, 0, 0, 0, rest.len() as u8, protocol, 64];
            header.extend(client.octets());
            header.extend(target.octets());
            header
        }
        (client, target) => panic!("{client} cannot reach {target}"),
    };
    packet.extend(rest);
    packet
}
