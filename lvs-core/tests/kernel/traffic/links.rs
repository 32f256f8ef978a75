//! Addresses on the link: who is told of them, and who has them already.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lvs_core::cluster::{ApplyError, ApplyFailure, PlanOptions, Role};
use lvs_core::net::Address;
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::run_tool;

/// The virtual IP of two directors is on a dummy.
const PAIR: &str = r#"
name = "web"
forwarding = "dr"
[[directors]]
name = "lb1"
addresses = [
  { interface = "eth0", address = "192.168.1.21/24" },
  { interface = "dummy0", address = "192.168.1.100/32", floating = true },
]
[[directors]]
name = "lb2"
addresses = [
  { interface = "eth0", address = "192.168.1.22/24" },
  { interface = "dummy0", address = "192.168.1.100/32", floating = true },
]
[[services]]
address = "192.168.1.100:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
"#;

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn add(interface: &str, network: &str) -> impl FnOnce(&mut Host) + Send {
    let address = Address {
        no_dad: network.contains(':'),
        ..Address::new(name(interface), network.parse().unwrap())
    };
    move |host| host.net().add_address(&address).unwrap()
}

fn on<T: Send>(machine: &Netns, work: impl FnOnce(&mut Host) -> T + Send) -> T {
    machine.run(work).unwrap()
}

/// A client with a bridge, and machines whose eth0 is plugged into it.
fn link<const N: usize>(is_up: bool) -> (Netns, [Netns; N]) {
    let client = Netns::create().unwrap();
    on(&client, |host| {
        host.net().add_bridge(&name("br0")).unwrap();
        host.net().set_up(&name("br0")).unwrap();
    });
    let machines = std::array::from_fn(|number| {
        let machine = Netns::create().unwrap();
        let port = name(&format!("port{number}"));
        on(&client, |host| {
            let net = host.net();
            let inside = Some(machine.as_fd());
            net.add_veth(&port, &name("eth0"), inside).unwrap();
            net.set_controller(&port, Some(&name("br0"))).unwrap();
            net.set_up(&port).unwrap();
        });
        on(&machine, |host| {
            host.net().add_dummy(&name("dummy0")).unwrap();
            if is_up {
                host.net().set_up(&name("eth0")).unwrap();
            }
        });
        machine
    });
    on(&client, add("br0", "192.168.1.1/24"));
    (client, machines)
}

fn apply(machine: &Netns, node: &str, role: Option<Role>, text: &str) -> Result<(), ApplyError> {
    let cluster = Cluster::from_toml(text).unwrap();
    let state = match role {
        Some(role) => cluster.node_as(node, role),
        None => cluster.node(node),
    };
    on(machine, |host| {
        let options = PlanOptions::default();
        state.unwrap().apply(host, options, &mut |_| ()).map(drop)
    })
}

fn mac(machine: &Netns) -> String {
    on(machine, |host| {
        let link = host.net().link(&name("eth0")).unwrap();
        link.mac.unwrap().to_string()
    })
}

/// What the client's table of neighbours says of the virtual IP.
fn neighbour(client: &Netns) -> String {
    on(client, |_| {
        run_tool("ip", &["neigh", "show", "192.168.1.100"]).unwrap()
    })
}

pub(crate) fn a_virtual_ip_on_a_dummy_is_announced_where_clients_ask() {
    let (client, [lb1, lb2]) = link::<2>(true);
    apply(&lb1, "lb1", Some(Role::Active), PAIR).unwrap();
    apply(&lb2, "lb2", Some(Role::Standby), PAIR).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while !neighbour(&client).contains(&mac(&lb1)) {
        assert!(Instant::now() < end, "{}", neighbour(&client));
        on(&client, |_| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let _ = socket.send_to(b"?", "192.168.1.100:9");
        });
    }
    apply(&lb1, "lb1", Some(Role::Standby), PAIR).unwrap();
    assert!(
        neighbour(&client).contains(&mac(&lb1)),
        "it still asks there"
    );
    apply(&lb2, "lb2", Some(Role::Active), PAIR).unwrap();
    let known = neighbour(&client);
    assert!(known.contains(&mac(&lb2)), "{known}");
}

/// A lone director, whose virtual IP is on an interface.
fn lone(interface: &str, own: &str, vip: &str, bits: u8) -> String {
    let service = match vip.contains(':') {
        true => format!("[{vip}]:80"),
        false => format!("{vip}:80"),
    };
    let server = match vip.contains(':') {
        true => "fd00::12/64",
        false => "192.168.1.12/24",
    };
    format!(
        r#"
name = "web"
forwarding = "dr"
[director]
name = "lb"
addresses = [
  {{ interface = "eth0", address = "{own}" }},
  {{ interface = "{interface}", address = "{vip}/{bits}" }},
]
[[services]]
address = "{service}"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{{ interface = "eth0", address = "{server}" }}]
"#
    )
}

fn addresses(machine: &Netns) -> Vec<String> {
    on(machine, |host| {
        let all = host.net().addresses().unwrap();
        let shown = all.iter().map(|address| address.id.to_string());
        // The kernel adds these by itself.
        shown
            .filter(|text| !text.contains("fe80") && !text.contains(" on lo"))
            .collect()
    })
}

/// The director is refused, its link and addresses stay as they were, and the message names the other host.
fn is_refused(other: &Netns, lb: &Netns, text: &str, vip: &str) {
    let is_up = || on(lb, |host| host.net().link(&name("eth0")).unwrap().up);
    let before = (addresses(lb), is_up());
    let error = apply(lb, "lb", None, text).unwrap_err();
    assert!(
        matches!(error.failure(), ApplyFailure::Refused(_)),
        "{error}"
    );
    assert!(error.is_clean(), "{error}");
    let message = error.to_string();
    assert!(message.contains(&mac(other)), "{message}");
    assert!(message.contains(vip), "{message}");
    assert_eq!((addresses(lb), is_up()), before);
}

pub(crate) fn an_address_in_use_is_refused() {
    // No neighbour finds an IPv6 address of a dummy that is in the network of eth0: that is refused in any case.
    let four = ("192.168.1.11/24", "192.168.1.100", "192.168.1.100/24", 32);
    let six = ("fd00::11/64", "fd00::100", "fd00::100/64", 128);
    for ((own, vip, theirs, bits), interfaces) in
        [(four, &["eth0", "dummy0"][..]), (six, &["eth0"][..])]
    {
        for interface in interfaces {
            // A link that is down is set up first, and down again after the refusal.
            for is_up in [true, false] {
                let (_client, [other, lb]) = link::<2>(is_up);
                on(&other, |host| host.net().set_up(&name("eth0")).unwrap());
                on(&other, add("eth0", theirs));
                let text = lone(interface, own, vip, bits);
                is_refused(&other, &lb, &text, vip);
                on(&other, |host| {
                    let address = Address::new(name("eth0"), theirs.parse().unwrap());
                    host.net().delete_address(&address.id).unwrap();
                });
                apply(&lb, "lb", None, &text).unwrap();
                assert!(addresses(&lb).iter().any(|text| text.contains(vip)));
                // Its own address is no other host's.
                apply(&lb, "lb", None, &text).unwrap();
            }
        }
    }
}
