//! A route look-up: an `rtmsg` (12 bytes) that names one packet, answered by the route that it would take.

use nix::libc::{
    EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, EXDEV, RTA_DST, RTA_GATEWAY, RTA_IIF, RTA_MARK,
    RTA_OIF, RTA_PREFSRC, RTA_SRC, RTA_TABLE, RTN_BLACKHOLE, RTN_BROADCAST, RTN_LOCAL,
    RTN_MULTICAST, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE,
};

use super::super::{RouteDecision, RouteQuery, Verdict};
use super::Names;
use super::route_attributes::RTA_VIA;
use super::wire::{address, octets, prefix_of, via};
use crate::netlink::attributes::{Attributes, Writer, read_u32};

const HEADER: usize = 12;
/// `RTM_F_LOOKUP_TABLE`: the answer names the table whose route won.
const LOOKUP_TABLE: u32 = 0x1000;
/// `RTM_F_FIB_MATCH`: the answer is the route of the table, not what follows from it for this packet.
const FIB_MATCH: u32 = 0x2000;

/// Returns the payload that asks what becomes of a packet; the indexes are those of its interfaces.
pub(crate) fn query(query: &RouteQuery, input: Option<u32>, output: Option<u32>) -> Vec<u8> {
    question(query, input, output, LOOKUP_TABLE)
}

/// Returns the payload that asks for the route, as its table has it, that a packet takes.
pub(crate) fn winner(query: &RouteQuery, input: Option<u32>, output: Option<u32>) -> Vec<u8> {
    question(query, input, output, FIB_MATCH | LOOKUP_TABLE)
}

fn question(query: &RouteQuery, input: Option<u32>, output: Option<u32>, flags: u32) -> Vec<u8> {
    let source_length = query.source.map_or(0, prefix_of);
    let family = super::family_number(query.destination.is_ipv6());
    let mut payload = vec![family, prefix_of(query.destination), source_length];
    payload.extend([0; 5]); // TOS, table, protocol, scope, type
    payload.extend(flags.to_ne_bytes());
    let mut writer = Writer::new(&mut payload);
    writer.put_bytes(RTA_DST, &octets(query.destination));
    if let Some(source) = query.source {
        writer.put_bytes(RTA_SRC, &octets(source));
    }
    for (kind, index) in [(RTA_IIF, input), (RTA_OIF, output)] {
        if let Some(index) = index {
            writer.put_u32(kind, index);
        }
    }
    if query.mark != 0 {
        writer.put_u32(RTA_MARK, query.mark);
    }
    payload
}

/// Reads the answer; `None` where it is no route.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<RouteDecision> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let verdict = verdict(*header.get(7)?)?;
    let mut decision = RouteDecision::refused(verdict);
    decision.table = header.get(4).copied().map(u32::from);
    for (kind, value) in Attributes::new(attributes) {
        match kind {
            RTA_GATEWAY => decision.gateway = address(value),
            RTA_VIA => decision.gateway = via(value),
            RTA_PREFSRC => decision.source = address(value),
            RTA_OIF => {
                decision.interface = read_u32(value).and_then(|index| names.get(&index).cloned());
            }
            RTA_TABLE => decision.table = read_u32(value),
            _ => {}
        }
    }
    Some(decision)
}

fn verdict(kind: u8) -> Option<Verdict> {
    Some(match kind {
        RTN_UNICAST => Verdict::Unicast,
        RTN_LOCAL => Verdict::Local,
        RTN_BROADCAST => Verdict::Broadcast,
        RTN_MULTICAST => Verdict::Multicast,
        RTN_UNREACHABLE => Verdict::Unreachable,
        RTN_PROHIBIT => Verdict::Prohibited,
        RTN_BLACKHOLE => Verdict::Dropped,
        _ => return None,
    })
}

/// Returns what a type of routes makes of packets, if it refuses them.
pub(crate) fn refusing(kind: u8) -> Option<Verdict> {
    verdict(kind).filter(|verdict| verdict.refuses())
}

/// Returns what an errno says of a packet; `None` where it says nothing of it.
///
/// `fib_props` in net/ipv4/fib_semantics.c gives the types of routes their errnos.
pub(crate) const fn refusal(errno: i32) -> Option<Verdict> {
    match errno {
        ENETUNREACH | EHOSTUNREACH => Some(Verdict::Unreachable),
        EACCES => Some(Verdict::Prohibited),
        EINVAL | EXDEV => Some(Verdict::Dropped),
        _ => None,
    }
}

/// Returns whether the addresses of a query are of one family; the kernel would read past a shorter one.
pub(crate) fn is_of_one_family(query: &RouteQuery) -> bool {
    query
        .source
        .is_none_or(|source| source.is_ipv6() == query.destination.is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::name::IfName;

    #[test]
    fn bytes_of_a_query_are_the_kernels() {
        let mut packet =
            RouteQuery::to([203, 0, 113, 7].into()).with_source([192, 168, 1, 12].into());
        packet.mark = 7;
        let bytes = [
            vec![2, 32, 32, 0, 0, 0, 0, 0],
            0x1000_u32.to_ne_bytes().to_vec(),
            attribute(1, &[203, 0, 113, 7]),
            attribute(2, &[192, 168, 1, 12]),
            attribute(3, &4_u32.to_ne_bytes()),
            attribute(16, &7_u32.to_ne_bytes()),
        ];
        assert_eq!(query(&packet, Some(4), None), bytes.concat());
    }

    #[test]
    fn an_answer_is_read() {
        let bytes = [
            vec![2, 32, 0, 0, 252, 0, 0, 1, 0, 0, 0, 0],
            attribute(1, &[203, 0, 113, 7]),
            attribute(15, &1000_u32.to_ne_bytes()),
            attribute(4, &2_u32.to_ne_bytes()),
            attribute(5, &[192, 168, 1, 254]),
            attribute(7, &[192, 168, 1, 12]),
        ]
        .concat();
        let names = Names::from([(2, "eth0".parse::<IfName>().unwrap())]);
        let decision = RouteDecision {
            verdict: Verdict::Unicast,
            gateway: Some([192, 168, 1, 254].into()),
            interface: Some("eth0".parse().unwrap()),
            source: Some([192, 168, 1, 12].into()),
            table: Some(1000),
        };
        assert_eq!(decode(&bytes, &names), Some(decision));
        torture(&bytes, |bytes| decode(bytes, &names));
    }
}
