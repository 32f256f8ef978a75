//! The order in which ipvsadm prints, which is not an order.
//!
//! It compares numbers by the sign of their 32-bit difference. For numbers that are more than 2^31 apart
//! this contradicts itself (1.1.1.1 before 127.0.0.1 before 200.0.0.1 before 1.1.1.1), and the result then
//! depends on how the C library sorts: by merging, halves of `n / 2` and the rest. The same is done here,
//! because the sort of the standard library may refuse such a comparison.

use std::cmp::Ordering;
use std::net::IpAddr;

use crate::ipvs::{Destination, Protocol, ServiceEntry, ServiceId};

/// Returns the services in the order of `ipvsadm -S`.
pub(super) fn services(services: &[ServiceEntry]) -> Vec<&ServiceEntry> {
    merge_sort(services.iter().collect(), &|a, b| {
        compare_services(&a.service.id, &b.service.id)
    })
}

/// Returns the destinations in the order of `ipvsadm -S`.
pub(super) fn destinations(destinations: &[Destination]) -> Vec<&Destination> {
    merge_sort(destinations.iter().collect(), &|a, b| {
        compare_addresses(a.id.address, b.id.address).then_with(|| a.id.port.cmp(&b.id.port))
    })
}

/// Compares by mark, family, protocol, address and port.
fn compare_services(a: &ServiceId, b: &ServiceId) -> Ordering {
    let ((mark_a, protocol_a, socket_a), (mark_b, protocol_b, socket_b)) = (parts(a), parts(b));
    compare_numbers(mark_a, mark_b)
        .then_with(|| a.family().number().cmp(&b.family().number()))
        .then_with(|| protocol_a.cmp(&protocol_b))
        .then_with(|| match (socket_a, socket_b) {
            (Some((ip_a, port_a)), Some((ip_b, port_b))) => {
                compare_addresses(ip_a, ip_b).then_with(|| port_a.cmp(&port_b))
            }
            _ => Ordering::Equal,
        })
}

type Parts = (u32, Protocol, Option<(IpAddr, u16)>);

fn parts(id: &ServiceId) -> Parts {
    match id {
        ServiceId::Fwmark { mark, .. } => (mark.get(), Protocol(0), None),
        ServiceId::Socket { protocol, address } => {
            (0, *protocol, Some((address.ip(), address.port())))
        }
    }
}

/// Compares word by word if the first is an IPv6 address, otherwise only the first word.
fn compare_addresses(a: IpAddr, b: IpAddr) -> Ordering {
    let count = if a.is_ipv4() { 1 } else { 4 };
    words(a)
        .into_iter()
        .zip(words(b))
        .take(count)
        .map(|(a, b)| compare_numbers(a, b))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(address) => [address.to_bits(), 0, 0, 0],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
        }
    }
}

/// Compares by the sign of the difference as a signed 32-bit number.
fn compare_numbers(a: u32, b: u32) -> Ordering {
    a.wrapping_sub(b).cast_signed().cmp(&0)
}

fn merge_sort<T>(mut items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.len() <= 1 {
        return items;
    }
    let right = merge_sort(items.split_off(items.len() / 2), compare);
    let left = merge_sort(items, compare);
    merge(left, right, compare)
}

fn merge<T>(left: Vec<T>, right: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(a, b).is_le() {
            left.next()
        } else {
            right.next()
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_more_than_half_the_space_apart_form_a_circle() {
        let less = |a: &str, b: &str| {
            compare_addresses(a.parse().unwrap(), b.parse().unwrap()) == Ordering::Less
        };
        assert!(less("1.1.1.1", "127.0.0.1"));
        assert!(less("127.0.0.1", "200.0.0.1"));
        assert!(less("200.0.0.1", "1.1.1.1"));
        assert!(less("2001:db8::1", "2001:db8::2"));
        assert!(less("10.0.0.3", "a00:4::"));
        assert!(!less("10.0.0.3", "a00:3::1"), "the first word is equal");
        assert!(less("a00:3::", "10.0.0.4"));
    }

    #[test]
    fn merging_keeps_equals_in_place() {
        let sorted = merge_sort(vec![(2, 'a'), (1, 'a'), (2, 'b'), (1, 'b')], &|a, b| {
            a.0.cmp(&b.0)
        });
        assert_eq!(sorted, [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]);
    }
}
