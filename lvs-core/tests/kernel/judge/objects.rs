//! Unmanaged addresses and routes of every kind stay what they are: the kernel's own listing is the same before
//! an apply and after its removal or rollback, but for the time that is left to what expires.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use lvs_core::cluster::change::{Change, Object};
use lvs_core::cluster::{Aftermath, ApplyEvent, ApplyFailure, DesiredState, PlanOptions, StateDir};
use lvs_core::net::RouteQuery;
use lvs_core::{Cluster, Host, Netns};

type Outcome = lvs_core::Result<()>;

const NAT: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = "172.16.0.1"
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
"#;

const NAT6: &str = r#"
name = "web6"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth1", address = "fd00:1::11/64" },
]
[[services]]
address = "[2001:db8:1::11]:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "fd00:1::12/64" }]
"#;

/// Default routes that a node may have before; each is replaced or loses, and comes back.
const DEFAULTS: [&str; 9] = [
    "route add default via 172.31.1.1 dev eth0 onlink",
    "route add default nexthop via 192.168.1.1 dev eth0 weight 3 nexthop via 192.168.1.2 dev eth0",
    "route add default nexthop via 192.168.1.1 dev eth0 nexthop via 10.1.0.1 dev eth1",
    "route add default via 192.168.1.1 mtu 1400 initcwnd 30 window 65535 quickack 1",
    "route add default via 192.168.1.1 realm 5",
    "route add default nhid 7",
    "route add default via 192.168.1.1 proto dhcp src 192.168.1.40 metric 100",
    "route add default dev eth0 scope link",
    "route add default via 192.168.1.1 tos 0x10",
];

/// What others do on a director whose only address on eth1 is ours.
const BESIDE: [&str; 9] = [
    "address add 192.168.1.50/24 dev eth1 noprefixroute valid_lft 3600 preferred_lft 1800",
    "address add 192.168.1.51/24 dev eth1 label eth1:x",
    "route add 10.10.0.0/16 nexthop via 192.168.1.1 dev eth1 weight 2 nexthop via 192.168.1.2 dev eth1",
    "route add 10.11.0.0/16 via 172.31.1.1 dev eth1 onlink",
    "route add 10.12.0.0/16 via 192.168.1.1 src 192.168.1.51",
    "route add 10.13.0.0/16 via 192.168.1.1 mtu 1400 advmss 1340",
    "route add 10.14.0.0/16 via 192.168.1.1 table 1000 proto 186",
    "route add 10.15.0.0/16 via 192.168.1.1 tos 0x10",
    "route add 10.15.0.0/16 via 192.168.1.2",
];

fn on_a_node(test: impl FnOnce(&mut Host, StateDir) + Send) -> Outcome {
    Netns::create()?.run(|host| {
        for (interface, port) in [("eth0", "port0"), ("eth1", "port1")] {
            ip(&format!("link add {interface} type veth peer name {port}"));
            ip(&format!("link set {interface} up"));
            ip(&format!("link set {port} up"));
        }
        ip("link set lo up");
        host.ipvs()?;
        let directory = tempfile::tempdir().unwrap();
        test(host, StateDir::at(directory.path().join("state")));
        Ok(())
    })?
}

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

pub(crate) fn default_routes_of_every_kind_come_back() -> Outcome {
    let node = node(NAT, "rs1");
    for line in DEFAULTS {
        on_a_node(|host, state| {
            ip("address add 192.168.1.40/24 dev eth0");
            ip("address add 10.1.0.40/16 dev eth1");
            ip("nexthop add id 7 via 192.168.1.7 dev eth0");
            ip(line);
            comes_back(&node, host, &state, line);
        })?;
    }
    Ok(())
}

pub(crate) fn typed_lines_say_everything() -> Outcome {
    for line in DEFAULTS.iter().chain(&[
        "-6 route add default via fe80::1 dev eth0 metric 100 expires 1800 pref high",
        "-6 route add default metric 9 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth1",
        "route add 10.9.0.0/16 via 192.168.1.1 mtu lock 1400 rtt 100ms rto_min 40ms congctl reno",
        "route add 10.9.0.0/16 via 192.168.1.1 table 1000 realms 5/6",
    ]) {
        on_a_node(|host, _| {
            ip("address add 192.168.1.40/24 dev eth0");
            ip("address add 10.1.0.40/16 dev eth1");
            ip("nexthop add id 7 via 192.168.1.7 dev eth0");
            ip(line);
            let before = listing();
            let routes = host.net().routes_of_all_tables().unwrap();
            let route = routes
                .into_iter()
                .find(|route| route.protocol != 2)
                .unwrap();
            for change in [
                Change::Delete(Object::from(route.clone())),
                Change::Add(Object::from(route)),
            ] {
                let typed = change.to_shell();
                ip(typed.strip_prefix("ip ").unwrap());
            }
            same(&before, line);
        })?;
    }
    Ok(())
}

/// Applies, looks up the default route, removes; and applies once more without a confirmation.
fn comes_back(node: &DesiredState, host: &mut Host, state: &StateDir, what: &str) {
    let desired = node
        .routes
        .iter()
        .find(|desired| desired.value.id.is_default())
        .unwrap();
    let far: IpAddr = match desired.value.id.destination.addr() {
        IpAddr::V4(_) => [203, 0, 113, 7].into(),
        IpAddr::V6(_) => "2001:db8:9::7".parse().unwrap(),
    };
    let before = listing();
    let options = PlanOptions::default();
    let mut session = state.lock("apply").unwrap();
    session.apply(node, host, options, &mut |_| ()).unwrap();
    let again = session.apply(node, host, options, &mut |_| ()).unwrap();
    assert!(again.is_empty(), "{what}: {again}");
    let decision = host.net().lookup(&RouteQuery::to(far)).unwrap();
    assert_eq!(decision.gateway, desired.value.gateway, "{what}");
    session.remove(node, host, &mut |_| ()).unwrap();
    same(&before, what);

    let mut session = session.confirm_within(Duration::from_millis(1));
    let error = session.apply(node, host, options, &mut |_| ()).unwrap_err();
    assert!(
        matches!(error.failure(), ApplyFailure::Unconfirmed),
        "{what}: {error}"
    );
    assert!(
        matches!(error.aftermath(), Aftermath::Reverted),
        "{what}: {error}"
    );
    same(&before, what);
}

pub(crate) fn ipv6_default_routes_win_or_are_refused() -> Outcome {
    let node = node(NAT6, "rs1");
    for line in [
        "-6 route add default via fe80::1 dev eth0 proto ra metric 1024 expires 1800 pref high",
        "-6 route add default via fe80::1 dev eth0 proto ra metric 100 expires 1800",
        "-6 route add default via fe80::1 dev eth0 metric 100",
        "-6 route add default via fe80::1 dev eth0 metric 1024 mtu 1400",
        "-6 route add default metric 1024 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth0",
        "-6 route add default via fe80::1 dev eth0 metric 1",
    ] {
        on_a_node(|host, state| {
            ip(line);
            comes_back(&node, host, &state, line);
        })?;
    }
    on_a_node(|host, state| {
        ip("-6 route add default via fe80::1 dev eth0 proto ra metric 1");
        let before = listing();
        let mut session = state.lock("apply").unwrap();
        let error = session
            .apply(&node, host, PlanOptions::default(), &mut |_| ())
            .unwrap_err();
        assert!(
            matches!(error.failure(), ApplyFailure::Refused(_)),
            "{error}"
        );
        same(&before, "refused");
    })
}

/// Objects of others that came after the apply, and that the kernel takes along with our address.
pub(crate) fn what_others_add_survives_a_removal() -> Outcome {
    let node = node(NAT, "director");
    on_a_node(|host, state| {
        let mut session = state.lock("apply").unwrap();
        session
            .apply(&node, host, PlanOptions::default(), &mut |_| ())
            .unwrap();
        let ours = listing();
        BESIDE.iter().for_each(|line| {
            ip(line);
        });
        let all = listing();
        session.remove(&node, host, &mut |_| ()).unwrap();
        let left = listing();
        // Another address is the first of the network now.
        let plain = |line: &str| line.replace("secondary ", "");
        let is_left = |line: &str| left.iter().any(|found| plain(found) == plain(line));
        // The kernel's own routes have the next address as their source.
        let lost: Vec<_> = all
            .iter()
            .filter(|line| !ours.contains(line) && !line.contains("proto kernel"))
            .filter(|line| !is_left(line))
            .collect();
        assert!(lost.is_empty(), "{lost:#?}\nleft {left:#?}");
    })
}

/// A routing daemon withdraws and moves its routes while a confirmation is awaited.
pub(crate) fn what_others_delete_meanwhile_stays_deleted() -> Outcome {
    let node = node(NAT, "director");
    on_a_node(|host, state| {
        for line in [
            "address add 10.1.0.40/16 dev eth1",
            "address add 10.2.0.40/16 dev port0",
            "route add 10.20.0.0/16 via 10.1.0.1 proto bird",
            "route add 10.21.0.0/16 via 10.1.0.1 proto bird",
        ] {
            ip(line);
        }
        let mut session = state
            .lock("apply")
            .unwrap()
            .confirm_within(Duration::from_millis(1));
        let mut meanwhile = Vec::new();
        let error = session.apply(&node, host, PlanOptions::default(), &mut |event| {
            if matches!(event, ApplyEvent::Verified) {
                ip("route del 10.20.0.0/16");
                ip("route replace 10.21.0.0/16 via 10.1.0.2 proto bird");
                ip("address del 10.2.0.40/16 dev port0");
                meanwhile = listing();
            }
        });
        let error = error.unwrap_err();
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        let after = listing();
        let absent = |what: &str| after.iter().all(|line| !line.contains(what));
        assert!(
            absent("10.20.0.0/16") && absent("10.2.0.40/16"),
            "{after:#?}"
        );
        assert!(absent("via 10.1.0.1 "), "{after:#?}");
        assert!(!absent("10.21.0.0/16 via 10.1.0.2"), "{after:#?}");
        assert!(absent("192.168.1.11/24"), "{after:#?}");
    })
}

fn same(before: &[String], what: &str) {
    let after = listing();
    let missing: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(missing, new, "{what}");
    assert_eq!(before.len(), after.len(), "{what}");
}

/// Returns addresses and routes in sorted order, without the seconds that are left and the state of the
/// kernel's own link-local addresses.
fn listing() -> Vec<String> {
    let commands = [
        "-d -o address",
        "-d -o -4 route show table all",
        "-d -o -6 route show table all",
    ];
    let text: String = commands.iter().map(|command| ip(command)).collect();
    let mut lines: Vec<_> = text.lines().map(timeless).collect();
    lines.retain(|line| !line.contains("fe80::") || line.contains("default"));
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

fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {problem}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
