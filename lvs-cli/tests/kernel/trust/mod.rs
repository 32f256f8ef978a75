//! The guarantees to an operator, on a real kernel: confirmation, interrupts, drains, live connections.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gateways;
mod identity;
mod method;
mod nodes;
mod reassurance;
mod records;
mod rollout;
mod several;
mod source;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use lvs_core::net::{Address, Route};
use lvs_core::{Cluster, IfName, Netns};
use lvs_lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

lvs_lab::tests! {
    a_change_that_cuts_the_control_connection_rolls_back,
    a_confirmed_change_stays,
    an_interrupt_rolls_everything_back,
    what_cannot_be_rolled_back_is_reported,
    a_killed_apply_can_be_removed,
    a_connection_survives_remove_and_apply,
    a_drain_waits_for_the_last_connection,
    a_real_server_is_drained_by_its_name,
    an_interrupted_drain_stays,
    udp_clients_count_until_they_are_silent,
    persistence_does_not_bring_a_client_back,
    reassurance::the_host_itself_is_examined,
    reassurance::what_a_grown_file_left_is_told,
    reassurance::what_proc_hides_is_not_examined,
    reassurance::a_link_that_cannot_be_asked_is_no_abort,
    reassurance::few_requests_reassure_nobody,
    identity::a_host_that_is_evidently_another_node_is_refused,
    records::a_cluster_is_removed_by_its_record,
    records::what_growing_leaves_is_said,
    records::a_host_that_left_the_file_is_removed_by_its_record,
    records::a_cluster_that_was_never_applied_removes_nothing,
    records::a_renamed_cluster_keeps_its_record,
    records::a_renamed_node_keeps_its_record,
    records::unmanaged_destinations_are_refused,
    rollout::a_renamed_node_is_not_removed,
    rollout::a_renamed_cluster_is_served_on,
    rollout::a_changed_gateway_fails_no_client,
    rollout::a_moved_real_server_loses_no_client,
    rollout::a_virtual_ip_moves_to_another_prefix,
    rollout::a_virtual_ip_moves_to_another_interface,
    rollout::two_directors_change_their_gateway_address,
    rollout::two_directors_are_renamed_and_served_on,
    rollout::a_changed_port_of_the_real_servers_fails_no_client,
    rollout::other_shares_fail_no_client,
    several::two_clusters_leave_a_node_in_any_order,
    several::two_values_of_a_sysctl_are_refused,
    several::drains_and_the_role_outlive_a_reboot,
    several::what_is_done_is_no_failure_without_a_place_to_report_it,
    rollout::a_changed_virtual_ip_fails_only_who_asks_the_old_one,
    rollout::a_moved_virtual_ip_is_announced,
    rollout::a_virtual_ip_on_lo_is_announced_on_the_link,
    rollout::a_changed_port_fails_only_who_asks_the_old_one,
    rollout::a_changed_method_is_announced,
    method::a_tunnel_becomes_direct_routing_and_back,
    method::an_encapsulation_becomes_another,
    method::an_old_connection_diverts_no_new_one,
    method::an_old_connection_of_a_removed_method_diverts_no_new_one,
    gateways::routers_on_no_network_of_the_node_are_reached,
    gateways::the_only_address_of_a_director_is_the_gateway,
    gateways::alternative_names_of_interfaces_are_understood,
    gateways::a_point_to_point_link_is_the_gateway,
    gateways::rules_that_divert_answers_are_noted,
    source::ipv6_virtual_ips_are_no_source,
    source::an_ipv6_virtual_ip_in_use_is_no_source_any_more,
    source::a_virtual_ip_that_was_first_is_put_behind,
    source::a_virtual_ip_without_an_own_address_beside_it_is_refused,
    source::an_ipv6_virtual_ip_alone_serves_by_direct_routing_only,
    source::a_virtual_ip_as_source_of_a_route_is_rolled_back,
}

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");

/// The state directory, in the guest.
const STATE: &str = "/run/state";

/// Longer than any step takes on the guest's one processor.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with its arguments, in the namespace of the thread that starts it.
fn program(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
    command.args(words);
    command
}

fn command(file: &Path, verb: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
    let (verb, rest) = verb.split_first().unwrap();
    command.arg(verb);
    if ["plan", "apply", "remove", "check"].contains(verb) {
        command.arg(file).args(["--node", "director"]);
    }
    command.args(rest);
    if *verb != "list" {
        command.args(["--state", STATE]);
    }
    command
}

/// Runs lvsctl on the director, as a program inherits the namespace of the thread that starts it.
fn run(lab: &Lab, file: &Path, verb: &[&str]) -> Output {
    let director = lab.node("director").unwrap();
    director
        .run(|_| command(file, verb).output().unwrap())
        .unwrap()
}

fn start(lab: &Lab, file: &Path, verb: &[&str]) -> Child {
    let director = lab.node("director").unwrap();
    let spawn = |_: &mut lvs_core::Host| {
        let mut command = command(file, verb);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    director.run(spawn).unwrap()
}

#[track_caller]
fn says(output: &Output, status: i32, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // The width of columns depends on their contents.
    let squeezed: Vec<_> = text.split_whitespace().collect();
    let squeezed = squeezed.join(" ");
    for part in parts {
        assert!(squeezed.contains(part), "{part:?} is not in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(status), "{text}");
}

/// Reads a program's messages until one contains a text.
#[track_caller]
fn wait_until_it_says(child: &mut Child, part: &str) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let mut read = Vec::new();
    let found = lines.any(|line| {
        read.push(line.unwrap());
        read.last().is_some_and(|line| line.contains(part))
    });
    assert!(found, "{part:?} is not in {read:#?}");
}

fn send(signal: Signal, child: &Child) {
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, signal).unwrap();
}

fn in_file(name: &str, text: &str) -> std::path::PathBuf {
    let path = Path::new("/run").join(name);
    fs::write(&path, text).unwrap();
    path
}

fn lab(text: &str) -> Lab {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    for name in cluster
        .node_names()
        .filter(|name| name.as_str() != "director")
    {
        let node = cluster.node(name.as_str()).unwrap();
        let apply = |host: &mut lvs_core::Host| {
            node.apply(host, lvs_core::cluster::PlanOptions::default(), &mut |_| ())
                .unwrap();
        };
        lab.node(name.as_str()).unwrap().run(apply).unwrap();
    }
    lab
}

/// Starts a server that returns every byte, until its clients close.
fn echo(netns: &Netns, port: u16) {
    let listener = netns
        .run(|_| TcpListener::bind(("0.0.0.0", port)).unwrap())
        .unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut byte = [0];
                while client.read_exact(&mut byte).is_ok() && client.write_all(&byte).is_ok() {}
            });
        }
    });
}

fn connect(netns: &Netns, address: &str) -> TcpStream {
    let address: SocketAddr = address.parse().unwrap();
    let connect = |_: &mut lvs_core::Host| TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    let stream = netns.run(connect).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Returns whether a byte comes back in time.
fn is_alive(stream: &mut TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut byte = [0];
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut byte).is_ok()
}

/// The director moves to another network, which cuts the connection that controls it; its terminal hangs up.
fn a_change_that_cuts_the_control_connection_rolls_back() {
    let moved = DR.replace(
        "address = \"192.168.1.11/24\"",
        "address = \"192.168.9.11/24\"",
    );
    let moved = moved.replacen(
        "gateway = \"192.168.1.254\"",
        "gateway = \"192.168.9.254\"",
        1,
    );
    let (old, new) = (in_file("old.toml", DR), in_file("new.toml", &moved));
    let lab = lab(DR);
    says(&run(&lab, &old, &["apply"]), 0, &["done and verified"]);
    echo(lab.node("director").unwrap(), 22);
    let mut control = connect(lab.node("realserver1").unwrap(), "192.168.1.11:22");
    assert!(is_alive(&mut control, PATIENCE));

    let mut apply = start(&lab, &new, &["apply", "--confirm", "3s"]);
    wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
    send(Signal::SIGHUP, &apply);
    assert!(
        !is_alive(&mut control, Duration::from_millis(500)),
        "the change must cut the connection"
    );
    let output = apply.wait_with_output().unwrap();
    says(&output, 1, &["not confirmed in time", "rolled back"]);
    let mut byte = [0];
    control.set_read_timeout(Some(PATIENCE)).unwrap();
    control.read_exact(&mut byte).unwrap();
    assert!(is_alive(&mut control, PATIENCE));
    says(
        &run(&lab, &old, &["plan", "--exit-code"]),
        0,
        &["nothing to do"],
    );
}

fn a_confirmed_change_stays() {
    let file = in_file("nat.toml", NAT);
    let lab = lab(NAT);
    says(
        &run(&lab, &file, &["confirm"]),
        1,
        &["nothing waits for a confirmation"],
    );
    let mut apply = start(&lab, &file, &["apply", "--confirm", "1h"]);
    wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
    says(&run(&lab, &file, &["confirm"]), 0, &["confirmed"]);
    assert_eq!(apply.wait().unwrap().code(), Some(0));
    says(
        &run(&lab, &file, &["plan", "--exit-code"]),
        0,
        &["nothing to do"],
    );
}

fn an_interrupt_rolls_everything_back() {
    let file = in_file("nat.toml", NAT);
    let lab = lab(NAT);
    let before = run(&lab, &file, &["plan"]).stdout;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut apply = start(&lab, &file, &["apply", "--confirm", "1h"]);
        wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
        send(signal, &apply);
        let output = apply.wait_with_output().unwrap();
        says(&output, 1, &["stopped before the end", "rolled back"]);
        assert_eq!(run(&lab, &file, &["plan"]).stdout, before);
    }
}

/// An interface that had an address before the change is gone when the change is rolled back.
fn what_cannot_be_rolled_back_is_reported() {
    let file = in_file("nat.toml", NAT);
    let lab = lab(NAT);
    let director = lab.node("director").unwrap();
    let eth0: IfName = "eth0".parse().unwrap();
    let address = Address::new(eth0.clone(), "172.16.9.9/16".parse().unwrap());
    let gateway = "172.16.0.9".parse().unwrap();
    let default = Route::via("0.0.0.0/0".parse().unwrap(), gateway);
    let prepared = director.run(|host| {
        host.net().set_up(&eth0)?;
        host.net().add_address(&address)?;
        host.net().add_route(&default)
    });
    prepared.unwrap().unwrap();
    let mut apply = start(&lab, &file, &["apply", "--confirm", "1h"]);
    wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
    let gone = director.run(|host| host.net().delete_link(&eth0));
    gone.unwrap().unwrap();
    send(Signal::SIGINT, &apply);
    let output = apply.wait_with_output().unwrap();
    let command = "ip route add default via 172.16.0.9 dev eth0";
    says(
        &output,
        3,
        &[
            "not everything could be rolled back; to be done by hand:",
            command,
        ],
    );
    let table = run(&lab, &file, &["list"]);
    assert!(!String::from_utf8_lossy(&table.stdout).contains("172.16.5.11"));
}

/// Its changes remain, but are recorded: the next `remove` removes them.
fn a_killed_apply_can_be_removed() {
    let file = in_file("nat.toml", NAT);
    let lab = lab(NAT);
    let before = run(&lab, &file, &["plan"]).stdout;
    let mut apply = start(&lab, &file, &["apply", "--confirm", "1h"]);
    wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
    send(Signal::SIGKILL, &apply);
    apply.wait().unwrap();
    says(
        &run(&lab, &file, &["confirm"]),
        1,
        &["the process that waited for it has ended"],
    );
    says(
        &run(&lab, &file, &["remove"]),
        0,
        &["- address 172.16.5.11/16 on eth0"],
    );
    assert_eq!(run(&lab, &file, &["plan"]).stdout, before);
}

/// The kernel keeps a deleted destination for two minutes, with its connections.
fn a_connection_survives_remove_and_apply() {
    let file = in_file("nat.toml", &with_echo());
    let (lab, mut client) = with_client(&file);
    says(
        &run(&lab, &file, &["remove"]),
        0,
        &["- service tcp 172.16.5.11:7"],
    );
    assert!(
        !is_alive(&mut client, Duration::from_millis(100)),
        "the removal must stop the connection"
    );
    says(&run(&lab, &file, &["apply"]), 0, &["done and verified"]);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert!(is_alive(&mut client, PATIENCE));
}

/// Returns the NAT example with one more service, an echo server.
fn with_echo() -> String {
    NAT.to_owned()
        + "\n[[services]]\naddress = \"172.16.5.11:7\"\nscheduler = \"rr\"\n\
           destinations = [{ real-server = \"realserver1\", port = 7777 }]\n"
}

/// Returns a client with an open connection to realserver1.
fn with_client(file: &Path) -> (Lab, TcpStream) {
    let lab = lab(NAT);
    says(&run(&lab, file, &["apply"]), 0, &["done and verified"]);
    echo(lab.node("realserver1").unwrap(), 7777);
    lab.wait_for_servers().unwrap();
    let mut client = connect(lab.network().client(), "172.16.5.11:7");
    assert!(is_alive(&mut client, PATIENCE));
    (lab, client)
}

fn a_drain_waits_for_the_last_connection() {
    let file = in_file("nat.toml", &with_echo());
    let (lab, mut client) = with_client(&file);
    let late = run(&lab, &file, &["drain", "192.168.1.12", "--timeout", "1s"]);
    let remaining = "192.168.1.12:7777 of tcp 172.16.5.11:7: 1 active";
    says(
        &late,
        1,
        &["timeout expired", remaining, "it stays drained"],
    );
    says(
        &run(&lab, &file, &["plan", "--exit-code"]),
        0,
        &["nothing to do"],
    );
    says(
        &run(&lab, &file, &["apply", "--exit-code"]),
        0,
        &["nothing to do"],
    );
    // Of the service that has no other server the check says why, and of nothing else.
    let checked = run(&lab, &file, &["check"]);
    let undrain =
        "LVS021 error director tcp 172.16.5.11:7: all of its 1 destinations have weight 0";
    says(&checked, 1, &[undrain, "fix: lvsctl undrain 192.168.1.12"]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(!text.contains("LVS044"), "{text}");
    assert!(is_alive(&mut client, PATIENCE), "open connections stay");
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    for number in 0..4 {
        assert_eq!(lab.request(&service, number).unwrap(), "realserver2");
    }

    let mut drain = start(
        &lab,
        &file,
        &["drain", "192.168.1.12", "--remove", "--timeout", "1h"],
    );
    wait_until_it_says(&mut drain, remaining);
    drop(client);
    let output = drain.wait_with_output().unwrap();
    says(
        &output,
        0,
        &["192.168.1.12: no active connections remain, 1 closing"],
    );
    let table = run(&lab, &file, &["list"]);
    says(&table, 0, &["192.168.1.13:80 nat 1"]);
    assert!(!String::from_utf8_lossy(&table.stdout).contains("192.168.1.12"));
    says(
        &run(&lab, &file, &["apply", "--exit-code"]),
        0,
        &["nothing to do"],
    );

    says(
        &run(&lab, &file, &["undrain", "192.168.1.13"]),
        1,
        &["these are drained: 192.168.1.12"],
    );
    says(
        &run(&lab, &file, &["undrain", "192.168.1.12"]),
        0,
        &["192.168.1.12:80"],
    );
    says(
        &run(&lab, &file, &["plan", "--exit-code"]),
        0,
        &["nothing to do"],
    );
    let answers: Vec<_> = (0..2)
        .map(|number| lab.request(&service, number).unwrap())
        .collect();
    assert!(answers.contains(&"realserver1".to_owned()), "{answers:?}");
}

/// The file knows addresses of both families by one name.
fn a_real_server_is_drained_by_its_name() {
    let interface = |address: &str| format!("\"{address}\" }}");
    let both = |text: String, four: &str, six: &str, name: &str| {
        let line = format!(
            "{}, {{ interface = \"{name}\", address = {}",
            interface(four),
            interface(six)
        );
        text.replace(&interface(four), &line)
    };
    let text = both(
        NAT.to_owned(),
        "172.16.5.11/16",
        "2001:db8:5::11/64",
        "eth0",
    );
    let text = both(text, "192.168.1.11/24", "fd00::11/64", "eth1");
    let text = both(text, "192.168.1.12/24", "fd00::12/64", "eth0");
    let text = both(text, "192.168.1.13/24", "fd00::13/64", "eth0")
        + "[[services]]\naddress = \"[2001:db8:5::11]:80\"\nscheduler = \"rr\"\n";
    let file = in_file("both.toml", &text);
    let lab = lab(&text);
    says(&run(&lab, &file, &["apply"]), 0, &["done and verified"]);

    let drain = |verb: &str, name: &str| run(&lab, &file, &[verb, name]);
    says(
        &drain("drain", "realserver3"),
        1,
        &["did you mean realserver1?"],
    );
    says(&drain("drain", "192.168.1.300"), 64, &["192.168.1.300"]);
    says(
        &drain("drain", "realserver2:81"),
        1,
        &["destination of no cluster"],
    );
    let quiet = [
        "192.168.1.13:80 of",
        "[fd00::13]:80 of",
        "realserver2: no connections remain",
    ];
    says(&drain("drain", "realserver2"), 0, &quiet);
    let table = [
        "192.168.1.12:80 nat 1",
        "192.168.1.13:80 nat 0",
        "[fd00::13]:80 nat 0",
    ];
    says(&run(&lab, &file, &["list"]), 0, &table);

    says(&drain("undrain", "fd00::13"), 0, &["[fd00::13]:80"]);
    says(
        &drain("undrain", "realserver2"),
        0,
        &["192.168.1.13:80", "drained no longer"],
    );
    says(&drain("undrain", "realserver2"), 1, &["is not drained"]);
    says(
        &run(&lab, &file, &["list"]),
        0,
        &["192.168.1.13:80 nat 1", "[fd00::13]:80 nat 1"],
    );
}

fn an_interrupted_drain_stays() {
    let file = in_file("nat.toml", &with_echo());
    let (lab, mut client) = with_client(&file);
    let mut drain = start(&lab, &file, &["drain", "realserver1:7777"]);
    wait_until_it_says(&mut drain, "1 active");
    send(Signal::SIGINT, &drain);
    let output = drain.wait_with_output().unwrap();
    says(&output, 1, &["interrupted", "it stays drained", "undrain"]);
    says(
        &run(&lab, &file, &["list"]),
        0,
        &["192.168.1.12:7777 nat 0"],
    );
    assert!(is_alive(&mut client, PATIENCE));
}

/// The kernel cannot know whether more datagrams will come: a client counts until the timeout.
fn udp_clients_count_until_they_are_silent() {
    let text = NAT.replace(
        "scheduler = \"rr\"",
        "protocol = \"udp\"\nscheduler = \"rr\"",
    ) + "\n[ipvs]\nudp-timeout = 3\n";
    let file = in_file("udp.toml", &text);
    let lab = lab(&text);
    says(&run(&lab, &file, &["apply"]), 0, &["done and verified"]);
    lab.wait_for_servers().unwrap();
    let service = "udp 172.16.5.11:80".parse().unwrap();
    for number in 0..2 {
        lab.request(&service, number).unwrap();
    }
    let mut drain = start(&lab, &file, &["drain", "192.168.1.12", "--timeout", "1h"]);
    wait_until_it_says(&mut drain, "0 active, 1 remembered");
    assert!(drain.wait().unwrap().success());
}

/// A persistence template outlives the connections of its client, and weight 0 alone does not stop it.
fn persistence_does_not_bring_a_client_back() {
    let text = NAT.replace(
        "scheduler = \"rr\"",
        "scheduler = \"rr\"\npersistence = 300",
    );
    let file = in_file("sticky.toml", &text);
    let lab = lab(&text);
    says(&run(&lab, &file, &["apply"]), 0, &["done and verified"]);
    lab.wait_for_servers().unwrap();
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    let ask = || lab.request(&service, 0).unwrap();
    let first = ask();
    assert_eq!(ask(), first, "it comes back");
    let (drained, other) = match first.as_str() {
        "realserver1" => ("192.168.1.12", "realserver2"),
        _ => ("192.168.1.13", "realserver1"),
    };
    let sysctl = "net/ipv4/vs/expire_quiescent_template: 0 -> 1";
    says(&run(&lab, &file, &["drain", drained]), 0, &[sysctl]);
    assert_eq!(ask(), other);
    let sysctl = "net/ipv4/vs/expire_quiescent_template: 1 -> 0";
    says(&run(&lab, &file, &["undrain", drained]), 0, &[sysctl]);
    assert_eq!(ask(), other, "and has a new template now");
}
