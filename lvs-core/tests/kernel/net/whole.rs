//! Routes and addresses of every kind that `ip` can make, deleted and added again: the kernel's own listing is
//! the same before and after, line by line, but for the time that is left to what expires.

use std::process::Command;

use lvs_core::net::Net;

use crate::support::{Outcome, ip, with_eth0};

/// Routes by `ip route add`, with gateways on eth0 (192.168.1.0/24, 2001:db8::/64) and eth1 (10.1.0.0/16).
const ROUTES: [&str; 46] = [
    "default via 192.168.1.254 dev eth0",
    "default via 172.31.1.1 dev eth0 onlink metric 5",
    "default via 192.168.1.254 dev eth0 metric 100 proto dhcp src 192.168.1.12",
    "default metric 200 nexthop via 192.168.1.1 dev eth0 weight 3 nexthop via 10.1.0.1 dev eth1 weight 256",
    "default metric 201 nexthop via 172.31.1.1 dev eth0 onlink nexthop dev eth1",
    "default via inet6 fe80::1 dev eth0 metric 300",
    "default via 192.168.1.9 dev eth0 tos 0x10",
    "10.10.0.0/16 via 192.168.1.1 mtu 1400",
    "10.11.0.0/16 via 192.168.1.1 mtu lock 1400 advmss 1360 initcwnd 30 initrwnd 20 window 65535 quickack 1",
    "10.12.0.0/16 via 192.168.1.1 rtt 100ms rttvar 50ms rto_min 40ms cwnd 9 ssthresh 7 reordering 5 hoplimit 32",
    "10.13.0.0/16 via 192.168.1.1 congctl reno features ecn fastopen_no_cookie 1",
    "10.14.0.0/16 via 192.168.1.1 realm 5",
    "10.15.0.0/16 via 192.168.1.1 realms 5/6",
    "10.16.0.0/16 nexthop via 192.168.1.1 realm 5 nexthop via 192.168.1.2 realm 6",
    "10.17.0.0/16 nhid 7",
    "10.18.0.0/16 nhid 9",
    "10.19.0.0/16 dev eth0 scope link",
    "10.20.0.0/16 dev eth0 scope link src 192.168.1.12",
    "10.21.0.1/32 dev lo scope host",
    "10.22.0.0/16 via 192.168.1.1 table 1000",
    "10.22.0.0/16 via 192.168.1.2 table 7 proto bird metric 32",
    "10.23.0.0/16 via 192.168.1.1 proto 186",
    "10.24.0.0/16 via 192.168.1.1 ttl-propagate enabled",
    "10.25.0.0/16 encap ip id 7 dst 10.1.0.9 dev eth1",
    "10.26.0.0/16 via 192.168.1.1 tos 0x08",
    "10.26.0.0/16 via 192.168.1.2 tos 0x10",
    "10.26.0.0/16 via 192.168.1.3",
    "10.27.0.0/16 encap mpls 100 via 192.168.1.1",
    "0.0.0.0/1 via 192.168.1.1",
    "-6 default via 2001:db8::fe dev eth0",
    "-6 default via 2001:db8::fd dev eth0 metric 100 pref high",
    "-6 default via fe80::1 dev eth0 metric 101 pref low",
    "-6 default via fe80::1 dev eth0 metric 102 expires 1800",
    "-6 default metric 103 nexthop via fe80::1 dev eth0 weight 3 nexthop via fe80::2 dev eth1",
    "-6 default from 2001:db8:5::/48 via fe80::1 dev eth0",
    "-6 2001:db8:10::/48 via 2001:db8::fe mtu 1400",
    "-6 2001:db8:11::/48 via 2001:db8::fe mtu lock 1400 advmss 1340 initcwnd 30 hoplimit 32",
    "-6 2001:db8:12::/48 via 2001:db8::fe src 2001:db8::12",
    "-6 2001:db8:13::/48 nhid 8",
    "-6 2001:db8:14::/48 dev eth0",
    "-6 2001:db8:15::/48 via 2001:db8::fe table 1000",
    "-6 2001:db8:16::/48 via 2001:db8::fe proto bird metric 32",
    "-6 2001:db8:17::/48 via 2001:db9::1 dev eth0 onlink",
    "-6 2001:db8:18::/48 encap ip6 id 7 dst 2001:db8::9 dev eth1",
    "-6 2001:db8:19::/48 via 2001:db8::fe expires 600 metric 9",
    "-6 2001:db8:1a::1/128 dev lo",
];

/// Addresses by `ip address add`.
const ADDRESSES: [&str; 20] = [
    "192.168.2.1/24 dev eth0",
    "192.168.3.1/24 dev eth0 broadcast +",
    "192.168.4.1/24 dev eth0 label eth0:4",
    "192.168.5.1/24 dev eth0 noprefixroute",
    "192.168.6.1/24 dev eth0 valid_lft 3600 preferred_lft 1800 noprefixroute",
    "192.168.7.1/24 dev eth0 valid_lft 3600 preferred_lft 3600",
    "192.168.8.1/24 dev eth0 metric 50",
    "192.168.9.1 peer 192.168.9.2/32 dev eth0",
    "192.168.10.1 peer 192.168.11.1/24 dev eth0",
    "192.168.12.1/24 dev eth0 scope link",
    "192.168.13.1/32 dev lo scope host",
    "192.168.14.1/24 dev eth0 preferred_lft 0",
    "2001:db8:2::1/64 dev eth0 nodad",
    "2001:db8:3::1/64 dev eth0 nodad preferred_lft 0",
    "2001:db8:4::1/64 dev eth0 nodad noprefixroute",
    "2001:db8:5::1/64 dev eth0 nodad valid_lft 3600 preferred_lft 1800",
    "2001:db8:6::1/64 dev eth0 nodad home",
    "2001:db8:7::1/64 dev eth0 nodad mngtmpaddr",
    "2001:db8:8::1/64 dev eth0 nodad metric 50",
    "2001:db8:9::1 peer 2001:db8:a::1/64 dev eth0 nodad",
];

/// What must be there for the routes.
const GROUND: [&str; 8] = [
    "address add 192.168.1.12/24 dev eth0",
    "address add 2001:db8::12/64 dev eth0 nodad",
    "address add 10.1.0.12/16 dev eth1",
    "nexthop add id 6 via 192.168.1.6 dev eth0",
    "nexthop add id 7 via 192.168.1.7 dev eth0",
    "nexthop add id 8 via 2001:db8::8 dev eth0",
    "nexthop add id 9 group 6,2/7,3",
    "route flush table 1000",
];

pub(crate) fn routes_are_added_again_as_they_were() -> Outcome {
    with_eth0(|host| {
        ground(host.net())?;
        let missing = made("route", &ROUTES);
        assert!(missing.len() <= 4, "{missing:?}");
        let before = listing(&ROUTE_LISTINGS);
        let net = host.net();
        let routes = net.routes_of_all_tables()?;
        let own: Vec<_> = routes.iter().filter(|route| route.protocol != 2).collect();
        for route in &own {
            net.delete_route(route)?;
            net.add_route(route)?;
        }
        same(&before, &listing(&ROUTE_LISTINGS));
        for route in &own {
            net.replace_route(route)?;
        }
        same(&before, &listing(&ROUTE_LISTINGS));
        assert!(own.len() >= 40, "{} of {missing:?}", own.len());
        Ok(())
    })
}

pub(crate) fn interfaces_of_any_name_are_listed() -> Outcome {
    with_eth0(|host| {
        ip("link add \u{7f51}\u{5361} type dummy");
        ip("address add 192.168.1.12/24 dev \u{7f51}\u{5361}");
        let net = host.net();
        let addresses = net.addresses()?;
        let own = addresses
            .iter()
            .find(|address| address.id.interface.as_str() == "\u{7f51}\u{5361}")
            .unwrap();
        net.set_up(&own.id.interface)?;
        assert!(net.link(&own.id.interface)?.up);
        Ok(())
    })
}

pub(crate) fn addresses_are_added_again_as_they_were() -> Outcome {
    with_eth0(|host| {
        let missing = made("address", &ADDRESSES);
        assert!(missing.len() <= 1, "{missing:?}");
        let before = listing(&ADDRESS_LISTINGS);
        let net = host.net();
        let addresses = net.addresses()?;
        for address in &addresses {
            let network = address.id.network;
            if network.addr().is_loopback() || network.to_string().starts_with("fe80") {
                continue;
            }
            net.delete_address(&address.id)?;
            net.add_address(address)?;
        }
        same(&before, &listing(&ADDRESS_LISTINGS));
        Ok(())
    })
}

const ROUTE_LISTINGS: [&str; 2] = ["-d -4 route show table all", "-d -6 route show table all"];
const ADDRESS_LISTINGS: [&str; 3] = ["-d address", "-4 route", "-6 route"];

fn same(before: &[String], after: &[String]) {
    let missing: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(missing, new);
    assert_eq!(before.len(), after.len());
}

fn ground(net: &mut Net) -> Outcome {
    net.add_dummy(&"eth1".parse().unwrap())?;
    net.set_up(&"eth1".parse().unwrap())?;
    for line in GROUND {
        attempt(line);
    }
    Ok(())
}

/// Adds what this kernel and this `ip` can add, and returns the rest.
fn made(what: &str, lines: &[&'static str]) -> Vec<(&'static str, String)> {
    lines
        .iter()
        .filter_map(|line| {
            let command = match line.strip_prefix("-6 ") {
                Some(line) => format!("-6 {what} add {line}"),
                None => format!("{what} add {line}"),
            };
            attempt(&command).map(|problem| (*line, problem))
        })
        .collect()
}

fn attempt(arguments: &str) -> Option<String> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Returns the lines of some listings in sorted order, without the seconds that are left and
/// the state of the kernel's own link-local addresses.
fn listing(commands: &[&str]) -> Vec<String> {
    let text: String = commands.iter().map(|command| ip(command)).collect();
    let mut lines: Vec<_> = text.lines().map(timeless).collect();
    lines.sort();
    lines
}

fn timeless(line: &str) -> String {
    line.split_whitespace()
        .filter(|word| *word != "tentative")
        .map(|word| match word.strip_suffix("sec") {
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => "SECONDS",
            _ => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}
