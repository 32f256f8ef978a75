//! The verbs of the handle about the way of packets.

use nix::libc::RTM_GETROUTE;

use super::handle::Net;
use super::message::Names;
use super::{Route, RouteDecision, RouteQuery, message};
use crate::error::{Cause, Error, Operation, Result};
use crate::name::IfName;

impl Net {
    /// Returns how the kernel would route a packet: by all tables and the rules of policy routing, as they are
    /// now. Nothing is sent.
    ///
    /// That there is no route is an answer ([`Verdict`](super::Verdict)), and no error.
    ///
    /// ```
    /// use lvs_core::net::{Net, RouteQuery, Verdict};
    /// let decision = Net::open()?.lookup(&RouteQuery::to([127, 0, 0, 1].into()))?;
    /// assert_eq!(decision.verdict, Verdict::Local);
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Addresses of two families ([`Error::is_invalid`]), no such interface, or no IPv6 in this kernel.
    #[doc(alias("RTM_GETROUTE", "ip route get"))]
    pub fn lookup(&mut self, query: &RouteQuery) -> Result<RouteDecision> {
        let names = self.names()?;
        self.lookup_by(query, &names)
    }

    /// Looks up a route as [`lookup`](Self::lookup) does, with interfaces that are known.
    pub(crate) fn lookup_by(&mut self, query: &RouteQuery, names: &Names) -> Result<RouteDecision> {
        let operation = Operation::new("look up route", query);
        let replies = match self.ask_route(&operation, query, message::lookup::query) {
            Ok(replies) => replies,
            Err(error) => {
                let verdict = error.errno().and_then(message::lookup::refusal);
                return verdict.map(RouteDecision::refused).ok_or(error);
            }
        };
        replies
            .iter()
            .find_map(|reply| message::lookup::decode(reply, names))
            .ok_or_else(|| Error::new(operation, Cause::Decode("no route in it".into())))
    }

    /// Returns the route that decides about a packet, as its table has it; `None` where it is no unicast route.
    ///
    /// # Errors
    /// Those of [`lookup`](Self::lookup).
    #[doc(alias("RTM_F_FIB_MATCH", "ip route get fibmatch"))]
    pub fn deciding_route(&mut self, query: &RouteQuery) -> Result<Option<Route>> {
        let names = self.names()?;
        self.deciding_route_by(query, &names)
    }

    /// Looks up a route as [`deciding_route`](Self::deciding_route) does, with interfaces that are known.
    pub(crate) fn deciding_route_by(
        &mut self,
        query: &RouteQuery,
        names: &Names,
    ) -> Result<Option<Route>> {
        let operation = Operation::new("look up deciding route", query);
        let replies = match self.ask_route(&operation, query, message::lookup::winner) {
            Ok(replies) => replies,
            Err(error) => {
                let is_refused = error.errno().and_then(message::lookup::refusal).is_some();
                return if is_refused { Ok(None) } else { Err(error) };
            }
        };
        Ok(replies
            .iter()
            .find_map(|reply| message::route::decode(reply, names)))
    }

    fn ask_route(
        &mut self,
        operation: &Operation,
        query: &RouteQuery,
        payload: fn(&RouteQuery, Option<u32>, Option<u32>) -> Vec<u8>,
    ) -> Result<Vec<Vec<u8>>> {
        if !message::lookup::is_of_one_family(query) {
            let problem = "destination and source are of different families";
            return Err(Error::invalid(operation.clone(), problem.to_owned()));
        }
        let input = self.named_index(operation, query.input.as_ref())?;
        let output = self.named_index(operation, query.output.as_ref())?;
        let payload = payload(query, input, output);
        let replies = self.conn.request(operation, RTM_GETROUTE, 0, &payload)?;
        Ok(replies.into_iter().map(|reply| reply.payload).collect())
    }

    fn named_index(&mut self, operation: &Operation, name: Option<&IfName>) -> Result<Option<u32>> {
        name.map(|name| self.index(operation, name)).transpose()
    }
}
