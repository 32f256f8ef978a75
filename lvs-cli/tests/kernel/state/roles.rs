//! A change of the role beside a change that is being made.

use std::fs;
use std::io::{Read, Write, pipe};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::cluster::{Role, StateDir};
use lvs_core::{Cluster, Host};
use lvs_lab::Lab;

use crate::state::machine::{LVSCTL, TWO, says, text};
use crate::state::waiting::is_locked;

/// So many take the director a few seconds.
const SERVICES: u16 = 1500;
const VIP: &str = "172.16.5.11";
const PATIENCE: Duration = Duration::from_secs(60);

/// Two directors with lvsctl, and clients.
struct Directors(Lab);

impl Directors {
    fn new() -> Self {
        let cluster = Cluster::from_toml(TWO).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        for server in cluster.real_servers() {
            lab.apply_to(server.name.as_str()).unwrap();
        }
        Self(lab)
    }

    fn start(&self, director: &str, file: &str, options: &[&str], stdout: Stdio) -> Child {
        let path = format!("/run/{director}.toml");
        fs::write(format!("{path}.new"), file).unwrap();
        fs::rename(format!("{path}.new"), &path).unwrap();
        let mut command = Command::new(LVSCTL);
        command.args(["apply", &path, "--node", director]);
        command.args(["--state", &state(director)]).args(options);
        command.stdout(stdout).stderr(Stdio::piped());
        let node = self.0.node(director).unwrap();
        node.run(|_| command.spawn().unwrap()).unwrap()
    }

    fn apply(&self, director: &str, file: &str, options: &[&str]) {
        let child = self.start(director, file, options, Stdio::null());
        says(&child.wait_with_output().unwrap(), 0, &[]);
    }

    /// Returns how many services with this scheduler the director has.
    fn services(&self, director: &str, scheduler: &str) -> usize {
        let read = |_: &mut Host| fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap();
        let table = self.0.node(director).unwrap().run(read).unwrap();
        let services = table.lines().filter(|line| line.starts_with("TCP"));
        services
            .filter(|line| line.contains(&format!(" {scheduler} ")))
            .count()
    }

    /// Starts a change of a cluster with many services and waits until it is being made.
    fn running(&self, director: &str, scheduler: &str, options: &[&str]) -> Child {
        let running = self.start(director, &many(scheduler), options, Stdio::null());
        wait_for_lock(director);
        running
    }

    fn carries(&self, director: &str) -> bool {
        let read = |host: &mut Host| host.net().addresses();
        let addresses = self.0.node(director).unwrap().run(read).unwrap().unwrap();
        let vip: IpAddr = VIP.parse().unwrap();
        addresses
            .iter()
            .any(|address| address.id.network.addr() == vip)
    }

    fn role(&self, director: &str) -> Option<Role> {
        let node = Cluster::from_toml(TWO).unwrap().node(director).unwrap();
        let read = |_: &mut Host| StateDir::at(state(director)).record(&node);
        let record = self.0.node(director).unwrap().run(read).unwrap();
        record.unwrap().role()
    }

    #[track_caller]
    fn is_served_by(&self, active: &str, standby: &str) {
        assert!(self.carries(active) && !self.carries(standby));
        let service = format!("tcp {VIP}:80").parse().unwrap();
        for number in 0..4 {
            self.0.request(&service, number).unwrap();
        }
    }
}

fn state(director: &str) -> String {
    format!("/run/state-{director}")
}

fn many(scheduler: &str) -> String {
    let text = TWO.replace("\"rr\"", &format!("{scheduler:?}"));
    let ports: Vec<_> = (2000..2000 + SERVICES)
        .map(|port| format!("{VIP}:{port}"))
        .collect();
    format!("{text}\n[[services]]\naddresses = {ports:?}\nscheduler = {scheduler:?}\n")
}

fn wait_for_lock(director: &str) {
    let lock = format!("{}/lock", state(director));
    let began = Instant::now();
    while !is_locked(&lock) {
        assert!(began.elapsed() < PATIENCE, "{director}");
    }
}

/// A director becomes active while it applies a change.
pub(crate) fn an_active_role_beside_a_running_apply() {
    let directors = Directors::new();
    directors.apply("lb1", &many("rr"), &["--role", "standby"]);
    let running = directors.running("lb1", "wrr", &[]);
    directors.apply("lb1", &many("wrr"), &["--role", "active"]);
    says(&running.wait_with_output().unwrap(), 0, &[]);
    directors.is_served_by("lb1", "lb2");
    assert_eq!(directors.role("lb1"), Some(Role::Active));
    assert_eq!(directors.services("lb1", "wrr"), usize::from(SERVICES) + 1);
}

/// A director stands by while it applies a change.
pub(crate) fn a_standby_role_beside_a_running_apply() {
    let directors = Directors::new();
    directors.apply("lb2", &many("rr"), &["--role", "standby"]);
    directors.apply("lb1", &many("rr"), &["--role", "active"]);
    let running = directors.running("lb1", "wrr", &[]);
    let standby = directors.start("lb1", &many("wrr"), &["--role", "standby"], Stdio::null());
    let standby = standby.wait_with_output().unwrap();
    let is_done = matches!(standby.status.code(), Some(0 | 3));
    assert!(is_done, "{}", text(&standby));
    assert!(!directors.carries("lb1"));
    directors.apply("lb2", &many("wrr"), &["--role", "active"]);
    running.wait_with_output().unwrap();
    directors.is_served_by("lb2", "lb1");
}

/// A change that cannot print its plan stands still and holds the lock. A standby releases the virtual IP without it,
/// and the older change, which goes on later, neither adds nor announces it.
pub(crate) fn a_standby_role_beside_a_stalled_apply() {
    let directors = Directors::new();
    directors.apply("lb2", TWO, &["--role", "standby"]);
    let changed = TWO.replace("\"rr\"", "\"wrr\"");
    for (before, status, end, options) in [
        ("active", 3, "rolled back", &[][..]),
        (
            "standby",
            1,
            "a newer change of the role",
            &["--role", "active"],
        ),
    ] {
        directors.apply("lb1", TWO, &["--role", before]);
        let (mut reader, mut writer) = pipe().unwrap();
        writer.write_all(&[b' '; 1 << 16]).unwrap();
        let stalled = directors.start("lb1", &changed, options, writer.into());
        wait_for_lock("lb1");
        let standby = directors.start("lb1", TWO, &["--role", "standby"], Stdio::null());
        says(
            &standby.wait_with_output().unwrap(),
            status,
            &["has held it for"],
        );
        assert!(!directors.carries("lb1"));
        directors.apply("lb2", &changed, &["--role", "active"]);
        directors.is_served_by("lb2", "lb1");

        let read = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        says(&stalled.wait_with_output().unwrap(), 1, &[end]);
        read.join().unwrap().unwrap();
        directors.is_served_by("lb2", "lb1");
        directors.apply("lb2", TWO, &["--role", "standby"]);
    }
}
