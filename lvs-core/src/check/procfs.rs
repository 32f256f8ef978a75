//! Facts in files of the kernel and of other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::name::IfName;
use crate::net::Link;

/// The flag of an address that another host has too (`IFA_F_DADFAILED`).
const DAD_FAILED: u8 = 0x08;
/// The flag of an address that the kernel does not use yet (`IFA_F_TENTATIVE`).
const TENTATIVE: u8 = 0x40;

/// The programs that manage networks or IPVS, by the 15 bytes that the kernel keeps of a name.
const MANAGERS: &[&str] = &[
    "NetworkManager",
    "keepalived",
    "kube-proxy",
    "kube-router",
    "ldirectord",
    "systemd-network",
];

/// Returns the first number of `/proc/uptime`, in whole seconds.
pub(super) fn uptime(text: &str) -> Option<Duration> {
    let seconds = text.split(['.', ' ']).next()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Returns the first word of each line of `/proc/modules`.
pub(super) fn modules(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Returns `ListenOverflows` of `/proc/net/netstat`.
pub(super) fn overflows(text: &str) -> Option<u64> {
    counter(text, "TcpExt:", "ListenOverflows")
}

/// Returns the number of datagrams that programs have read, of `/proc/net/snmp`.
pub(super) fn datagrams(text: &str) -> Option<u64> {
    counter(text, "Udp:", "InDatagrams")
}

/// Returns the number of datagrams that programs have read, of `/proc/net/snmp6`, whose lines have a name and a number.
pub(super) fn datagrams6(text: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    let mut words = lines.find(|words| words.clone().next() == Some("Udp6InDatagrams"))?;
    words.nth(1)?.parse().ok()
}

/// Returns a counter of a file in which a line of names is followed by one of numbers.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|word| word == name)?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

/// Returns the addresses in `if_inet6` that failed duplicate address detection.
pub(super) fn duplicates(text: &str) -> BTreeSet<IpAddr> {
    flagged(text, DAD_FAILED)
}

/// Returns the addresses in `if_inet6` for which duplicate address detection has not ended.
pub(super) fn tentative(text: &str) -> BTreeSet<IpAddr> {
    flagged(text, TENTATIVE)
}

/// Returns the addresses in `if_inet6` that have a flag.
///
/// A line is the address in 32 hexadecimal digits, the interface's number, the prefix length, the scope and the flags.
fn flagged(text: &str, flag: u8) -> BTreeSet<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = u128::from_str_radix(words.next()?, 16).ok()?;
            let flags = u8::from_str_radix(words.nth(3)?, 16).ok()?;
            (flags & flag != 0).then(|| IpAddr::V6(Ipv6Addr::from(address)))
        })
        .collect()
}

/// Returns the running programs that manage networks or IPVS, without processes that have ended meanwhile.
pub(super) fn managers() -> BTreeSet<String> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .filter(|name| MANAGERS.contains(&name.as_str()))
        .collect()
}

/// Returns the interfaces that a running network manager manages by its own account.
pub(super) fn managed(links: &[Link], managers: &BTreeSet<String>) -> BTreeMap<IfName, String> {
    let mut managed = BTreeMap::new();
    for link in links {
        let state = |directory: &str| {
            fs::read_to_string(format!("{directory}/{}", link.index)).unwrap_or_default()
        };
        let networkd =
            managers.contains("systemd-network") && by_networkd(&state("/run/systemd/netif/links"));
        let network_manager = managers.contains("NetworkManager")
            && by_network_manager(&state("/run/NetworkManager/devices"));
        if networkd {
            managed.insert(link.name.clone(), "systemd-networkd".to_owned());
        } else if network_manager {
            managed.insert(link.name.clone(), "NetworkManager".to_owned());
        }
    }
    managed
}

fn by_networkd(state: &str) -> bool {
    state
        .lines()
        .find_map(|line| line.strip_prefix("ADMIN_STATE="))
        .is_some_and(|state| !["unmanaged", "linger"].contains(&state))
}

fn by_network_manager(state: &str) -> bool {
    state
        .lines()
        .any(|line| ["managed=true", "managed=1"].contains(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_the_first_number() {
        assert_eq!(
            uptime("350735.47 234388.90\n"),
            Some(Duration::from_secs(350_735))
        );
        assert_eq!(uptime(""), None);
    }

    #[test]
    fn overflows_are_found_by_their_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: A\nIpExt: 4\n";
        assert_eq!(overflows(text), Some(22));
        assert_eq!(overflows("TcpExt: SyncookiesSent\n"), None);
    }

    #[test]
    fn datagrams_that_were_read_are_counted() {
        let text =
            "Ip: A\nIp: 9\nUdp: InDatagrams NoPorts\nUdp: 7 1\nUdpLite: InDatagrams\nUdpLite: 3\n";
        assert_eq!(datagrams(text), Some(7));
        let six = "Ip6InReceives   \t9\nUdp6InDatagrams   \t5\n";
        assert_eq!(datagrams6(six), Some(5));
        assert_eq!((datagrams(""), datagrams6("Udp6InDatagrams")), (None, None));
    }

    #[test]
    fn modules_are_first_words() {
        let text =
            "ip_vs_rr 16384 1 - Live 0x0000000000000000\nip_vs 200704 3 ip_vs_rr, Live 0x0\n";
        let found: Vec<_> = modules(text).into_iter().collect();
        assert_eq!(found, ["ip_vs", "ip_vs_rr"]);
    }

    #[test]
    fn failed_addresses_are_marked() {
        let text = "20010db8000000000000000000000001 02 80 00 88     eth0
fe80000000000000000000fffe000001 02 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
garbage\n";
        let found: Vec<_> = duplicates(text).into_iter().collect();
        assert_eq!(found, ["2001:db8::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn managers_say_what_they_manage() {
        assert!(by_networkd(
            "# private\nADMIN_STATE=configured\nOPER_STATE=routable\n"
        ));
        assert!(!by_networkd("ADMIN_STATE=unmanaged\n"));
        assert!(!by_networkd(""));
        assert!(by_network_manager("[device]\nmanaged=true\n"));
        assert!(!by_network_manager("[device]\nmanaged=false\n"));
    }
}
