//! Drains, with clients that stay connected.

use std::net::TcpStream;
use std::path::Path;

use lvs_lab::Lab;
use nix::sys::signal::Signal;

use super::{
    NAT, PATIENCE, connect, echo, in_file, is_alive, json, lab, run, says, send, start,
    wait_until_it_says,
};

/// Returns the NAT example with one more service, an echo server.
pub(super) fn with_echo() -> String {
    NAT.to_owned()
        + "\n[[services]]\naddress = \"172.16.5.11:7\"\nscheduler = \"rr\"\n\
           destinations = [{ real-server = \"realserver1\", port = 7777 }]\n"
}

/// Returns a client with an open connection to realserver1.
pub(super) fn with_client(file: &Path) -> (Lab, TcpStream) {
    let lab = lab(NAT);
    says(&run(&lab, file, &["apply"]), 0, &["done and verified"]);
    echo(lab.node("realserver1").unwrap(), 7777);
    lab.wait_for_servers().unwrap();
    let mut client = connect(lab.network().client(), "172.16.5.11:7");
    assert!(is_alive(&mut client, PATIENCE));
    (lab, client)
}

pub(super) fn a_drain_waits_for_the_last_connection() {
    let file = in_file("nat.toml", &with_echo());
    let (lab, mut client) = with_client(&file);
    let late = run(&lab, &file, &["drain", "192.168.1.12", "--timeout", "1s"]);
    let remaining = "192.168.1.12:7777 of tcp 172.16.5.11:7: 1 active";
    says(
        &late,
        1,
        &["timeout expired", remaining, "it stays drained"],
    );
    let told = run(
        &lab,
        &file,
        &["drain", "192.168.1.12", "--timeout", "0s", "--json"],
    );
    says(&told, 1, &["error: ", remaining]);
    let told = json(&told);
    assert_eq!(
        (&told["outcome"], &told["removed"]),
        (&"late".into(), &false.into())
    );
    let connections = told["connections"].as_array().unwrap();
    let in_use = connections.iter().find(|one| one["active"] == 1).unwrap();
    assert_eq!(in_use["service"], "tcp 172.16.5.11:7");
    assert_eq!(in_use["destination"], "192.168.1.12:7777");
    assert!(told["error"].as_str().unwrap().contains("timeout expired"));
    // The service that has no other server refuses its clients: no step shows it.
    let refused = "tcp 172.16.5.11:7: every destination has weight 0 (drained: realserver1): all new connections are \
                   refused; `lvsctl undrain 192.168.1.12`";
    for verb in ["plan", "apply"] {
        let said = run(&lab, &file, &[verb, "--exit-code"]);
        says(&said, 0, &["nothing to do", refused]);
        assert!(!String::from_utf8_lossy(&said.stdout).contains("172.16.5.11:80: every"));
    }
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
pub(super) fn a_real_server_is_drained_by_its_name() {
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
    says(
        &drain("undrain", "realserver3"),
        1,
        &["undrain realserver3: is a real server of no cluster"],
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

pub(super) fn an_interrupted_drain_stays() {
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
pub(super) fn udp_clients_count_until_they_are_silent() {
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
pub(super) fn persistence_does_not_bring_a_client_back() {
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
