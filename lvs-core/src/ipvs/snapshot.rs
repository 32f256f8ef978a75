//! The whole table, read so that nothing which stood there all the time can be missing.
//!
//! The kernel has no atomic reading. It dumps a list in datagrams of up to 32 KiB and remembers
//! between two only *how many* entries it has sent: where an earlier one went meanwhile, the next is
//! skipped, though it was there all the time; where one came, the last is sent twice. Nothing in the
//! dump tells of it (`NLM_F_DUMP_INTR` is never set).
//!
//! So every list that is longer than one datagram is read twice. Two readings that are cut at the
//! same places can skip the same entry: while a program deleted and added one service over and over,
//! every ninth pair of readings agreed and had lost the same one (measured on kernel 6.1). The second
//! reading is therefore made on a socket with less room, whose datagrams end elsewhere: to hide one
//! entry from both, as many others would have to come and go unseen as lie between the two cuts.

use super::batch::BARRIER;
use super::dump::{Dump, union};
use super::handle::decode;
use super::message::IpvsMessage;
use super::{
    DestinationStatus, Ipvs, ServiceEntryStatus, ServiceId, ServiceStatus, Snapshot, errno,
};
use crate::error::{Cause, Error, Operation, Result};
use crate::netlink::conn::refused;
use crate::netlink::packet::{ACK, Packet};
use crate::netlink::{Conn, Reply};

/// How often the table is read in the hope that it keeps still.
const ROUNDS: usize = 8;
/// The room of the second socket. The first one's datagrams are of 32 KiB; with the golden ratio
/// between them the cuts stay apart for as long as they can.
pub(super) const SECOND_ROOM: usize = 20_252;
/// What the kernel charges at most to the receive buffer for one service.
const SERVICE: usize = 8 << 10;

impl Ipvs {
    /// All services with their destinations (newest first, the order of the kernel's schedulers).
    /// Services come in the kernel's hash order, which means nothing and may change.
    ///
    /// The kernel has no atomic reading: entries that come or go meanwhile make others appear twice
    /// or not at all. So services are read before and after the destinations, and long lists of
    /// destinations twice, until all agree on which entries there are. What was there from the
    /// beginning to the end is then in the snapshot; what came or went may be.
    ///
    /// Before something whole is added or deleted because of a snapshot, ask for that one
    /// [`service`](Self::service), which is exact.
    ///
    /// # Errors
    /// [`is_unsettled`](Error::is_unsettled) if the readings of 8 rounds do not agree:
    /// [`Error::seen`] has the union of them. Otherwise as [`services`](Self::services).
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        let operation = Operation::new("read the IPVS table", "");
        self.settle(operation, |ipvs, round| {
            let conn = match round % 2 {
                0 => &mut ipvs.conn,
                _ => &mut ipvs.second,
            };
            Self::read_services(conn, ipvs.family)
        })
    }

    /// As [`snapshot`](Self::snapshot), but only these services, as many of them as there are. What
    /// happens to others does not matter, and is no work either.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, ServiceId};
    /// let http: ServiceId = "tcp 172.16.5.11:80".parse()?;
    /// let mut ipvs = Ipvs::open()?;
    /// match ipvs.snapshot_of(&[http])?.as_slice() {
    ///     [entry] => println!("{:?} {:?}", entry.status, entry.destinations),
    ///     _ => println!("there is no {http}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_of(&mut self, services: &[ServiceId]) -> Result<Snapshot> {
        let object = format!("{} services", services.len());
        let operation = Operation::new("read from the IPVS table", object);
        self.settle(operation, |ipvs, _| ipvs.ask_for_services(services))
    }

    /// Rounds of services, destinations, services, until one is all of a piece; the services after
    /// one round are those before the next. `services` is told the number of its call, from 0.
    fn settle(
        &mut self,
        operation: Operation,
        mut services: impl FnMut(&mut Self, usize) -> Result<Dump<ServiceStatus>>,
    ) -> Result<Snapshot> {
        let mut seen = Vec::new();
        let mut before = services(self, 0)?;
        for round in 1..=ROUNDS {
            let (destinations, calm) = self.read_all_destinations(&before)?;
            let after = services(self, round)?;
            let settled = calm && before.agrees(&after);
            let table = before
                .items
                .into_iter()
                .zip(destinations)
                .map(|(status, destinations)| ServiceEntryStatus {
                    status,
                    destinations,
                })
                .collect();
            if settled {
                return Ok(table);
            }
            seen.push(table);
            before = after;
        }
        let last = before.items.into_iter().map(|status| ServiceEntryStatus {
            status,
            destinations: Vec::new(),
        });
        seen.push(last.collect());
        let seen = union(seen);
        Err(Error::new(operation, Cause::Unsettled { seen })
            .advise("somebody keeps changing it; try again"))
    }

    /// The destinations of these services, and whether all of their lists kept still.
    fn read_all_destinations(
        &mut self,
        services: &Dump<ServiceStatus>,
    ) -> Result<(Vec<Vec<DestinationStatus>>, bool)> {
        let mut lists = Vec::with_capacity(services.items.len());
        let mut calm = true;
        for status in &services.items {
            let list = self.read_destinations(&status.service.id)?;
            calm &= list.calm;
            lists.push(list.items);
        }
        Ok((lists, calm))
    }

    /// The destinations of a service, none if there is no such service. A list of one datagram is
    /// one look, for which the kernel keeps still.
    fn read_destinations(&mut self, id: &ServiceId) -> Result<Dump<DestinationStatus>> {
        let (list, looks) = dump_destinations(&mut self.conn, self.family, id)?;
        if looks < 2 {
            return Ok(list);
        }
        let (again, _) = dump_destinations(&mut self.second, self.family, id)?;
        Ok(list.confirmed_by(again))
    }

    /// One reading of the destinations.
    pub(super) fn dump_destinations(&mut self, id: &ServiceId) -> Result<Vec<DestinationStatus>> {
        let (list, _) = dump_destinations(&mut self.conn, self.family, id)?;
        Ok(list.items)
    }

    /// One reading of the services.
    pub(super) fn read_services(conn: &mut Conn, family: u16) -> Result<Dump<ServiceStatus>> {
        let operation = Operation::new("list services", "");
        let message = IpvsMessage::GetService(None);
        let (replies, _) = dump(conn, family, &operation, &message)?;
        Ok(Dump::new(
            decode(&operation, &replies)?
                .into_iter()
                .filter_map(service),
        ))
    }

    /// Those of the services that there are, asked for one by one, which is exact, in as few sends
    /// as possible.
    fn ask_for_services(&mut self, ids: &[ServiceId]) -> Result<Dump<ServiceStatus>> {
        let operation = Operation::new("read services", "");
        let most = (self.conn.receive_buffer() / SERVICE).max(1);
        let mut found = Vec::new();
        for ids in ids.chunks(most) {
            let mut packet = questions(self.family, ids);
            let exchange = self.conn.exchange(&operation, &mut packet)?;
            for (_, refusal) in exchange.refusals {
                let error = refused(operation.clone(), refusal);
                if !error.is_not_found() {
                    return Err(errno::general(error));
                }
            }
            let messages = decode(&operation, &exchange.replies)?;
            found.extend(messages.into_iter().filter_map(service));
        }
        // Who asks twice for one is answered twice.
        found.sort_unstable_by_key(|status| status.service.id);
        found.dedup_by_key(|status| status.service.id);
        Ok(Dump::new(found.into_iter()))
    }
}

fn questions(family: u16, ids: &[ServiceId]) -> Packet {
    let mut packet = Packet::default();
    for id in ids {
        let message = IpvsMessage::GetService(Some(*id));
        packet.push(family, 0, |out| message.encode_with_header(out));
    }
    packet.push(BARRIER, ACK, |_| {});
    packet
}

fn service(message: IpvsMessage) -> Option<ServiceStatus> {
    match message {
        IpvsMessage::Service(status) => Some(status),
        _ => None,
    }
}

/// The destinations of a service, and in how many looks the kernel took them.
fn dump_destinations(
    conn: &mut Conn,
    family: u16,
    id: &ServiceId,
) -> Result<(Dump<DestinationStatus>, usize)> {
    let operation = Operation::new("list destinations of", id);
    let (replies, looks) = dump(conn, family, &operation, &IpvsMessage::GetDest(*id))?;
    let statuses = decode(&operation, &replies)?
        .into_iter()
        .filter_map(|message| match message {
            IpvsMessage::Dest(status) => Some(status),
            _ => None,
        });
    Ok((Dump::new(statuses), looks))
}

fn dump(
    conn: &mut Conn,
    family: u16,
    operation: &Operation,
    message: &IpvsMessage,
) -> Result<(Vec<Reply>, usize)> {
    let mut payload = Vec::new();
    message.encode_with_header(&mut payload);
    conn.dump_looks(operation, family, &payload)
        .map_err(errno::general)
}
