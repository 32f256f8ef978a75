//! `Observed::after` is the kernel: whatever step is made, and whatever the machine looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lvs_core::cluster::change::{Change, Kind, LinkState, Object, Setting, Step};
use lvs_core::cluster::{Desired, DesiredState, Observed, ReadScope};
use lvs_core::net::{Address, IpNet, Route, RouteId, Scope};
use lvs_core::sysctl::{Conf, SysctlKey};
use lvs_core::{Cluster, Host, IfName, Netns};
use serde_json::Value;

use crate::judge::ipvs_steps;
use crate::random::Random;

const STEPS: usize = 16;

/// How often each kind of step was made, and how often the kernel refused it.
type Made = BTreeMap<(&'static str, Kind), [u32; 2]>;

pub(crate) fn a_hundred_random_sequences_do_what_was_foretold() -> lvs_core::Result<()> {
    sequences(0..100)
}

pub(crate) fn a_hundred_more_do_what_was_foretold() -> lvs_core::Result<()> {
    sequences(100..200)
}

fn sequences(seeds: Range<u64>) -> lvs_core::Result<()> {
    let node = everything();
    let scope = ReadScope::of(&node);
    let mut made = Made::new();
    for seed in seeds {
        machine()?.run(|host| sequence(seed, &scope, host, &mut made))?;
    }
    for what in KINDS {
        let [times, refused] = made.get(&what).copied().unwrap_or_default();
        println!("{what:?} {times}, refused {refused}");
        assert!(times >= 10, "{what:?} was made {times} times only");
    }
    Ok(())
}

const KINDS: [(&str, Kind); 14] = [
    ("link", Kind::Edit),
    ("sysctl", Kind::Edit),
    ("address", Kind::Add),
    ("address", Kind::Delete),
    ("route", Kind::Add),
    ("route", Kind::Edit),
    ("route", Kind::Delete),
    ("timeouts", Kind::Edit),
    ("service", Kind::Add),
    ("service", Kind::Edit),
    ("service", Kind::Delete),
    ("destination", Kind::Add),
    ("destination", Kind::Edit),
    ("destination", Kind::Delete),
];

/// A director of whom every switch is read that any machine of any cluster can need.
fn everything() -> DesiredState {
    let cluster = Cluster::from_toml(include_str!("../../../../examples/nat.toml")).unwrap();
    let mut node = cluster.node("director").unwrap();
    let mut keys = vec![SysctlKey::IPV6_FORWARDING];
    for conf in [Conf::All, Conf::Interface(IfName::LO)] {
        keys.extend([SysctlKey::arp_ignore(&conf), SysctlKey::arp_announce(&conf)]);
    }
    for key in keys {
        let desired = Desired {
            value: String::new(),
            why: "".into(),
        };
        node.sysctls.insert(key, desired);
    }
    node
}

/// A machine with two cables; one of its interfaces is up, and on a network.
fn machine() -> lvs_core::Result<Netns> {
    let netns = Netns::create()?;
    netns.run(|host| {
        let net = host.net();
        for (end, other) in [("eth0", "port0"), ("eth1", "port1")] {
            net.add_veth(&name(end), &name(other), None)?;
        }
        for up in ["lo", "port0", "port1", "eth0"] {
            net.set_up(&name(up))?;
        }
        ["10.0.0.1/24", "2001:db8::1/64"]
            .map(|network| Address {
                protocol: Address::PROTOCOL,
                ..Address::new(name("eth0"), network.parse().unwrap())
            })
            .iter()
            .try_for_each(|address| net.add_address(address))
    })??;
    Ok(netns)
}

fn sequence(seed: u64, scope: &ReadScope, host: &mut Host, made: &mut Made) {
    let mut random = Random::new(seed);
    let mut now = Observed::read(host, scope).unwrap();
    // 0 before Linux 5.18, which keeps none.
    let protocol = now
        .addresses
        .iter()
        .map(|address| address.protocol)
        .max()
        .unwrap();
    for round in 0..STEPS {
        let change = action(&now, protocol, &mut random);
        let step = Step {
            change,
            why: "".into(),
        };
        let result = step.execute(host);
        let found = Observed::read(host, scope).unwrap();
        let foretold = if result.is_ok() {
            now.after(&step)
        } else {
            now.clone()
        };
        assert!(
            found == foretold,
            "sequence {seed}, step {round}: {step}\n{result:?}\nbefore {}\nforetold and found {:#?}",
            serde_json::to_string(&now).unwrap(),
            differences(&foretold, &found),
        );
        let [done, refused] = made
            .entry((step.change.id().what(), step.change.kind()))
            .or_default();
        *if result.is_ok() { done } else { refused } += 1;
        now = found;
    }
}

/// The lines that only one of the two has, in the form of a patch.
fn differences(foretold: &Observed, found: &Observed) -> Vec<String> {
    let lines = |observed| -> Vec<String> {
        let json = serde_json::to_value(observed).unwrap();
        json.as_object()
            .unwrap()
            .iter()
            .flat_map(|(key, value)| parts(key, value))
            .collect()
    };
    let (foretold, found) = (lines(foretold), lines(found));
    let missing = foretold
        .iter()
        .filter(|line| !found.contains(line))
        .map(|line| format!("- {line}"));
    let surplus = found
        .iter()
        .filter(|line| !foretold.contains(line))
        .map(|line| format!("+ {line}"));
    missing.chain(surplus).collect()
}

fn parts(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) if path.ends_with("sysctls") => fields
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect(),
        Value::Array(items) => items.iter().map(|item| format!("{path} {item}")).collect(),
        other => vec![format!("{path} {other}")],
    }
}

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn action(now: &Observed, protocol: u8, random: &mut Random) -> Change<Object> {
    match random.below(12) {
        0 => link(now, random),
        1 => sysctl(now, random),
        2..=4 => address(now, protocol, random),
        5..=6 => route(now, random),
        _ => ipvs_steps::action(now, random),
    }
}

fn link(now: &Observed, random: &mut Random) -> Change<Object> {
    let name = name(random.pick(&["lo", "eth0", "eth1", "eth1"]));
    let up = now.links[&name];
    let link = |up| LinkState {
        name: name.clone(),
        up,
    };
    Change::edit(link(up).into(), link(!up).into())
}

fn sysctl(now: &Observed, random: &mut Random) -> Change<Object> {
    let keys: Vec<_> = now.sysctls.keys().cloned().collect();
    // The one with the farthest effects is made more often than its share.
    let key = if random.once_in(4) {
        SysctlKey::IP_FORWARD
    } else {
        random.pick(&keys)
    };
    let before = Setting {
        key: key.clone(),
        value: now.sysctls[&key].clone(),
    };
    let value = random.pick(&["0", "1"]).to_owned();
    Change::edit(before.into(), Setting { key, value }.into())
}

const ADDRESSES: [&str; 9] = [
    "10.0.0.1/24",
    "10.0.0.2/24",
    "10.0.0.3/24",
    "10.0.0.9/32",
    "10.0.0.4/16",
    "10.1.0.1/24",
    "2001:db8::1/64",
    "2001:db8::2/64",
    "2001:db8:1::1/128",
];

/// Adds one or deletes one, as many as there are room for.
fn address(now: &Observed, protocol: u8, random: &mut Random) -> Change<Object> {
    if !now.addresses.is_empty() && random.once_in(3) {
        return Change::Delete(random.pick(&now.addresses).into());
    }
    let network: IpNet = random.pick(&ADDRESSES).parse().unwrap();
    let interface = random.pick(match network {
        // No IPv6 gateway behind lo: kernels are not of one mind about those.
        IpNet::V6(network) if network.prefix_len() < 128 => &["eth0", "eth0", "eth1"],
        _ => &["eth0", "eth1", "lo"],
    });
    let mut address = Address::new(name(interface), network);
    address.protocol = random.pick(&[0, protocol]);
    match network {
        IpNet::V4(network) => {
            address.broadcast = random.once_in(2).then(|| network.broadcast());
            address.label = random.once_in(2).then(|| format!("{interface}:1"));
        }
        IpNet::V6(_) => address.no_dad = true,
    }
    Change::Add(address.into())
}

const DESTINATIONS: [&str; 5] = [
    "0.0.0.0/0",
    "198.51.100.0/24",
    "198.51.100.7/32",
    "::/0",
    "2001:db8:9::/48",
];

fn route(now: &Observed, random: &mut Random) -> Change<Object> {
    if !now.routes.is_empty() && random.once_in(5) {
        return Change::Delete(random.pick(&now.routes).into());
    }
    let id = match now.routes.get(random.below(2)) {
        Some(found) => found.id,
        None => {
            let destination = random.pick(&DESTINATIONS).parse().unwrap();
            let metric = random.pick(&[0, 0, 100]);
            RouteId {
                metric,
                ..RouteId::new(destination)
            }
        }
    };
    let destination = id.destination;
    let gateways = match destination {
        IpNet::V4(_) => ["10.0.0.254", "10.0.0.253", "10.1.0.254"],
        IpNet::V6(_) => ["2001:db8::fe", "2001:db8::fd", "2001:db8::fc"],
    };
    let mut route = Route::via(destination, random.pick(&gateways).parse().unwrap());
    route.id = id;
    route.protocol = Address::PROTOCOL;
    // Where two interfaces are on the gateway's network nobody can foretell which one is taken.
    let near = now
        .addresses
        .iter()
        .filter(|address| address.id.network.contains(&route.gateway.unwrap()));
    let near: BTreeSet<_> = near.map(|address| address.id.interface.clone()).collect();
    if near.len() > 1 {
        route.interface = near.last().cloned();
    }
    if random.once_in(3) {
        route.gateway = None;
        route.interface = Some(name(random.pick(&["eth0", "eth1"])));
        if matches!(destination, IpNet::V4(_)) {
            route.interface = Some(name(random.pick(&["eth0", "eth1", "lo"])));
            route.scope = Scope::LINK;
        }
    }
    if random.once_in(3) {
        let mut own = now
            .addresses
            .iter()
            .map(|address| address.id.network.addr());
        route.source = own.find(|ip| ip.is_ipv4() == destination.addr().is_ipv4());
    }
    match now.route(&route.id) {
        Some(found) => Change::edit(found.clone().into(), route.into()),
        None => Change::Add(route.into()),
    }
}
