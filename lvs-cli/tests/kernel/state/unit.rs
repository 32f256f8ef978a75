//! The systemd unit, as it stands, under Debian's systemd.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::{Cluster, Host};
use lvs_lab::{Lab, Systemd};

use crate::state::machine::{LVSCTL, says, text};
use crate::state::modules;

const DR: &str = include_str!("../../../../examples/dr.toml");
const UNIT: &str = include_str!("../../../systemd/lvsctl@.service");
const PATH: &str = "/etc/systemd/system/lvsctl@.service";
const FILE: &str = "/etc/lvsctl/web.toml";
const WEB: &str = "lvsctl@web";
const SERVICE: &str = "tcp 172.16.5.11:80";

/// Longer than anything takes on the guest's one processor.
const PATIENCE: Duration = Duration::from_secs(60);

/// A director with the unit, and the cluster around it.
struct Node<'a> {
    lab: &'a Lab,
    systemd: Systemd<'a>,
}

impl Node<'_> {
    fn prints(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.systemd.run(program, arguments).unwrap();
        let done = output.status.success();
        assert!(
            done,
            "{program} {arguments:?}: {}\n{}",
            text(&output),
            self.journal()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn systemctl(&self, verb: &str) -> Output {
        self.systemd.run("systemctl", &[verb, WEB]).unwrap()
    }

    fn property(&self, name: &str) -> String {
        let shown = self.prints("systemctl", &["show", "--value", "-p", name, WEB]);
        shown.trim().to_owned()
    }

    fn journal(&self) -> String {
        let journal = ["-u", WEB, "-o", "cat", "--no-pager"];
        text(&self.systemd.run("journalctl", &journal).unwrap())
    }

    /// Changes the cluster file as an editor does: by another file in its place.
    fn edit(&self, old: &str, new: &str) {
        let (file, next) = (
            self.systemd.path(FILE),
            self.systemd.path("/etc/lvsctl/next"),
        );
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(&next, text.replace(old, new)).unwrap();
        fs::rename(next, file).unwrap();
    }

    fn weights(&self) -> Vec<u32> {
        let service = SERVICE.parse().unwrap();
        let read = |host: &mut Host| host.ipvs()?.destinations(&service);
        let found = self.lab.node("director").unwrap().run(read).unwrap();
        let mut weights: Vec<_> = found
            .unwrap()
            .iter()
            .map(|status| status.destination.weight.get())
            .collect();
        weights.sort_unstable();
        weights
    }

    fn scheduler(&self) -> String {
        let service = SERVICE.parse().unwrap();
        let read = |host: &mut Host| host.ipvs()?.service(&service);
        let found = self.lab.node("director").unwrap().run(read).unwrap();
        found.unwrap().service.scheduler.to_string()
    }

    #[track_caller]
    fn waits(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_so() {
            let is_late = began.elapsed() > PATIENCE;
            assert!(!is_late, "no {what}: {}", self.journal());
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn serves(&self) {
        for number in 0..4 {
            let answer = self.lab.request(&SERVICE.parse().unwrap(), number);
            assert!(answer.is_ok(), "{answer:?}: {}", self.journal());
        }
    }

    /// The kernel confines the program as the unit says: CAP_NET_ADMIN and CAP_NET_RAW, and some system calls.
    fn is_confined(&self) {
        let status = format!("/proc/{}/status", self.property("MainPID"));
        let status = fs::read_to_string(self.systemd.path(&status)).unwrap();
        for line in [
            "CapBnd:\t0000000000003000\n",
            "NoNewPrivs:\t1\n",
            "Seccomp:\t2\n",
        ] {
            assert!(status.contains(line), "{line:?} is not in\n{status}");
        }
    }

    /// Kills the program while the table is looked at, until systemd has started another one.
    fn killed(&self) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(self.weights().len(), 2);
                    thread::sleep(Duration::from_millis(20));
                }
            });
            self.prints("systemctl", &["kill", "--signal=KILL", WEB]);
            self.waits("restart", || {
                self.property("NRestarts") == "1" && self.property("ActiveState") == "active"
            });
            over.store(true, Ordering::Relaxed);
            watch.join().unwrap();
        });
    }
}

/// Its start, reload, restart and stop disturb no client, and what it forbids lvsctl does not need.
pub(crate) fn systemd_runs_the_unit() {
    let cluster = Cluster::from_toml(DR).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    for server in cluster.real_servers() {
        lab.apply_to(server.name.as_str()).unwrap();
    }
    modules::let_the_kernel_load_modules();
    let file = DR.replace("[[services]]", "[[services]]\ncheck = \"tcp\"");
    let files = [(PATH, UNIT.to_owned()), (FILE, file)];
    let programs = [("/usr/bin/lvsctl", Path::new(LVSCTL))];
    let systemd = Systemd::boot(lab.node("director").unwrap(), "director", &files, &programs);
    let node = Node {
        lab: &lab,
        systemd: systemd.unwrap(),
    };

    node.prints("systemctl", &["enable", "--now", WEB]);
    assert_eq!(node.property("Type"), "notify");
    assert_eq!(node.weights(), [2, 3]);
    node.serves();
    let security = ["--offline=true", "--threshold=25", "security", PATH];
    let exposure = node.prints("systemd-analyze", &security);
    println!("{}", exposure.lines().last().unwrap());

    node.is_confined();

    node.edit("wrr", "lblcr");
    node.prints("systemctl", &["reload", WEB]);
    node.waits("scheduler lblcr", || node.scheduler() == "lblcr");
    modules::assert_has_loaded();
    node.edit("weight = 3", "wieght = 3");
    says(&node.systemctl("reload"), 1, &["failed"]);
    node.waits("refusal", || node.property("StatusText").contains("wieght"));
    let journal = node.journal();
    assert!(journal.contains("the old file stays in force"), "{journal}");
    assert_eq!(node.property("ActiveState"), "active");
    assert_eq!(node.weights(), [2, 3]);
    node.edit("wieght", "weight");
    node.waits("the right file", || node.property("StatusText").is_empty());

    node.prints("lvsctl", &["drain", "192.168.1.12"]);
    node.waits("drain", || node.weights() == [0, 3]);
    node.killed();
    node.serves();
    for directory in ["/run/lvsctl", "/var/lib/lvsctl"] {
        let found = fs::metadata(node.systemd.path(directory)).unwrap();
        assert_eq!(
            (found.mode() & 0o7777, found.uid()),
            (0o700, 0),
            "{directory}"
        );
    }
    node.prints("systemctl", &["stop", WEB]);
    assert_eq!(node.weights(), [0, 3]);
    node.serves();
    node.prints("systemctl", &["start", WEB]);
    assert_eq!(node.weights(), [0, 3]);
    node.prints("lvsctl", &["undrain", "192.168.1.12"]);
    node.waits("weights as before", || node.weights() == [2, 3]);
    node.serves();
    assert!(
        fs::exists("/run/lvsctl").is_ok_and(|exists| !exists),
        "the node's own"
    );
}
