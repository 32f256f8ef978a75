//! The channel to the kernel's IPVS: a netlink socket that exchanges [`IpvsMessage`]s.

use nix::libc::{ENOENT, ESRCH};

use super::dump::{Dump, Identified};
use super::message::{DecodeError, FAMILY_NAME, IpvsMessage};
use super::{DestinationStatus, ServiceId, ServiceStatus, errno};
use crate::error::{Cause, Error, Operation, Result};
use crate::netlink::conn::refused;
use crate::netlink::exchange::Exchange;
use crate::netlink::packet::{ACK, Packet};
use crate::netlink::{Conn, Reply, family};

/// `NLMSG_NOOP`, which does nothing and is answered on request.
///
/// It follows the commands of a send, whose success is silent and one of which (stopping a daemon) may
/// lose its answer altogether.
const BARRIER: u16 = 1;
/// The most bytes that the kernel charges to the receive buffer for one service.
const SERVICE: usize = 8 << 10;

/// Is a netlink socket together with the number of the IPVS family.
///
/// The kernel assigns the number when it loads the module, and another one when it loads it again. A request
/// to a number that is out of date is refused with `ENOENT`, as is one for an object that does not exist.
pub(super) struct Channel {
    pub(super) conn: Conn,
    pub(super) family: u16,
}

impl Channel {
    /// Sends a request that has one reply, and returns what `select` accepts of the replies.
    pub(super) fn ask<T>(
        &mut self,
        operation: &Operation,
        message: &IpvsMessage,
        select: impl Fn(IpvsMessage) -> Option<T>,
    ) -> Result<T> {
        let replies = self.renewing(operation, |channel| {
            let payload = payload(message);
            channel
                .conn
                .request(operation, channel.family, ACK, &payload)
        })?;
        decode_all(operation, &replies)?
            .into_iter()
            .find_map(select)
            .ok_or_else(|| {
                Error::new(
                    operation.clone(),
                    Cause::Decode("it is not a reply to the request".to_owned()),
                )
            })
    }

    /// Requests a dump, and returns what `select` accepts of it with the number of passes in which the kernel made
    /// it.
    ///
    /// The kernel holds its lock for one pass; between two of them the list may change.
    pub(super) fn dump<T: Send + Sync + 'static>(
        &mut self,
        operation: &Operation,
        message: &IpvsMessage,
        select: impl Fn(IpvsMessage) -> Option<T>,
    ) -> Result<(Vec<T>, usize)> {
        let payload = payload(message);
        let select = |reply: Reply| Ok(select(decode(operation, &reply)?));
        self.renewing(operation, |channel| {
            let family = channel.family;
            channel.conn.dump_by(operation, family, &payload, select)
        })
    }

    /// Calls `request`, and once more if it was refused because the module was loaded anew.
    fn renewing<T>(
        &mut self,
        operation: &Operation,
        request: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<T> {
        match request(self) {
            Err(error) if error.errno() == Some(ENOENT) && self.renew(operation)? => request(self),
            result => result,
        }
        .map_err(errno::general)
    }

    /// Resolves the number of the family anew, and returns whether it is another one. The module is not
    /// loaded for that.
    pub(super) fn renew(&mut self, operation: &Operation) -> Result<bool> {
        let number = family::find(&mut self.conn, operation, FAMILY_NAME)?
            .ok_or_else(|| errno::unloaded(operation))?;
        let is_other = number != self.family;
        self.family = number;
        Ok(is_other)
    }

    /// Dumps the services, and returns them with the number of passes.
    pub(super) fn services(&mut self) -> Result<(Dump<ServiceStatus>, usize)> {
        self.services_as(|status| status)
    }

    /// Dumps what is made of each service, and returns it with the number of passes.
    pub(super) fn services_as<T: Identified + Send + Sync + 'static>(
        &mut self,
        of: impl Fn(ServiceStatus) -> T,
    ) -> Result<(Dump<T>, usize)> {
        let operation = Operation::new("list services", "");
        let (services, passes) =
            self.dump(&operation, &IpvsMessage::GetService(None), |message| {
                service(message).map(&of)
            })?;
        Ok((Dump::new(services), passes))
    }

    /// Dumps the destinations of a service, and returns them with the number of passes. A service that
    /// does not exist has none.
    pub(super) fn destinations(
        &mut self,
        id: &ServiceId,
    ) -> Result<(Dump<DestinationStatus>, usize)> {
        let operation = Operation::new("list destinations of", id);
        let status = |message| match message {
            IpvsMessage::Dest(status) => Some(status),
            _ => None,
        };
        let (statuses, passes) = self.dump(&operation, &IpvsMessage::GetDest(*id), status)?;
        Ok((Dump::new(statuses), passes))
    }

    /// Reads those of the given services that exist. Each is requested by itself, which is exact, in as
    /// few sends as possible.
    pub(super) fn existing(&mut self, ids: &[ServiceId]) -> Result<Dump<ServiceStatus>> {
        let operation = Operation::new("read services", "");
        let most = (self.conn.receive_buffer() / SERVICE).max(1);
        let mut found = Vec::new();
        for ids in ids.chunks(most) {
            let mut exchange = self.send(&operation, &mut self.requests(ids))?;
            if exchange.is_refused_with(ENOENT) && self.renew(&operation)? {
                exchange = self.send(&operation, &mut self.requests(ids))?;
            }
            for (_, refusal) in exchange.refusals {
                if refusal.errno != ESRCH {
                    return Err(errno::general(refused(operation, refusal)));
                }
            }
            let messages = decode_all(&operation, &exchange.replies)?;
            found.extend(messages.into_iter().filter_map(service));
        }
        // A service that was requested twice was answered twice.
        found.sort_unstable_by_key(|status| status.service.id);
        found.dedup_by_key(|status| status.service.id);
        Ok(Dump::new(found))
    }

    fn requests(&self, ids: &[ServiceId]) -> Packet {
        let mut packet = Packet::default();
        for id in ids {
            self.push(&mut packet, &IpvsMessage::GetService(Some(*id)));
        }
        packet
    }

    /// Adds a request whose success is silent.
    pub(super) fn push(&self, packet: &mut Packet, message: &IpvsMessage) {
        packet.push(self.family, 0, |out| message.encode_with_header(out));
    }

    /// Sends a packet of requests with the barrier behind them, and collects the answers.
    pub(super) fn send(&mut self, operation: &Operation, packet: &mut Packet) -> Result<Exchange> {
        packet.push(BARRIER, ACK, |_| {});
        self.conn
            .exchange(operation, packet)
            .map_err(errno::general)
    }
}

fn payload(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode_with_header(&mut bytes);
    bytes
}

fn decode(operation: &Operation, reply: &Reply) -> Result<IpvsMessage> {
    let broken =
        |error: DecodeError| Error::new(operation.clone(), Cause::Decode(error.to_string()));
    IpvsMessage::decode_with_header(&reply.payload).map_err(broken)
}

fn decode_all(operation: &Operation, replies: &[Reply]) -> Result<Vec<IpvsMessage>> {
    let messages = replies.iter().map(|reply| decode(operation, reply));
    messages.collect()
}

fn service(message: IpvsMessage) -> Option<ServiceStatus> {
    match message {
        IpvsMessage::Service(status) => Some(status),
        _ => None,
    }
}
