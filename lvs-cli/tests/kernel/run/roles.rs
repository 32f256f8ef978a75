//! keepalived chooses the active one of two directors, and `lvsctl run` keeps both.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Host;
use lvs_lab::{Files, Pair};

use crate::run::resident::{PATIENCE, checked};

// keepalived must be given a processor in time.
lvs_lab::tests! {
    alone;
    keepalived_moves_roles_beside_it,
}

const NAT: &str = include_str!("../../../../examples/two_directors.toml");

/// Starts it on a director, and waits until it probes.
fn run(pair: &Pair, director: &str) -> lvs_lab::Result<Child> {
    let mut command = Command::new("/run/bin/lvsctl");
    command.args(["run", "/etc/lvsctl/web.toml"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = pair.spawn(director, &mut command)?;
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut read = Vec::new();
    let probes = lines.any(|line| {
        read.push(line);
        read.iter().any(|line| line.contains("probes run"))
    });
    assert!(probes, "{read:#?}");
    let director = director.to_owned();
    thread::spawn(move || lines.for_each(|line| eprintln!("{director}: {line}")));
    Ok(child)
}

fn status(pair: &Pair, director: &str) -> lvs_lab::Result<String> {
    let mut command = Command::new("/run/bin/lvsctl");
    command.args(["status"]).stdout(Stdio::piped());
    let output = pair
        .spawn(director, &mut command)?
        .wait_with_output()
        .unwrap();
    Ok(String::from_utf8(output.stdout).unwrap())
}

fn until(pair: &Pair, director: &str, is_so: impl Fn(&str) -> bool) -> lvs_lab::Result<()> {
    let began = Instant::now();
    loop {
        let status = status(pair, director)?;
        if is_so(&status) {
            return Ok(());
        }
        assert!(began.elapsed() < PATIENCE, "{director}:\n{status}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The standby probes, too, and takes over with what it knows: a dead real server gets no client.
fn keepalived_moves_roles_beside_it() -> lvs_lab::Result<()> {
    let cluster = checked(NAT);
    let files = Files {
        cluster: &cluster,
        keepalived: include_str!("../../../../examples/keepalived.conf"),
        notify: include_str!("../../../../examples/keepalived-notify.sh"),
    };
    let mut pair = Pair::new(files, Path::new(env!("CARGO_BIN_EXE_lvsctl")))?;
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    let mut runs = BTreeMap::new();
    for director in pair.directors() {
        runs.insert(director.clone(), run(&pair, &director)?);
        until(&pair, &director, |status| {
            status.matches(" up ").count() == 2
        })?;
    }
    let old = pair.wait_for_active()?;
    let directors = pair.directors();
    let new = directors.iter().find(|name| **name != old).unwrap();
    assert!(status(&pair, &old)?.contains("active") && status(&pair, new)?.contains("standby"));

    let eth0 = "eth0".parse().unwrap();
    let cut_off = |host: &mut Host| host.net().set_down(&eth0);
    pair.lab().node("realserver1")?.run(cut_off)??;
    for director in &directors {
        until(&pair, director, |status| status.contains(" down "))?;
    }
    runs.get_mut(&old).unwrap().kill().unwrap();
    pair.kill(&old)?;
    assert_eq!(pair.wait_for_active()?, *new);
    until(&pair, new, |status| status.contains("active, no drift"))?;
    for number in 0..4 {
        assert_eq!(pair.lab().request(&service, number)?, "realserver2");
    }
    // What returns stays standby, and its controller does not make it active.
    pair.start(&old)?;
    run(&pair, &old)?;
    until(&pair, &old, |status| {
        status.contains("standby, no drift") && status.contains(" down ")
    })?;
    assert_eq!(pair.wait_for_active()?, *new);
    pair.lab().request(&service, 4).map(drop)
}
