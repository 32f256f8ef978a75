//! Overflow connection.

use super::fo::heaviest;
use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models overflow connection, `ovf`: the server of the highest weight until it has more active connections
/// than its weight, then the next.
///
/// It suits filling servers one by one (so that as few as possible run), with the weight as the number of
/// connections that one can hold. A server gets weight + 1 connections before it is skipped, and when all are
/// full, connections are refused. UDP is never active and never overflows.
///
/// Of equal weights the server nearest to the head of the list is picked, the one added last.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_ovf.c>
#[doc(alias = "overflow")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Ovf;

impl Scheduler for Ovf {
    fn name(&self) -> SchedulerName {
        SchedulerName::OVF
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        heaviest(servers, |server| {
            server.is_eligible() && server.active <= server.weight()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn overflows_one_late_and_then_refuses() {
        assert_eq!(Pool::new("ovf", &[3, 2, 1]).tcp(10), "A A A A B B B C C -");
        assert_eq!(Pool::new("ovf", &[2, 1]).tcp(6), "A A A B B -");
    }

    #[test]
    fn udp_never_overflows() {
        assert_eq!(Pool::new("ovf", &[3, 2, 1]).udp(6), "A A A A A A");
    }
}
