//! `order --from OLD --json`, typed literally, while clients ask: none of them notices, or the order has said
//! what they will notice.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lvs_core::cluster::NodeName;
use lvs_core::{Cluster, Netns};
use lvs_lab::{Lab, http};

use super::{DR, NAT, in_file, says};
use crate::trust::nodes::{Node, served};
use crate::trust::records::without_records;

pub(crate) const OLD: &str = "/run/old.toml";
pub(crate) const NEW: &str = "/run/new file.toml";
const ANSWER: Duration = Duration::from_secs(3);

/// A change of a cluster and where its clients ask.
pub(crate) struct Rollout {
    pub(crate) lab: Lab,
    /// The nodes as the old file names them, in the new file's names.
    hosts: Vec<(String, String)>,
}

/// What the clients felt.
pub(crate) struct Felt {
    pub(crate) failed: Vec<String>,
    pub(crate) asked: usize,
}

impl Rollout {
    pub(crate) fn new(old: &str, new: &str) -> Self {
        Self::in_network_of(old, old, new)
    }

    /// The network is that of another file, in which clients reach the addresses of both.
    fn in_network_of(both: &str, old: &str, new: &str) -> Self {
        let cluster = Cluster::from_toml(both).unwrap();
        let lab = without_records(Lab::new(&cluster, 1).unwrap());
        fs::write(OLD, old).unwrap();
        in_file("new file.toml", new);
        let names = cluster.node_names().map(NodeName::to_string);
        let hosts = names.map(|name| (name.clone(), name)).collect();
        let rollout = Self { lab, hosts };
        for (_, command) in rollout.order(&[OLD]).0 {
            rollout.execute(&command);
        }
        rollout.lab.wait_for_servers().unwrap();
        rollout
    }

    fn renamed(mut self, old: &str, new: &str) -> Self {
        for (host, name) in &mut self.hosts {
            if host == old {
                *name = new.to_owned();
            }
        }
        self
    }

    /// Returns each step's node and command, and the outages.
    pub(crate) fn order(&self, arguments: &[&str]) -> (Vec<(String, String)>, Vec<String>) {
        let steps = self.stages(arguments);
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let step = |step: &serde_json::Value| {
            let command = text(&step["command"]).unwrap();
            (text(&step["node"]).unwrap(), command)
        };
        let outages = steps.iter().filter_map(|step| text(&step["outage"]));
        (steps.iter().map(step).collect(), outages.collect())
    }

    fn stages(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let (host, _) = &self.hosts[0];
        let output = self
            .on(host)
            .start(&[&["order", "--json"], arguments].concat());
        let mut json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        serde_json::from_value(json["stages"].take()).unwrap()
    }

    /// How many requests the order says are cut: one client has one open at a time, at the one moment at which the
    /// director deletes destinations.
    fn cut(&self) -> usize {
        let stages = self.stages(&[NEW, "--from", OLD]);
        let mut hints = stages.iter().filter_map(|stage| stage["hint"].as_str());
        usize::from(hints.any(|hint| hint.contains("are cut: before this step drain")))
    }

    pub(crate) fn on(&self, name: &str) -> Node<'_> {
        let host = self
            .hosts
            .iter()
            .find(|(host, new)| new == name || host == name);
        let (host, _) = host.unwrap_or_else(|| panic!("no host is {name}"));
        Node::new(&self.lab, host, OLD.as_ref())
    }

    /// Types a line on the node that it names.
    pub(crate) fn execute(&self, command: &str) {
        let (_, name) = command.split_once("--node ").unwrap();
        let node = self.on(name.split(' ').next().unwrap());
        let typed = format!("{command} --state {}", node.state);
        says(&node.shell(&typed), 0, &[]);
    }

    /// Removes the old cluster from the director, and then applies the new file everywhere.
    pub(crate) fn remove_and_apply(&self) {
        self.execute(&format!("lvsctl remove {OLD} --node director"));
        for (_, command) in self.order(&[NEW]).0 {
            self.execute(&command);
        }
    }

    /// Executes the order while clients ask at the addresses, one after the other; the first step whose
    /// command has a text makes them go to the next address.
    pub(crate) fn execute_while_asked(&self, addresses: &[&str]) -> (Felt, Vec<String>) {
        let (steps, outages) = self.order(&[NEW, "--from", OLD]);
        let addresses: Vec<SocketAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let (over, place) = (AtomicBool::new(false), AtomicUsize::new(0));
        let felt = thread::scope(|scope| {
            let client = self.lab.network().client();
            let clients = scope.spawn(|| ask(client, &addresses, &place, &over));
            for (_, command) in &steps {
                // Clients that have to go to another address do so once it is served.
                self.execute(command);
                if command.contains("director") && !command.contains("--grow") {
                    place.store(addresses.len() - 1, Ordering::SeqCst);
                }
            }
            over.store(true, Ordering::SeqCst);
            clients.join().unwrap()
        });
        for (node, command) in steps {
            eprintln!("{node}: {command}");
        }
        (felt, outages)
    }
}

pub(crate) fn ask(
    client: &Netns,
    addresses: &[SocketAddr],
    place: &AtomicUsize,
    over: &AtomicBool,
) -> Felt {
    let (mut failed, mut asked) = (Vec::new(), 0);
    // A few more are asked where all is done soon.
    while !over.load(Ordering::SeqCst) || asked < 4 {
        let address = addresses[place.load(Ordering::SeqCst)];
        let answer = client.run(|_| http::fetch(address, None, ANSWER)).unwrap();
        asked += 1;
        failed.extend(answer.err().map(|error| format!("{address}: {error}")));
        thread::sleep(Duration::from_millis(20));
    }
    Felt { failed, asked }
}

impl Felt {
    #[track_caller]
    pub(crate) fn nothing(&self) {
        self.at_most(0);
    }

    #[track_caller]
    fn at_most(&self, cut: usize) {
        assert!(self.asked > 3, "only {} requests", self.asked);
        assert!(
            self.failed.len() <= cut,
            "{} of {} failed: {:#?}",
            self.failed.len(),
            self.asked,
            self.failed
        );
    }
}

const VIP: &str = "172.16.5.11:80";
const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");
const TWO: &str = include_str!("../../../../examples/two_directors.toml");
const IPV6: &str = include_str!("../../../../examples/ipv6.toml");

/// Every forwarding method, and both families: the old file, and where its clients ask.
const CLUSTERS: [(&str, &str); 4] = [
    (DR, VIP),
    (NAT, VIP),
    (TUNNEL, VIP),
    (IPV6, "[2001:db8:5::11]:80"),
];

/// Clients feel nothing, and the order promises that.
#[track_caller]
fn nothing_is_felt(rollout: &Rollout, vip: &str) {
    let cut = rollout.cut();
    let (felt, outages) = rollout.execute_while_asked(&[vip]);
    assert_eq!(outages, [""; 0]);
    felt.at_most(cut);
    let (left, _) = rollout.order(&[NEW, "--from", NEW]);
    assert_eq!(left, []);
}

pub(crate) fn a_renamed_node_is_not_removed() {
    for (text, vip) in CLUSTERS {
        let new = text.replace("realserver1", "www1");
        let rollout = Rollout::new(text, &new).renamed("realserver1", "www1");
        let (steps, _) = rollout.order(&[NEW, "--from", OLD]);
        assert!(
            steps.iter().all(|(_, command)| !command.contains("remove")),
            "{steps:?}"
        );
        nothing_is_felt(&rollout, vip);
    }
}

pub(crate) fn a_renamed_cluster_is_served_on() {
    for (text, vip) in CLUSTERS {
        let new = text.replacen("name = \"web", "name = \"shop", 1);
        nothing_is_felt(&Rollout::new(text, &new), vip);
    }
}

pub(crate) fn a_changed_gateway_fails_no_client() {
    let new = NAT.replace("192.168.1.11/24", "192.168.1.21/24");
    nothing_is_felt(&Rollout::new(NAT, &new), VIP);
}

pub(crate) fn a_moved_real_server_loses_no_client() {
    for (text, vip) in CLUSTERS {
        let new = text
            .replace("192.168.1.13/24", "192.168.1.33/24")
            .replace("10.1.2.13/24", "10.1.2.33/24")
            .replace("2001:db8:1::13/64", "2001:db8:1::33/64");
        let rollout = Rollout::new(text, &new);
        let (felt, outages) = rollout.execute_while_asked(&[vip]);
        assert_eq!(outages, [""; 0]);
        // What is under way to the old address when it goes is cut, as the order says: one client asks.
        assert!(felt.failed.len() <= 1, "{:#?}", felt.failed);
        assert!(felt.asked > 3, "only {} requests", felt.asked);
        assert_eq!(rollout.order(&[NEW, "--from", NEW]).0, []);
    }
}

pub(crate) fn a_virtual_ip_moves_to_another_prefix() {
    let new = NAT.replace("172.16.5.11/16", "172.16.5.11/32").replace(
        "addresses = [\n  { interface = \"eth0\"",
        "addresses = [\n  { interface = \"eth0\", address = \"172.16.5.10/16\" },\n  { interface = \"eth0\"",
    );
    nothing_is_felt(&Rollout::new(NAT, &new), VIP);
}

/// From the link of the clients to another interface, on which no question for it arrives.
pub(crate) fn a_virtual_ip_moves_to_another_interface() {
    for (text, prefix) in [(NAT, 16), (DR, 32)] {
        let vip = format!("{{ interface = \"eth0\", address = \"172.16.5.11/{prefix}\" }},");
        let own = "{ interface = \"eth0\", address = \"172.16.5.10/16\" },";
        let old = text.replacen(
            &vip,
            &format!("{own}\n{{ interface = \"eth0\", address = \"172.16.5.11/32\" }},"),
            1,
        );
        let new = text.replacen(
            &vip,
            &format!("{own}\n{{ interface = \"lo\", address = \"172.16.5.11/32\" }},"),
            1,
        );
        assert_ne!(old, new);
        nothing_is_felt(&Rollout::new(&old, &new), VIP);
        nothing_is_felt(&Rollout::in_network_of(&old, &new, &old), VIP);
    }
}

/// The active director grows before the real servers use its new address as their gateway.
pub(crate) fn two_directors_change_their_gateway_address() {
    let new = TWO.replace("192.168.1.11/24", "192.168.1.31/24");
    let rollout = Rollout::new(TWO, &new);
    let (steps, _) = rollout.order(&[NEW, "--from", OLD]);
    assert!(
        steps.iter().any(|(_, command)| command.ends_with("--grow")),
        "{steps:?}"
    );
    nothing_is_felt(&rollout, VIP);
}

/// Clients ask the old address until the director has the new one, which is the step that names the outage.
pub(crate) fn a_changed_virtual_ip_fails_only_who_asks_the_old_one() {
    for (text, vip) in CLUSTERS {
        let ip = vip.trim_end_matches(":80");
        let old = ip.trim_matches(['[', ']']);
        let new = old.replace("5.11", "5.12").replace("5::11", "5::12");
        let lines = || {
            text.lines()
                .filter(|line| line.trim_start().starts_with('{'))
        };
        let carried = lines().find(|line| line.contains(old)).unwrap();
        let second = carried.split('}').next().unwrap().replace(old, &new) + " },";
        let served = vip.replace(old, &new);
        let both = text.replacen(carried, &format!("{second}\n{carried}"), 1)
            + &format!("\n[[services]]\naddress = \"{served}\"\n");
        let rollout = Rollout::in_network_of(&both, text, &text.replace(old, &new));
        let (felt, outages) = rollout.execute_while_asked(&[vip, &served]);
        let unserved = format!("tcp {vip} is not served any more");
        assert!(outages.concat().contains(&unserved), "{outages:?}");
        fails_only_for_the_first(&felt, &served);
    }
}

/// Requests at the old address fail until the client goes to the new one, and none there.
#[track_caller]
fn fails_only_for_the_first(felt: &Felt, new: &str) {
    let of_new = felt.failed.iter().filter(|error| error.contains(new));
    // How often the old one is asked until the command ends depends on the machine.
    assert_eq!(of_new.count(), 0, "{:#?}", felt.failed);
}

/// A director that is replaced: only one host may carry the virtual IP.
pub(crate) fn a_moved_virtual_ip_is_announced() {
    let new = DR
        .replace("[director]\n", "[director]\nname = \"lb2\"\n")
        .replace("192.168.1.11/24", "192.168.1.10/24");
    let rollout = Rollout::new(DR, &new);
    let (steps, outages) = rollout.order(&[NEW, "--from", OLD]);
    let commands: Vec<_> = steps.iter().map(|(_, command)| command.as_str()).collect();
    let apply = "lvsctl apply '/run/new file.toml' --node lb2";
    assert_eq!(commands, ["lvsctl remove web --node director", apply]);
    let until =
        "no director has the virtual IPs from the removal of director until the apply on lb2";
    assert!(outages.concat().contains(until), "{outages:?}");
    // The host of the old director becomes the new one, so that there is one.
    let rollout = rollout.renamed("director", "lb2");
    for command in commands {
        rollout.execute(command);
    }
    assert!(
        !rollout
            .lab
            .ask(&VIP_SERVICE.parse().unwrap(), 6)
            .unwrap()
            .is_empty()
    );
}

/// The link is named on which the neighbours were told, not the device that carries the address.
pub(crate) fn a_virtual_ip_on_lo_is_announced_on_the_link() {
    let own = "{ interface = \"eth0\", address = \"172.16.5.10/16\" },";
    let vip = "{ interface = \"eth0\", address = \"172.16.5.11/32\" },";
    let on_lo = vip.replace("eth0", "lo");
    let [near, text] =
        [vip, &on_lo].map(|vip_too| DR.replacen(vip, &format!("{own}\n{vip_too}"), 1));
    assert_ne!(text, DR);
    let rollout = Rollout::in_network_of(&near, &text, &text);
    let director = rollout.on("director");
    let typed = format!(
        "ip address delete 172.16.5.11/32 dev lo && lvsctl apply {OLD} --node director --state {}",
        director.state
    );
    says(
        &director.shell(&typed),
        0,
        &[
            "+ address 172.16.5.11/32 on lo",
            "announced 172.16.5.11/32 on eth0",
        ],
    );
    served(&rollout.lab);
}

const VIP_SERVICE: &str = "tcp 172.16.5.11:80";

pub(crate) fn a_changed_port_fails_only_who_asks_the_old_one() {
    let mapped = "scheduler = \"rr\"\ndestinations = [{ real-server = \"realserver1\", port = 80 }, { real-server = \"realserver2\", port = 80 }]";
    let nat = NAT.replace("scheduler = \"rr\"", mapped);
    let both = |text: &str| format!("{text}\n[[services]]\naddress = \"172.16.5.11:8080\"\n");
    for (old, new, network) in [
        (NAT, nat.as_str(), NAT.to_owned()),
        (DR, DR, both(DR)),
        (TUNNEL, TUNNEL, both(TUNNEL)),
    ] {
        let new = new.replace("172.16.5.11:80", "172.16.5.11:8080");
        let rollout = Rollout::in_network_of(&network, old, &new);
        let served = "172.16.5.11:8080";
        let (felt, outages) = rollout.execute_while_asked(&[VIP, served]);
        let unserved = "tcp 172.16.5.11:80 is not served any more";
        assert!(outages.concat().contains(unserved), "{outages:?}");
        fails_only_for_the_first(&felt, served);
    }
}

/// The server of the old port runs until no director sends clients there.
pub(crate) fn a_changed_port_of_the_real_servers_fails_no_client() {
    let mapped = |port: u16| {
        let to = |name: &str| format!("{{ real-server = \"{name}\", port = {port} }}");
        let all = format!(
            "destinations = [{}, {}]",
            to("realserver1"),
            to("realserver2")
        );
        NAT.replace("scheduler = \"rr\"", &format!("scheduler = \"rr\"\n{all}"))
    };
    let service = "[[services]]\naddress = \"172.16.5.11:81\"\ndestinations = [{ real-server = \"realserver1\", port = 8080 }, { real-server = \"realserver2\", port = 8080 }]\n";
    let network = format!("{}\n{service}", mapped(80));
    nothing_is_felt(
        &Rollout::in_network_of(&network, &mapped(80), &mapped(8080)),
        VIP,
    );
}

/// By another scheduler, with other weights, and with one more real server or one less.
pub(crate) fn other_shares_fail_no_client() {
    let one = "destinations = [{ real-server = \"realserver1\" }]";
    let alone = DR.replace(
        "scheduler = \"wrr\"",
        &format!("scheduler = \"wrr\"\n{one}"),
    );
    nothing_is_felt(&Rollout::new(DR, &alone), VIP);
    nothing_is_felt(&Rollout::in_network_of(DR, &alone, DR), VIP);
    let other = NAT.replace("scheduler = \"rr\"", "scheduler = \"wlc\"");
    nothing_is_felt(&Rollout::new(NAT, &other), VIP);
}

pub(crate) fn two_directors_are_renamed_and_served_on() {
    for (old, new) in [
        ("\"lb1\"", "\"balancer\""),
        ("name = \"web\"", "name = \"shop\""),
    ] {
        let rollout = Rollout::new(TWO, &TWO.replace(old, new)).renamed("lb1", "balancer");
        nothing_is_felt(&rollout, VIP);
    }
}

pub(crate) fn a_changed_method_is_announced() {
    let new = DR
        .replace("forwarding = \"dr\"", "forwarding = \"nat\"")
        .replace("gateway = \"192.168.1.254\"\nweight", "weight");
    let rollout = Rollout::new(DR, &new);
    let (_, outages) = rollout.order(&[NEW, "--from", OLD]);
    let said = outages.concat();
    assert!(
        said.contains(
            "connections fail until director and real server have both changed from dr to nat"
        ),
        "{said}"
    );
}
