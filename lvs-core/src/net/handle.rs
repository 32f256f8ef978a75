//! The handle of rtnetlink and its verbs.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::libc::{
    ESRCH, RTM_DELADDR, RTM_DELROUTE, RTM_GETADDR, RTM_GETNEIGH, RTM_GETQDISC, RTM_GETROUTE,
    RTM_GETRULE, RTM_NEWADDR, RTM_NEWNEIGH, RTM_NEWQDISC, RTM_NEWROUTE, RTM_NEWRULE,
};

use super::message::{self, Names};
use super::{
    Address, AddressId, Link, Neighbour, PolicyRule, Qdisc, RefusingRoute, Route, RouteId, errno,
};
use crate::error::{Error, Operation, Result};
use crate::name::IfName;
use crate::netlink::Conn;
use crate::netlink::exchange::Reply;

/// The flags that create an object, and fail where it exists already.
pub(super) const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

/// Reads and changes interfaces, addresses and routes of the network namespace in which it was opened.
///
/// It stays with that namespace, whichever thread uses it. Changes need `CAP_NET_ADMIN` there; reading needs no
/// privilege.
///
/// ```
/// use lvs_core::net::Net;
/// let mut net = Net::open()?;
/// for link in net.links()? {
///     println!("{}: {} bytes", link.name, link.mtu);
/// }
/// # Ok::<(), lvs_core::Error>(())
/// ```
///
/// ```no_run
/// use lvs_core::net::{Address, Net};
/// let mut net = Net::open()?;
/// let vip = Address::new("eth0".parse()?, "172.16.5.11/16".parse()?);
/// net.add_address(&vip)?;
/// assert!(net.addresses()?.iter().any(|address| address.id == vip.id));
/// net.delete_address(&vip.id)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Net {
    pub(super) conn: Conn,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// Opens the handle of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no rtnetlink, or the process has no file descriptor left.
    pub fn open() -> Result<Self> {
        let conn = Conn::open(NETLINK_ROUTE)?;
        Ok(Self { conn })
    }

    /// Sets how long one exchange waits for the kernel's answer; 5 seconds if it is never set. Signals do not
    /// prolong it.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.conn.set_timeout(timeout);
    }

    /// Returns all addresses of both families in the kernel's order, including those that it made itself.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn addresses(&mut self) -> Result<Vec<Address>> {
        let list = message::address::list();
        let replies = self.list("list addresses", RTM_GETADDR, RTM_NEWADDR, &list);
        self.named(replies, message::address::decode)
    }

    /// Adds an address. The kernel adds the route to its network and, for IPv6, checks for duplicates unless
    /// told not to; no broadcast address is derived.
    ///
    /// # Errors
    /// It exists already ([`Error::is_already_exists`]; label and broadcast cannot be changed in place), no
    /// such interface, a label that is too long, IPv6 disabled (`EACCES`), or no privilege.
    pub fn add_address(&mut self, address: &Address) -> Result<()> {
        self.put_address(Operation::new("add address", &address.id), NEW, address)
    }

    /// Adds an address, or gives the existing one its lifetimes, its metric and its flags in one step. Label and
    /// broadcast stay as they are.
    ///
    /// # Errors
    /// Those of [`add_address`](Self::add_address), except the first.
    pub fn replace_address(&mut self, address: &Address) -> Result<()> {
        let operation = Operation::new("replace address", &address.id);
        self.put_address(operation, NLM_F_CREATE | NLM_F_REPLACE, address)
    }

    fn put_address(&mut self, operation: Operation, flags: u16, address: &Address) -> Result<()> {
        if let Some(problem) = address.problem() {
            return Err(Error::invalid(operation, problem));
        }
        let index = self.index(&operation, &address.id.interface)?;
        let payload = message::address::add(address, index);
        self.change_address(operation, RTM_NEWADDR, flags, &payload, &address.id)
    }

    /// Deletes exactly this address: interface, address and prefix length must agree.
    ///
    /// With the first IPv4 address of a network the kernel also removes those added later to the same network,
    /// unless `promote_secondaries` is on.
    ///
    /// # Errors
    /// It does not exist or there is no such interface ([`Error::is_not_found`]), or no privilege.
    pub fn delete_address(&mut self, id: &AddressId) -> Result<()> {
        let operation = Operation::new("delete address", id);
        let index = self.index(&operation, &id.interface)?;
        let payload = message::address::delete(id, None, index);
        let result = self.change_address(operation.clone(), RTM_DELADDR, 0, &payload, id);
        if !result.as_ref().is_err_and(Error::is_not_found) {
            return result;
        }
        // Of an IPv4 address with a peer the kernel wants to be told the peer.
        let peer = self
            .addresses()?
            .iter()
            .find(|found| found.id == *id)
            .and_then(|found| found.peer);
        if peer.is_none() {
            return result;
        }
        let payload = message::address::delete(id, peer, index);
        self.change_address(operation, RTM_DELADDR, 0, &payload, id)
    }

    /// Returns the unicast routes of the main table, of both families, in the kernel's order, including those
    /// that it made itself.
    ///
    /// A route with several next hops is listed without gateway and interface of its own.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn routes(&mut self) -> Result<Vec<Route>> {
        let mut routes = self.routes_of_all_tables()?;
        routes.retain(|route| route.id.table == RouteId::MAIN);
        Ok(routes)
    }

    /// Returns the unicast routes of all tables but that of local addresses, of both families, in the
    /// kernel's order.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn routes_of_all_tables(&mut self) -> Result<Vec<Route>> {
        let list = message::route::list();
        let replies = self.list("list routes", RTM_GETROUTE, RTM_NEWROUTE, &list);
        self.named(replies, message::route::decode)
    }

    /// Returns the routes of all tables that refuse packets, of both families, in the kernel's order.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("blackhole", "unreachable", "prohibit"))]
    pub fn refusing_routes(&mut self) -> Result<Vec<RefusingRoute>> {
        let list = message::route::list();
        let replies = self.list("list routes", RTM_GETROUTE, RTM_NEWROUTE, &list)?;
        Ok(replies
            .iter()
            .filter_map(|payload| message::route::decode_refusing(payload))
            .collect())
    }

    /// Returns when `lo` got its address 127.0.0.1, in hundredths of a second since boot; `None` if it has none.
    pub(crate) fn loopback_since(&mut self) -> Result<Option<u32>> {
        let list = message::address::list();
        let replies = self.list("list addresses", RTM_GETADDR, RTM_NEWADDR, &list)?;
        Ok(replies
            .iter()
            .find_map(|payload| message::address::loopback_since(payload)))
    }

    /// Adds a route. Protocol 0 becomes 4, "by an operator".
    ///
    /// # Errors
    /// There is one to this destination with this metric ([`Error::is_already_exists`]), no address of
    /// this host makes the gateway reachable (`ENETUNREACH`, `EHOSTUNREACH`), no such interface, the
    /// interface is down (`ENETDOWN`), or no privilege.
    pub fn add_route(&mut self, route: &Route) -> Result<()> {
        self.put_route("add route", NEW, route)
    }

    /// Adds a route, or replaces the one to the same destination with the same metric, in one step.
    ///
    /// # Errors
    /// Those of [`add_route`](Self::add_route), except the first.
    pub fn replace_route(&mut self, route: &Route) -> Result<()> {
        self.put_route("replace route", NLM_F_CREATE | NLM_F_REPLACE, route)
    }

    /// Deletes a route. Destination and metric must agree, and gateway, interface and protocol where the
    /// argument has them.
    ///
    /// # Errors
    /// It does not exist ([`Error::is_not_found`]), no such interface, or no privilege.
    pub fn delete_route(&mut self, route: &Route) -> Result<()> {
        let operation = Operation::new("delete route", route);
        // The kernel reads metric 0 of an IPv4 deletion as "any", and would delete a route with another metric.
        let id = route.id.trunc();
        if id.metric == 0
            && !self
                .routes_of_all_tables()?
                .iter()
                .any(|found| found.id == id)
        {
            return Err(errno::route(Error::kernel(operation, ESRCH, None), route));
        }
        let indexes = self.indexes(&operation, route)?;
        let payload = message::route::delete(route, |name| indexes.get(name).copied());
        self.change_route(operation, RTM_DELROUTE, 0, &payload, route)
    }

    /// Returns the rules of policy routing of both families, each family in the order in which they count.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("ip rule", "RTM_GETRULE"))]
    pub fn policy_rules(&mut self) -> Result<Vec<PolicyRule>> {
        let list = message::policy_rule::list();
        let replies = self.list("list routing rules", RTM_GETRULE, RTM_NEWRULE, &list)?;
        Ok(replies
            .iter()
            .filter_map(|payload| message::policy_rule::decode(payload))
            .collect())
    }

    /// Returns the neighbours of all links, of both families.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("ip neighbour", "arp", "RTM_GETNEIGH"))]
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>> {
        let list = message::neighbour::list();
        let replies = self.list("list neighbours", RTM_GETNEIGH, RTM_NEWNEIGH, &list)?;
        let names = self.names()?;
        Ok(replies
            .iter()
            .filter_map(|payload| message::neighbour::decode(payload, &names))
            .collect())
    }

    /// Returns the queueing disciplines of all interfaces, without those that do nothing.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("tc qdisc show", "RTM_GETQDISC"))]
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>> {
        let list = message::qdisc::list();
        let replies = self.list(
            "list queueing disciplines",
            RTM_GETQDISC,
            RTM_NEWQDISC,
            &list,
        );
        self.named(replies, message::qdisc::decode)
    }

    fn put_route(&mut self, verb: &'static str, flags: u16, route: &Route) -> Result<()> {
        let operation = Operation::new(verb, route);
        let indexes = self.indexes(&operation, route)?;
        let payload = message::route::add(route, |name| indexes.get(name).copied());
        self.change_route(operation, RTM_NEWROUTE, flags, &payload, route)
    }

    fn change_address(
        &mut self,
        operation: Operation,
        kind: u16,
        flags: u16,
        payload: &[u8],
        id: &AddressId,
    ) -> Result<()> {
        self.conn
            .request(&operation, kind, flags, payload)
            .map(drop)
            .map_err(|error| errno::address(error, id))
    }

    fn change_route(
        &mut self,
        operation: Operation,
        kind: u16,
        flags: u16,
        payload: &[u8],
        route: &Route,
    ) -> Result<()> {
        self.conn
            .request(&operation, kind, flags, payload)
            .map(drop)
            .map_err(|error| errno::route(error, route))
    }

    /// Dumps, and returns the payloads of the messages of type `kind`; with an error, those that were read.
    pub(super) fn list(
        &mut self,
        verb: &'static str,
        request: u16,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>> {
        let of_kind = |replies: &[Reply]| -> Vec<Vec<u8>> {
            let replies = replies.iter().filter(|reply| reply.kind == kind);
            replies.map(|reply| reply.payload.clone()).collect()
        };
        let operation = Operation::new(verb, "");
        match self.conn.dump(&operation, request, payload) {
            Ok(replies) => Ok(of_kind(&replies)),
            Err(error) => Err(
                match error.payload::<Vec<Reply>>().map(|seen| of_kind(seen)) {
                    Some(seen) => error.with_payload(seen),
                    None => error,
                },
            ),
        }
    }

    /// Decodes what was listed with the names of the interfaces.
    fn named<T: Send + Sync + 'static>(
        &mut self,
        replies: Result<Vec<Vec<u8>>>,
        decode: fn(&[u8], &Names) -> Option<T>,
    ) -> Result<Vec<T>> {
        let is_lost = replies.as_ref().is_err_and(|error| !error.is_unsettled());
        let names = match is_lost {
            true => Names::new(),
            false => self.names()?,
        };
        decoded(replies, |payload| decode(payload, &names))
    }

    /// Returns the names of the interfaces. They are read *after* addresses or routes, so that an interface
    /// made in between is known, and the addresses of a missing one no longer exist.
    pub(crate) fn names(&mut self) -> Result<Names> {
        Ok(self
            .links()?
            .into_iter()
            .map(|link| (link.index, link.name))
            .collect())
    }

    /// Returns the numbers of the interfaces of a route.
    fn indexes(&mut self, operation: &Operation, route: &Route) -> Result<BTreeMap<IfName, u32>> {
        route
            .interfaces()
            .map(|name| Ok((name.clone(), self.index(operation, name)?)))
            .collect()
    }
}

/// Decodes what was listed; of a list that kept changing, what the error has of it.
pub(super) fn decoded<T: Send + Sync + 'static>(
    replies: Result<Vec<Vec<u8>>>,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>> {
    let all = |replies: &[Vec<u8>]| -> Vec<T> {
        let replies = replies.iter();
        replies.filter_map(|payload| decode(payload)).collect()
    };
    match replies {
        Ok(replies) => Ok(all(&replies)),
        Err(error) => Err(
            match error.payload::<Vec<Vec<u8>>>().map(|seen| all(seen)) {
                Some(seen) => error
                    .with_hint("another program keeps changing it; try again")
                    .with_payload(seen),
                None => error,
            },
        ),
    }
}

impl Error {
    /// Returns what [`Net::links`] has read of a list that kept changing ([`is_unsettled`](Self::is_unsettled)):
    /// some of the interfaces may not exist any more, and others may be missing.
    #[must_use]
    pub fn seen_links(&self) -> Option<&[Link]> {
        self.payload::<Vec<Link>>().map(Vec::as_slice)
    }

    /// Returns what [`Net::addresses`] has read, as [`seen_links`](Self::seen_links) does.
    #[must_use]
    pub fn seen_addresses(&self) -> Option<&[Address]> {
        self.payload::<Vec<Address>>().map(Vec::as_slice)
    }

    /// Returns what [`Net::routes`] or [`Net::routes_of_all_tables`] has read, as
    /// [`seen_links`](Self::seen_links) does; of all tables in either case.
    #[must_use]
    pub fn seen_routes(&self) -> Option<&[Route]> {
        self.payload::<Vec<Route>>().map(Vec::as_slice)
    }
}

impl AsFd for Net {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.conn.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    #[test]
    fn a_list_that_kept_changing_is_in_the_error() {
        let address = Address::new(IfName::LO, "127.0.0.2/8".parse().unwrap());
        let names = Names::from([(1, IfName::LO)]);
        let error = Error::new(Operation::new("list addresses", ""), Cause::Unsettled);
        let error = error.with_payload(vec![message::address::add(&address, 1), vec![0; 3]]);
        let decode = |payload: &[u8]| message::address::decode(payload, &names);
        let error = decoded(Err(error), decode).unwrap_err();
        assert!(error.is_unsettled());
        assert_eq!(error.seen_addresses(), Some(&[address][..]));
        assert_eq!(error.seen_routes(), None);
    }
}
