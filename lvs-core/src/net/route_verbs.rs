//! The verbs of the handle about routes and the rules that choose their tables.

use std::collections::BTreeMap;

use nix::libc::{ESRCH, RTM_DELROUTE, RTM_GETROUTE, RTM_GETRULE, RTM_NEWROUTE, RTM_NEWRULE};

use super::handle::{NEW, Net, REPLACE};
use super::{PolicyRule, RefusingRoute, Route, RouteId, errno, message};
use crate::error::{Error, Operation, Result};
use crate::name::IfName;

impl Net {
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

    /// Returns both kinds of routes of all tables by one reading: those that lead somewhere, and those that refuse
    /// packets.
    pub(crate) fn routes_and_refusing(&mut self) -> Result<(Vec<Route>, Vec<RefusingRoute>)> {
        let list = message::route::list();
        let replies = self.list("list routes", RTM_GETROUTE, RTM_NEWROUTE, &list)?;
        let refusing = replies
            .iter()
            .filter_map(|payload| message::route::decode_refusing(payload))
            .collect();
        Ok((self.named(Ok(replies), message::route::decode)?, refusing))
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
        self.put_route("replace route", REPLACE, route)
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
        self.change(&operation, RTM_DELROUTE, 0, &payload)
            .map_err(|error| errno::route(error, route))
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

    fn put_route(&mut self, verb: &'static str, flags: u16, route: &Route) -> Result<()> {
        let operation = Operation::new(verb, route);
        let indexes = self.indexes(&operation, route)?;
        let payload = message::route::add(route, |name| indexes.get(name).copied());
        self.change(&operation, RTM_NEWROUTE, flags, &payload)
            .map_err(|error| errno::route(error, route))
    }

    /// Returns the numbers of the interfaces of a route.
    fn indexes(&mut self, operation: &Operation, route: &Route) -> Result<BTreeMap<IfName, u32>> {
        route
            .interfaces()
            .map(|name| Ok((name.clone(), self.index(operation, name)?)))
            .collect()
    }
}

impl Error {
    /// Returns what [`Net::routes`] or [`Net::routes_of_all_tables`] has read, as
    /// [`seen_links`](Self::seen_links) does; of all tables in either case.
    #[must_use]
    pub fn seen_routes(&self) -> Option<&[Route]> {
        self.payload::<Vec<Route>>().map(Vec::as_slice)
    }
}
