//! A changed forwarding method: connections of the old method live on, and every packet of theirs makes the
//! kernel look up the way to the real server in the old method's manner, for the new connections, too.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lvs_core::Netns;
use lvs_lab::http::{self, Kept};

use super::{DR, PATIENCE};
use crate::trust::rollout::{Felt, Rollout};
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

fn ask_often(client: &Netns, vip: SocketAddr) -> Felt {
    let answers = (0..30).map(|_| client.run(|_| http::fetch(vip, None, PATIENCE)).unwrap());
    let failed: Vec<_> = answers.filter_map(Result::err).collect();
    Felt {
        failed: failed.iter().map(ToString::to_string).collect(),
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
        let afterwards = ask_often(client, address);
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
