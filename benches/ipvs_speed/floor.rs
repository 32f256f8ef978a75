//! The lower bound: bytes that were encoded before, sent and received without further work.

use std::os::fd::{AsRawFd, OwnedFd};

use lvs_core::ipvs::message::{FAMILY_NAME, FAMILY_VERSION, IpvsMessage};
use lvs_core::ipvs::{Command, ServiceId};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    setsockopt, socket, sockopt,
};

use crate::Result;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const DONE: u16 = 3;
const CONTROLLER: u16 = 0x10;
/// The size of a send, as in lvs-core.
const SEND: usize = 82 << 10;

/// Holds a generic netlink socket and the number of the IPVS family.
pub(crate) struct Floor {
    socket: OwnedFd,
    family: u16,
    buffer: Vec<u8>,
}

impl Floor {
    pub(crate) fn open() -> Result<Self> {
        let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
        let protocol = SockProtocol::NetlinkGeneric;
        let socket = socket(AddressFamily::Netlink, kind, flags, protocol)?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&socket, sockopt::SndBuf, &(192 << 10))?;
        let mut floor = Self {
            socket,
            family: 0,
            buffer: vec![0; 64 << 10],
        };
        floor.family = floor.resolve()?;
        Ok(floor)
    }

    /// Returns the number of the family: the controller's first attribute after the name.
    fn resolve(&mut self) -> Result<u16> {
        let mut name = FAMILY_NAME.as_bytes().to_vec();
        name.resize(8, 0);
        let attribute = [&[9, 0, 2, 0], name.as_slice()].concat();
        let payload = [&[3, 2, 0, 0], attribute.as_slice()].concat();
        let mut bytes = Vec::new();
        push(&mut bytes, CONTROLLER, 0, &payload);
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
        let answer = self.receive()?;
        match answer.get(20..).and_then(|rest| rest.get(12..18)) {
            Some([6, 0, 1, 0, low, high]) => Ok(u16::from_ne_bytes([*low, *high])),
            other => Err(format!("no number of the family in {other:?}").into()),
        }
    }

    /// Returns commands in sends of 82 KiB, of which only the last command asks for an answer.
    pub(crate) fn packets(&self, commands: &[Command]) -> Vec<Vec<u8>> {
        let messages: Vec<_> = commands.iter().map(|c| payload(&c.message())).collect();
        let mut packets = Vec::new();
        let mut bytes = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            let last = place + 1 == messages.len() || bytes.len() + message.len() > SEND;
            push(&mut bytes, self.family, if last { ACK } else { 0 }, message);
            if last {
                packets.push(std::mem::take(&mut bytes));
            }
        }
        packets
    }

    pub(crate) fn send(&mut self, packets: &[Vec<u8>]) -> Result<()> {
        for packet in packets {
            send(self.socket.as_raw_fd(), packet, MsgFlags::empty())?;
            match self.receive()?.get(16..20) {
                Some([0, 0, 0, 0]) => {}
                other => return Err(format!("the kernel refuses: {other:?}").into()),
            }
        }
        Ok(())
    }

    /// Returns the requests for the services, and for the destinations of each.
    pub(crate) fn requests(&self, ids: impl Iterator<Item = ServiceId>) -> Vec<Vec<u8>> {
        [IpvsMessage::GetService(None)]
            .into_iter()
            .chain(ids.map(IpvsMessage::GetDest))
            .map(|message| {
                let mut bytes = Vec::new();
                push(&mut bytes, self.family, DUMP, &payload(&message));
                bytes
            })
            .collect()
    }

    /// Dumps, and returns the number of received bytes.
    pub(crate) fn dump(&mut self, requests: &[Vec<u8>]) -> Result<usize> {
        let mut bytes = 0;
        for request in requests {
            send(self.socket.as_raw_fd(), request, MsgFlags::empty())?;
            loop {
                let answer = self.receive()?;
                bytes += answer.len();
                if answer.get(4..6) == Some(&DONE.to_ne_bytes()) {
                    break;
                }
            }
        }
        Ok(bytes)
    }

    fn receive(&mut self) -> Result<&[u8]> {
        let fd = self.socket.as_raw_fd();
        let length = recv(fd, &mut self.buffer, MsgFlags::empty())?;
        self.buffer.get(..length).ok_or_else(|| "cut off".into())
    }
}

/// Returns the generic netlink header and the attributes.
fn payload(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = vec![message.command(), FAMILY_VERSION, 0, 0];
    message.encode(&mut bytes);
    bytes
}

fn push(bytes: &mut Vec<u8>, kind: u16, flags: u16, payload: &[u8]) {
    let length = u32::try_from(16 + payload.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
