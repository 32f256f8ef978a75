//! A changed forwarding method: connections of the old method live on, and every packet of theirs makes the
//! kernel look up the way to the real server in the old method's manner, for the new connections, too.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lvs_core::ipvs::Forwarding;
use lvs_core::net::Address;
use lvs_core::{Host, IfName, Netns};
use lvs_lab::http::{self, Kept};
use lvs_lab::load_module;
use nix::sys::signal::Signal;

use super::{DR, PATIENCE, send};
use crate::trust::rollout::{Felt, NEW, OLD, Rollout};
use crate::trust::source::DR6;

const VIP: &str = "172.16.5.11:80";
const VIP6: &str = "[2001:db8:1::100]:80";

/// Connections that ask all the time, whether or not they are answered.
fn keep_asking(client: &Netns, vip: SocketAddr, over: &AtomicBool, open: &AtomicUsize) {
    let connect = || client.run(|_| Kept::open(vip, PATIENCE).unwrap()).unwrap();
    let mut kept: Vec<_> = (0..4).map(|_| connect()).collect();
    kept.iter_mut().for_each(|kept| {
        kept.fetch().unwrap();
    });
    open.store(kept.len(), Ordering::SeqCst);
    thread::scope(|scope| {
        for kept in &mut kept {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) && kept.send().is_ok() {
                    thread::sleep(Duration::from_millis(30));
                }
            });
        }
    });
}

fn ask_often(rollout: &Rollout, vip: SocketAddr) -> Felt {
    let client = rollout.lab.network().client();
    let answers = (0..30).map(|_| client.run(|_| http::fetch(vip, None, PATIENCE)).unwrap());
    // It fails hardly ever: the director's connections of that moment tell why.
    let failed = answers.filter_map(Result::err).map(|error| {
        let director = rollout.lab.node("director").unwrap();
        let connections = director.run(|_| fs::read_to_string("/proc/thread-self/net/ip_vs_conn"));
        format!("{error}: {}", connections.unwrap().unwrap())
    });
    Felt {
        failed: failed.collect(),
        asked: 30,
    }
}

/// Executes the order beside old connections; returns what new clients felt meanwhile and afterwards.
fn changed(old: &str, new: &str, vip: &str) -> (Felt, Vec<String>, Felt) {
    let rollout = Rollout::new(old, new);
    let (over, open) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = vip.parse().unwrap();
    thread::scope(|scope| {
        let client = rollout.lab.network().client();
        scope.spawn(|| keep_asking(client, address, &over, &open));
        while open.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        let (meanwhile, outages) = rollout.execute_while_asked(&[vip]);
        let afterwards = ask_often(&rollout, address);
        over.store(true, Ordering::SeqCst);
        (meanwhile, outages, afterwards)
    })
}

pub(crate) fn a_tunnel_becomes_direct_routing_and_back() {
    let dr6 = DR6
        .replace("rs1", "realserver1")
        .replace("rs2", "realserver2");
    for (dr, vip) in [(DR, VIP), (&dr6, VIP6)] {
        let tunnel = dr.replace("\"dr\"", "\"tunnel\"");
        for (old, new) in [(tunnel.as_str(), dr), (dr, &tunnel)] {
            let (meanwhile, outages, afterwards) = changed(old, new, vip);
            assert_eq!(outages, [""; 0]);
            meanwhile.nothing();
            afterwards.nothing();
        }
    }
}

/// The real server takes packets of both kinds while it grows.
pub(crate) fn an_encapsulation_becomes_another() {
    let wrapped = |tunnel: &str| {
        let tunnel = format!("forwarding = \"tunnel\"\ntunnel = {tunnel}");
        DR.replace("forwarding = \"dr\"", &tunnel)
    };
    let kinds = [
        "{ type = \"ipip\" }",
        "{ type = \"gue\", port = 5555 }",
        "{ type = \"gre\" }",
    ]
    .map(wrapped);
    for module in ["fou", "ip_gre"] {
        load_module(module).unwrap();
    }
    for change in kinds.windows(2) {
        let (meanwhile, outages, afterwards) = changed(&change[0], &change[1], VIP);
        assert_eq!(outages, [""; 0]);
        meanwhile.nothing();
        afterwards.nothing();
    }
}

pub(crate) fn an_old_connection_diverts_no_new_one() {
    let nat = DR
        .replace("\"dr\"", "\"nat\"")
        .replace("gateway = \"192.168.1.254\"\nweight", "weight");
    for (old, new) in [(nat.as_str(), DR), (DR, &nat)] {
        let (_, outages, afterwards) = changed(old, new, VIP);
        let until = "connections fail until director and real server have both changed";
        assert!(outages.concat().contains(until), "{outages:?}");
        afterwards.nothing();
    }
}

/// The director was without the cluster in between: the kernel revives its destinations of the old method, with
/// their connections, for two minutes.
pub(crate) fn an_old_connection_of_a_removed_method_diverts_no_new_one() {
    let dr6 = DR6
        .replace("rs1", "realserver1")
        .replace("rs2", "realserver2");
    let nat = DR
        .replace("\"dr\"", "\"nat\"")
        .replace("gateway = \"192.168.1.254\"\nweight", "weight");
    let tunnel = |dr: &str| dr.replace("\"dr\"", "\"tunnel\"");
    for (old, new, vip) in [
        (tunnel(DR), DR, VIP),
        (tunnel(&dr6), &dr6, VIP6),
        (nat, DR, VIP),
    ] {
        let rollout = Rollout::new(&old, new);
        let address = vip.parse().unwrap();
        let (over, open) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let client = rollout.lab.network().client();
            scope.spawn(|| keep_asking(client, address, &over, &open));
            while open.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            rollout.remove_and_apply();
            let director = rollout.lab.node("director").unwrap();
            director.run(wait_for_an_old_packet).unwrap();
            let afterwards = ask_often(&rollout, address);
            over.store(true, Ordering::SeqCst);
            afterwards.nothing();
        });
    }
}

/// A change is tried, and ended before it is confirmed: the connections that it has made live on.
pub(crate) fn a_connection_of_an_unconfirmed_method_diverts_no_new_one() {
    back_to_direct_routing(|rollout, connected| {
        let director = rollout.lab.node("director").unwrap();
        let apply = format!(
            "exec lvsctl apply '{NEW}' --node director --confirm 10m --state {}",
            rollout.on("director").state
        );
        let mut applying = rollout.on("director").spawn(&apply);
        director.run(wait_for_tunnels).unwrap();
        connected();
        send(Signal::SIGINT, &applying);
        assert_eq!(applying.wait().unwrap().code(), Some(1));
    });
}

/// A table that was there before a cluster is restored by its removal.
pub(crate) fn a_connection_of_a_removed_take_over_diverts_no_new_one() {
    back_to_direct_routing(|rollout, connected| {
        fs::remove_dir_all(rollout.on("director").state).unwrap();
        let director = rollout.lab.node("director").unwrap();
        director.run(without_marks).unwrap();
        rollout.execute(&format!("lvsctl apply '{NEW}' --node director --take-over"));
        connected();
        rollout.execute(&format!("lvsctl remove '{NEW}' --node director"));
    });
}

/// Has the director try a tunnel while the real servers take both, and expects that new clients are served when it is
/// back beside the connections of then.
fn back_to_direct_routing(tried: impl Fn(&Rollout, &dyn Fn())) {
    for module in ["ipip", "ip6_tunnel"] {
        load_module(module).unwrap();
    }
    let dr6 = DR6
        .replace("rs1", "realserver1")
        .replace("rs2", "realserver2");
    for (dr, vip) in [(DR, VIP), (&dr6, VIP6)] {
        let rollout = Rollout::new(dr, &dr.replace("\"dr\"", "\"tunnel\""));
        let on_servers = |verb: &str, options: &str| {
            for server in ["realserver1", "realserver2"] {
                rollout.execute(&format!("lvsctl {verb} --node {server} {options}"));
            }
        };
        on_servers(&format!("apply '{NEW}'"), "--grow");
        let address = vip.parse().unwrap();
        let (over, open) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let client = rollout.lab.network().client();
            tried(&rollout, &|| {
                scope.spawn(|| keep_asking(client, address, &over, &open));
                while open.load(Ordering::SeqCst) == 0 {
                    thread::yield_now();
                }
            });
            on_servers(&format!("apply {OLD}"), "");
            let director = rollout.lab.node("director").unwrap();
            director.run(wait_for_an_old_packet).unwrap();
            let afterwards = ask_often(&rollout, address);
            over.store(true, Ordering::SeqCst);
            afterwards.nothing();
        });
    }
}

/// Adds the addresses again as another program would have: without the mark of lvsctl.
fn without_marks(director: &mut Host) {
    for mut address in director.net().addresses().unwrap() {
        if address.protocol == Address::PROTOCOL {
            director.net().delete_address(&address.id).unwrap();
            address.protocol = 0;
            director.net().add_address(&address).unwrap();
        }
    }
}

fn wait_for_tunnels(director: &mut Host) {
    loop {
        let table = director.ipvs().unwrap().snapshot().unwrap();
        let mut destinations = table.iter().flat_map(|service| &service.destinations);
        if destinations.all(|status| matches!(status.destination.forwarding, Forwarding::Tunnel(_)))
        {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Makes the kernel forget the ways to its destinations, until an old connection looks one up again: its time then
/// begins anew.
fn wait_for_an_old_packet(director: &mut Host) {
    let expires = || {
        let connections = fs::read_to_string("/proc/thread-self/net/ip_vs_conn").unwrap();
        let lines = connections
            .lines()
            .filter(|line| line.contains("ESTABLISHED"));
        let last = lines.filter_map(|line| line.split_whitespace().last()?.parse::<u32>().ok());
        last.max().unwrap()
    };
    let mut last = expires();
    for passing in ["203.0.113.1/32", "2001:db8:ffff::1/128"] {
        let address = Address::new(IfName::LO, passing.parse().unwrap());
        director.net().add_address(&address).unwrap();
        director.net().delete_address(&address.id).unwrap();
    }
    loop {
        let now = expires();
        if now > last {
            break;
        }
        last = now;
        thread::sleep(Duration::from_millis(20));
    }
}
