//! The guarantees to an operator, on a real kernel: confirmation, interrupts, drains, live connections.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drains;
mod gateways;
mod identity;
mod interrupted;
mod kinds;
mod method;
mod nodes;
mod places;
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

use lvs_core::{Cluster, Netns};
use lvs_lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

lvs_lab::tests! {
    interrupted::a_change_that_cuts_the_control_connection_rolls_back,
    interrupted::a_confirmed_change_stays,
    interrupted::a_confirmation_is_told_as_json,
    interrupted::an_interrupt_rolls_everything_back,
    interrupted::what_cannot_be_rolled_back_is_reported,
    interrupted::a_killed_apply_can_be_removed,
    interrupted::a_connection_survives_remove_and_apply,
    drains::a_drain_waits_for_the_last_connection,
    drains::a_real_server_is_drained_by_its_name,
    drains::an_interrupted_drain_stays,
    drains::udp_clients_count_until_they_are_silent,
    drains::persistence_does_not_bring_a_client_back,
    reassurance::the_host_itself_is_examined,
    reassurance::what_a_grown_file_left_is_told,
    reassurance::what_proc_hides_is_not_examined,
    reassurance::a_link_that_cannot_be_asked_is_no_abort,
    reassurance::few_requests_reassure_nobody,
    identity::a_host_that_is_evidently_another_node_is_refused,
    records::a_cluster_is_removed_by_its_record,
    records::what_growing_leaves_is_said,
    records::what_outlives_a_removal_is_said,
    records::a_host_that_left_the_file_is_removed_by_its_record,
    records::a_cluster_that_was_never_applied_removes_nothing,
    records::a_renamed_cluster_keeps_its_record,
    records::a_renamed_node_keeps_its_record,
    records::unmanaged_destinations_are_refused,
    #[long]
    rollout::a_renamed_node_is_not_removed,
    #[long]
    rollout::a_renamed_cluster_is_served_on,
    rollout::a_changed_gateway_fails_no_client,
    #[long]
    rollout::a_moved_real_server_loses_no_client,
    rollout::a_virtual_ip_moves_to_another_prefix,
    #[long]
    rollout::a_virtual_ip_moves_to_another_interface,
    rollout::two_directors_change_their_gateway_address,
    rollout::two_directors_are_renamed_and_served_on,
    rollout::a_changed_port_of_the_real_servers_fails_no_client,
    rollout::other_shares_fail_no_client,
    #[long]
    several::two_clusters_leave_a_node_in_any_order,
    several::two_values_of_a_sysctl_are_refused,
    several::drains_and_the_role_outlive_a_reboot,
    several::what_is_done_is_no_failure_without_a_place_to_report_it,
    #[long]
    rollout::a_changed_virtual_ip_fails_only_who_asks_the_old_one,
    rollout::a_moved_virtual_ip_is_announced,
    rollout::a_virtual_ip_on_lo_is_announced_on_the_link,
    rollout::a_changed_port_fails_only_who_asks_the_old_one,
    rollout::a_changed_method_is_announced,
    #[long]
    method::a_tunnel_becomes_direct_routing_and_back,
    #[long]
    method::an_encapsulation_becomes_another,
    #[long]
    method::an_old_connection_diverts_no_new_one,
    #[long]
    method::an_old_connection_of_a_removed_method_diverts_no_new_one,
    method::a_connection_of_an_unconfirmed_method_diverts_no_new_one,
    method::a_connection_of_a_removed_take_over_diverts_no_new_one,
    gateways::routers_on_no_network_of_the_node_are_reached,
    gateways::the_only_address_of_a_director_is_the_gateway,
    gateways::alternative_names_of_interfaces_are_understood,
    gateways::a_point_to_point_link_is_the_gateway,
    gateways::rules_that_divert_answers_are_noted,
    gateways::a_default_route_that_refuses_packets_is_named,
    kinds::a_director_that_becomes_a_real_server_balances_no_more,
    places::an_ipv6_virtual_ip_beside_its_network_is_refused,
    places::a_routed_ipv6_virtual_ip_is_announced_to_no_neighbour,
    several::a_real_server_that_would_hide_a_virtual_ip_is_refused,
    several::a_remembered_role_asks_who_is_active,
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

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
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
