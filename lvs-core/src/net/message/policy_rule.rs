//! `fib_rule_hdr`: family u8, lengths of destination and source u8, TOS u8, table u8, 2 bytes of padding,
//! action u8, flags u32; then attributes.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::{PolicyAction, PolicyRule, Verdict};
use super::wire::address;
use super::{family_number, interface_name};
use crate::netlink::attributes::{Attributes, read_u32};

const HEADER: usize = 12;
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FR_ACT_TO_TBL: u8 = 1;
const FR_ACT_BLACKHOLE: u8 = 6;
const FR_ACT_UNREACHABLE: u8 = 7;
const FR_ACT_PROHIBIT: u8 = 8;
/// `FIB_RULE_INVERT`
const INVERT: u32 = 2;

/// Returns the payload that asks for the rules of both families.
pub(crate) fn list() -> Vec<u8> {
    vec![0; HEADER]
}

/// Reads an `RTM_NEWRULE`; returns `None` for a rule of another family, such as those of multicast routing.
pub(crate) fn decode(payload: &[u8]) -> Option<PolicyRule> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let &[family, to_length, from_length, _, table, _, _, action, ..] = header else {
        return None;
    };
    let is_ipv6 = family == family_number(true);
    if !is_ipv6 && family != family_number(false) {
        return None;
    }
    let mut rule = PolicyRule {
        priority: 0,
        is_ipv6,
        inverted: read_u32(header.get(8..)?)? & INVERT != 0,
        from: None,
        to: None,
        input: None,
        output: None,
        mark: None,
        action: PolicyAction::Other,
    };
    let (mut table, mut mark, mut mask) = (u32::from(table), 0, None);
    let network = |value: &[u8], length| -> Option<IpNet> {
        let ip: IpAddr = address(value)?;
        IpNet::new(ip, length).ok()
    };
    for (kind, value) in Attributes::new(attributes) {
        match kind {
            FRA_DST => rule.to = network(value, to_length),
            FRA_SRC => rule.from = network(value, from_length),
            FRA_IIFNAME => rule.input = interface_name(value),
            FRA_OIFNAME => rule.output = interface_name(value),
            FRA_PRIORITY => rule.priority = read_u32(value)?,
            FRA_TABLE => table = read_u32(value)?,
            FRA_FWMARK => mark = read_u32(value)?,
            FRA_FWMASK => mask = read_u32(value),
            _ => {}
        }
    }
    // The kernel reports a mark only where it is not 0, and the mask wherever it has one.
    rule.mark = mask.filter(|mask| *mask != 0).map(|mask| (mark, mask));
    rule.action = match action {
        FR_ACT_TO_TBL => PolicyAction::Lookup(table),
        FR_ACT_BLACKHOLE => PolicyAction::Refuse(Verdict::Dropped),
        FR_ACT_UNREACHABLE => PolicyAction::Refuse(Verdict::Unreachable),
        FR_ACT_PROHIBIT => PolicyAction::Refuse(Verdict::Prohibited),
        _ => PolicyAction::Other,
    };
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;

    #[test]
    fn a_rule_is_read() {
        let bytes = [
            vec![2, 0, 32, 0, 100, 0, 0, 1, 0, 0, 0, 0],
            attribute(FRA_TABLE, &100_u32.to_ne_bytes()),
            attribute(FRA_PRIORITY, &100_u32.to_ne_bytes()),
            attribute(FRA_SRC, &[192, 168, 1, 12]),
            attribute(FRA_FWMARK, &1_u32.to_ne_bytes()),
            attribute(FRA_FWMASK, &u32::MAX.to_ne_bytes()),
        ]
        .concat();
        let rule = decode(&bytes).unwrap();
        let text = "100: from 192.168.1.12 fwmark 0x1 lookup 100";
        assert_eq!(rule.to_string(), text);
        torture(&bytes, decode);
        let mut other = bytes;
        other[0] = 128;
        assert_eq!(decode(&other), None, "multicast");
    }
}
