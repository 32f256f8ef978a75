//! The network of a cluster: its nodes can reach each other as their addresses determine, before IPVS
//! balances any connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lvs_core::cluster::Gateway;
use lvs_core::net::{Address, IpNet, Route};
use lvs_core::{Cluster, Error, Host, Netns};
use lvs_lab::http::{Server, fetch};
use lvs_lab::topology::Topology;
use lvs_lab::udp;
use lvs_lab::{Network, run_command};

lvs_lab::tests! {
    a_client_beside_the_director,
    a_client_behind_the_router,
    datagrams_are_answered_from_their_destination,
    a_command_finds_every_node,
    a_server_ends_when_dropped,
}

const NAT: &str = include_str!("../../../nat.toml");
const DR: &str = include_str!("../../../dr.toml");

fn build(text: &str) -> Network {
    let cluster = Cluster::from_toml(text).unwrap();
    let topology = Topology::of(&cluster, 2).unwrap();
    let network = Network::build(&topology).unwrap();
    for director in cluster.directors() {
        let netns = network.node(director.name.as_str()).unwrap();
        configure(netns, &director.addresses, director.gateway.as_ref());
    }
    for server in cluster.real_servers() {
        let netns = network.node(server.name.as_str()).unwrap();
        configure(netns, &server.addresses, server.gateway.as_ref());
    }
    network
}

fn configure(netns: &Netns, addresses: &[Address], gateway: Option<&Gateway>) {
    let gateway = gateway.and_then(Gateway::address);
    let everything: IpNet = "0.0.0.0/0".parse().unwrap();
    let set = |host: &mut Host| {
        for address in addresses {
            host.net().set_up(&address.id.interface)?;
            host.net().add_address(address)?;
        }
        match gateway {
            Some(gateway) => host.net().add_route(&Route::via(everything, gateway)),
            None => Ok::<(), Error>(()),
        }
    };
    netns.run(set).unwrap().unwrap();
}

fn ask(netns: &Netns, server: &str, source: Option<&str>) -> io::Result<String> {
    let server: SocketAddr = server.parse().unwrap();
    let source = source.map(|source| source.parse().unwrap());
    netns
        .run(|_| fetch(server, source, Duration::from_secs(2)))
        .unwrap()
}

fn a_client_beside_the_director() {
    let network = build(NAT);
    let director = network.node("director").unwrap();
    let _front = Server::start(director, 80, "director").unwrap();
    let real_server = network.node("realserver2").unwrap();
    let _page = Server::start(real_server, 80, "realserver2").unwrap();
    for source in ["172.16.5.100", "172.16.5.101"] {
        let answer = ask(network.client(), "172.16.5.11:80", Some(source));
        assert_eq!(answer.unwrap(), "director");
    }
    assert_eq!(
        ask(director, "192.168.1.13:80", None).unwrap(),
        "realserver2"
    );
    let refused = ask(director, "192.168.1.12:80", None).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let router = network.router().unwrap();
    assert_eq!(ask(router, "172.16.5.11:80", None).unwrap(), "director");
    assert!(
        ask(network.client(), "192.168.1.13:80", None).is_err(),
        "no route"
    );
}

fn a_client_behind_the_router() {
    let network = build(DR);
    let director = network.node("director").unwrap();
    let _front = Server::start(director, 80, "director").unwrap();
    let answer = ask(network.client(), "172.16.5.11:80", Some("198.18.0.101"));
    assert_eq!(answer.unwrap(), "director");
    let names: Vec<_> = network.machines().map(|(name, _)| name).collect();
    let expected = ["director", "realserver1", "realserver2", "client", "router"];
    assert_eq!(names, expected);
}

fn datagrams_are_answered_from_their_destination() {
    let network = build(DR);
    let director = network.node("director").unwrap();
    let server = udp::Server::start(director, 53, "director").unwrap();
    let ask = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        let timeout = Duration::from_secs(2);
        let ask = |_: &mut Host| udp::fetch(address, None, timeout);
        network.client().run(ask).unwrap()
    };
    for address in ["172.16.5.11:53", "192.168.1.11:53"] {
        assert_eq!(ask(address).unwrap(), "director");
    }
    drop(server);
    let refused = ask("172.16.5.11:53").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

fn a_command_finds_every_node() {
    let network = build(NAT);
    let director = network.node("director").unwrap();
    let line = "ip netns exec client ip -o address | grep -q 172.16.5.100 || exit 1
        ip -o address | grep -q 192.168.1.11 || exit 2
        ipvsadm -Ln >/run/table || exit 3
        exit 7";
    let arguments = ["-c".into(), line.into()];
    let status = run_command(&network, director, &"sh".into(), &arguments);
    assert_eq!(status.unwrap().code(), Some(7));
    assert!(!std::fs::exists("/run/netns/client").unwrap());
    let error = run_command(&network, director, &"nonsense".into(), &[]).unwrap_err();
    assert!(error.to_string().starts_with("run nonsense: "), "{error}");
}

fn a_server_ends_when_dropped() {
    let netns = Netns::create().unwrap();
    let lo = lvs_core::IfName::LO;
    netns.run(|host| host.net().set_up(&lo)).unwrap().unwrap();
    for page in ["first", "second"] {
        let _server = Server::start(&netns, 80, page).unwrap();
        assert_eq!(ask(&netns, "127.0.0.1:80", None).unwrap(), page);
        assert_eq!(ask(&netns, "[::1]:80", None).unwrap(), page);
    }
    assert!(ask(&netns, "127.0.0.1:80", None).is_err());
}
