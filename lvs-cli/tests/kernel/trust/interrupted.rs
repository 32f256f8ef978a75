//! Changes that are not confirmed, interrupted or killed, and connections that live through a change.

use std::io::Read;
use std::time::Duration;

use lvs_core::IfName;
use lvs_core::net::{Address, Route};
use nix::sys::signal::Signal;

use super::drains::{with_client, with_echo};
use super::{
    DR, NAT, PATIENCE, connect, echo, in_file, is_alive, json, lab, run, says, send, start,
    wait_until_it_says,
};

/// The director moves to another network, which cuts the connection that controls it; its terminal hangs up.
pub(super) fn a_change_that_cuts_the_control_connection_rolls_back() {
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

pub(super) fn a_confirmed_change_stays() {
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

pub(super) fn a_confirmation_is_told_as_json() {
    let file = in_file("nat.toml", NAT);
    let lab = lab(NAT);
    let mut apply = start(&lab, &file, &["apply", "--confirm", "1h"]);
    wait_until_it_says(&mut apply, "unless `lvsctl confirm` is run");
    let confirmed = run(&lab, &file, &["confirm", "--json"]);
    says(&confirmed, 0, &[]);
    assert_eq!(
        json(&confirmed),
        serde_json::json!({
            "schema": "lvsctl.confirm/1", "confirmed": true, "error": null, "hint": null
        })
    );
    assert_eq!(apply.wait().unwrap().code(), Some(0));
    let late = run(&lab, &file, &["confirm", "-q", "--json"]);
    says(&late, 1, &["error: ", "nothing waits for a confirmation"]);
    let late = json(&late);
    assert_eq!(late["schema"], "lvsctl.confirm/1");
    let error = late["error"].as_str().unwrap();
    assert!(error.ends_with("nothing waits for a confirmation"));
}

pub(super) fn an_interrupt_rolls_everything_back() {
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
pub(super) fn what_cannot_be_rolled_back_is_reported() {
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
pub(super) fn a_killed_apply_can_be_removed() {
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
pub(super) fn a_connection_survives_remove_and_apply() {
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
