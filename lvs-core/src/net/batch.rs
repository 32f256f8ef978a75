//! Batches: many changes of addresses and routes in few sends.

use std::collections::{BTreeMap, HashSet};

use nix::libc::{ESRCH, RTM_DELADDR, RTM_DELROUTE, RTM_NEWADDR, RTM_NEWROUTE};

use super::handle::{NEW, REPLACE};
use super::{Address, Net, Route, RouteId, errno, message};
use crate::error::{Error, Operation, Result};
use crate::ipvs::BatchOutcome;
use crate::name::IfName;
use crate::netlink::conn::refused;
use crate::netlink::packet::{ACK, Packet};

/// The number of bytes from which on a send is closed.
const ENOUGH: usize = 82 << 10;
/// `NLMSG_NOOP`: the last message of a send, which is answered in any case.
const NOOP: u16 = 1;

/// Describes one change of a [batch](Net::batch).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetChange {
    /// Adds an address as [`Net::add_address`] does.
    AddAddress(Address),
    /// Deletes an address with exactly this interface, prefix length and peer.
    DeleteAddress(Address),
    /// Adds a route as [`Net::add_route`] does.
    AddRoute(Route),
    /// Replaces a route as [`Net::replace_route`] does.
    ReplaceRoute(Route),
    /// Deletes a route as [`Net::delete_route`] does.
    DeleteRoute(Route),
}

impl NetChange {
    fn operation(&self) -> Operation {
        match self {
            Self::AddAddress(address) => Operation::new("add address", &address.id),
            Self::DeleteAddress(address) => Operation::new("delete address", &address.id),
            Self::AddRoute(route) => Operation::new("add route", route),
            Self::ReplaceRoute(route) => Operation::new("replace route", route),
            Self::DeleteRoute(route) => Operation::new("delete route", route),
        }
    }

    fn interfaces(&self) -> Vec<&IfName> {
        match self {
            Self::AddAddress(address) | Self::DeleteAddress(address) => {
                vec![&address.id.interface]
            }
            Self::AddRoute(route) | Self::ReplaceRoute(route) | Self::DeleteRoute(route) => {
                route.interfaces().collect()
            }
        }
    }

    /// Returns the route whose deletion the kernel could take for that of one with another metric.
    fn unclear(&self) -> Option<RouteId> {
        match self {
            Self::DeleteRoute(route) => Some(route.id.trunc()).filter(|id| id.metric == 0),
            _ => None,
        }
    }

    fn explained(&self, error: Error) -> Error {
        match self {
            Self::AddAddress(address) | Self::DeleteAddress(address) => {
                errno::address(error, &address.id)
            }
            Self::AddRoute(route) | Self::ReplaceRoute(route) | Self::DeleteRoute(route) => {
                errno::route(error, route)
            }
        }
    }

    /// Adds its message to a packet.
    fn push(&self, packet: &mut Packet, indexes: &Indexes) {
        let index = |name: &IfName| indexes.get(name).copied();
        let of = |address: &Address| index(&address.id.interface).unwrap_or_default();
        let (kind, flags, payload) = match self {
            Self::AddAddress(address) => (
                RTM_NEWADDR,
                NEW,
                message::address::add(address, of(address)),
            ),
            Self::DeleteAddress(address) => {
                let payload = message::address::delete(&address.id, address.peer, of(address));
                (RTM_DELADDR, 0, payload)
            }
            Self::AddRoute(route) => (RTM_NEWROUTE, NEW, message::route::add(route, index)),
            Self::ReplaceRoute(route) => (RTM_NEWROUTE, REPLACE, message::route::add(route, index)),
            Self::DeleteRoute(route) => (RTM_DELROUTE, 0, message::route::delete(route, index)),
        };
        packet.push(kind, flags, |out| out.extend(payload));
    }
}

/// The numbers of the interfaces that a batch names.
type Indexes = BTreeMap<IfName, u32>;

impl Net {
    /// Makes all changes, in order and in few sends, and returns one result per change, in the same order. A
    /// failure does not stop the changes behind it, and nothing is rolled back.
    ///
    /// Interfaces are looked up once, before the first change; for deletions of routes with metric 0 all routes
    /// are listed once.
    ///
    /// ```no_run
    /// use lvs_core::net::{Address, Net, NetChange};
    /// let mut net = Net::open()?;
    /// let changes: Vec<_> = ["172.16.5.11/32", "172.16.5.12/32"]
    ///     .into_iter()
    ///     .map(|vip| Ok(NetChange::AddAddress(Address::new("eth0".parse()?, vip.parse()?))))
    ///     .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    /// net.batch(&changes)?.into_result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The outer error means that answers were lost or never arrived ([`Error::is_outcome_unknown`]), or that
    /// the routes could not be listed: some changes may have been made. Read again.
    pub fn batch(&mut self, changes: &[NetChange]) -> Result<BatchOutcome> {
        let mut indexes = Indexes::new();
        let mut routes = self.unclear_routes(changes)?;
        let most = self.conn.most_requests().saturating_sub(1).max(1);
        let mut results = Vec::with_capacity(changes.len());
        let mut packet = Packet::default();
        let mut packed = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            let ready = self.prepare(change, &mut indexes, &mut routes);
            if ready.is_ok() {
                change.push(&mut packet, &indexes);
                packed.push((place, change));
            }
            results.push(ready);
            if packed.len() >= most || packet.size() >= ENOUGH {
                self.send(&mut packet, &mut packed, &mut results)?;
            }
        }
        if !packed.is_empty() {
            self.send(&mut packet, &mut packed, &mut results)?;
        }
        Ok(BatchOutcome::new(results))
    }

    /// Sends what is packed, and notes what the kernel refuses.
    fn send(
        &mut self,
        packet: &mut Packet,
        packed: &mut Vec<(usize, &NetChange)>,
        results: &mut [Result<()>],
    ) -> Result<()> {
        packet.push(NOOP, ACK, |_| ());
        let operation = Operation::new("change the network by a batch of", packed.len());
        for (message, refusal) in self.conn.exchange(&operation, packet)?.refusals {
            let Some((place, change)) = packed.get(message) else {
                continue;
            };
            if let Some(result) = results.get_mut(*place) {
                *result = Err(change.explained(refused(change.operation(), refusal)));
            }
        }
        packet.clear();
        packed.clear();
        Ok(())
    }

    /// Lists the routes where the kernel's answer to a deletion would not tell which one it has deleted.
    fn unclear_routes(&mut self, changes: &[NetChange]) -> Result<HashSet<RouteId>> {
        if changes.iter().all(|change| change.unclear().is_none()) {
            return Ok(HashSet::new());
        }
        let routes = self.routes_of_all_tables()?;
        Ok(routes.into_iter().map(|route| route.id.trunc()).collect())
    }

    /// Refuses what is not sent.
    fn prepare(
        &mut self,
        change: &NetChange,
        indexes: &mut Indexes,
        routes: &mut HashSet<RouteId>,
    ) -> Result<()> {
        let operation = change.operation();
        match change {
            NetChange::AddAddress(address) => {
                if let Some(problem) = address.problem() {
                    return Err(Error::invalid(operation, problem));
                }
            }
            NetChange::AddRoute(route) | NetChange::ReplaceRoute(route) => {
                routes.insert(route.id.trunc());
            }
            NetChange::DeleteAddress(_) | NetChange::DeleteRoute(_) => {}
        }
        if change.unclear().is_some_and(|id| !routes.contains(&id)) {
            return Err(change.explained(Error::kernel(operation, ESRCH, None)));
        }
        for name in change.interfaces() {
            if !indexes.contains_key(name) {
                indexes.insert(name.clone(), self.index(&operation, name)?);
            }
        }
        Ok(())
    }
}
