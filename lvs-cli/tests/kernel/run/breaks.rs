//! What breaks on a real server, and is mended again.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lvs_core::net::{Address, Route};

use crate::run::resident::{DR, NAT, Resident, TUNNEL, checked};

pub(crate) fn a_virtual_ip_that_is_gone_on_lo() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.waits_for(&[2, 3]);
    let vip = || Address::new("lo".parse().unwrap(), "172.16.5.11/32".parse().unwrap());
    resident.breaks("VIP gone on lo", &[2, 0], |resident| {
        resident.on("realserver2", |host| {
            host.net().delete_address(&vip().id).unwrap();
        });
    });
    let mut status = String::new();
    resident.waits("explanation", || {
        status = resident.prints(&["status"]);
        status.contains("the real IP answers")
    });
    println!("{status}");
    assert!(status.contains("down"), "{status}");
    assert!(
        status.lines().all(|line| line.chars().count() <= 80),
        "{status}"
    );
    resident.on("realserver2", |host| {
        host.net().add_address(&vip()).unwrap()
    });
    resident.waits_for(&[2, 3]);
    resident.serves(8);
}

pub(crate) fn a_daemon_that_is_dead() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.breaks("daemon dead", &[0, 3], |resident| {
        resident.lab.stop_servers("realserver1");
    });
    let status = resident.prints(&["status"]);
    assert!(status.contains("connection refused"), "{status}");
}

pub(crate) fn a_tunnel_device_that_is_down() {
    let mut resident = Resident::new(&checked(TUNNEL), &[]);
    let device = || "tunl0".parse().unwrap();
    let before: Vec<u32> = resident
        .weights()
        .iter()
        .map(|(_, weight)| *weight)
        .collect();
    resident.breaks("decapsulation device down", &[before[0], 0], |resident| {
        resident.on("realserver2", |host| {
            host.net().set_down(&device()).unwrap()
        });
    });
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits_for(&before);
    resident.serves(8);
}

/// With an address of the director's own where clients are.
pub(crate) fn a_wrong_gateway_behind_masquerading() {
    let vip = r#"{ interface = "eth0", address = "172.16.5.11/16" },"#;
    let more = format!(r#"{vip} {{ interface = "eth0", address = "172.16.5.9/16" }},"#);
    let mut resident = Resident::new(&checked(&NAT.replace(vip, &more)), &[]);
    resident.breaks("wrong gateway", &[1, 0], |resident| {
        resident.on("realserver2", |host| {
            let elsewhere = IpAddr::from([192, 168, 1, 250]);
            let route = Route::via("0.0.0.0/0".parse().unwrap(), elsewhere);
            host.net().replace_route(&route).unwrap();
        });
    });
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits_for(&[1, 1]);
    resident.serves(8);
}

pub(crate) fn an_http_status_500() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver2");
    resident.waits_for(&[2, 0]);
    let fails = Arc::new(AtomicBool::new(false));
    let listener = resident.on("realserver2", |_| TcpListener::bind("0.0.0.0:80").unwrap());
    let answers = Arc::clone(&fails);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let status = match answers.load(Ordering::Relaxed) {
                true => "500 Internal Server Error",
                false => "200 OK",
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nown");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    resident.waits_for(&[2, 3]);
    fails.store(true, Ordering::Relaxed);
    resident.waits_for(&[2, 0]);
    let status = resident.prints(&["status"]);
    assert!(status.contains("HTTP status 500"), "{status}");
    resident.serves(8);
    fails.store(false, Ordering::Relaxed);
    resident.waits_for(&[2, 3]);
}

/// The checks may be wrong: with none left, every server keeps its weight.
pub(crate) fn all_servers_at_once_are_served_on() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    resident.lab.stop_servers("realserver2");
    resident.waits_for(&[2, 3]);
    let status = resident.prints(&["status"]);
    assert!(status.contains("below: serve-all"), "{status}");
}
