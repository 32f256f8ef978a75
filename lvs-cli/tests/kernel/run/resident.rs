//! A lab whose director is kept by `lvsctl run`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lvs_core::cluster::{Role, StateDir};
use lvs_core::ipvs::ServiceId;
use lvs_core::{Cluster, Host};
use lvs_lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const NAT: &str = include_str!("../../../../examples/nat.toml");
pub(crate) const DR: &str = include_str!("../../../../examples/dr.toml");
pub(crate) const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");

/// The state directory, in the guest.
pub(crate) const STATE: &str = "/run/state";

/// Longer than anything takes on the guest's one processor.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A page every half second; three failures are down.
const CHECK: &str =
    r#"check = { type = "http", interval = "500ms", timeout = "1s", rise = 2, fall = 3 }"#;

/// A file whose services are checked.
pub(crate) fn checked(text: &str) -> String {
    assert!(!text.contains("check ="));
    text.replace("[[services]]", &format!("[[services]]\n{CHECK}"))
}

/// The same with more keys of the service.
pub(crate) fn with_keys(text: &str, keys: &str) -> String {
    checked(text).replace(CHECK, &format!("{CHECK}\n{keys}"))
}

/// A program, and its messages.
struct Started {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

/// The nodes of a cluster, and `lvsctl run` on a director.
pub(crate) struct Resident {
    pub(crate) lab: Lab,
    pub(crate) file: PathBuf,
    pub(crate) director: String,
    pub(crate) options: Vec<String>,
    environment: Vec<(String, String)>,
    run: Option<Started>,
    service: ServiceId,
}

impl Resident {
    /// Builds the nodes, applies the file to the real servers, and starts `lvsctl run` on the director.
    pub(crate) fn new(text: &str, options: &[&str]) -> Self {
        let mut resident = Self::idle(text, "director", options);
        resident.start();
        resident.settle();
        resident
    }

    /// The same, without starting it.
    pub(crate) fn idle(text: &str, director: &str, options: &[&str]) -> Self {
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        for server in cluster.real_servers() {
            lab.apply_to(server.name.as_str()).unwrap();
        }
        let file = PathBuf::from("/run/web.toml");
        fs::write(&file, text).unwrap();
        Self {
            lab,
            file,
            director: director.to_owned(),
            options: options.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            run: None,
            service: cluster.services()[0].service.id,
        }
    }

    pub(crate) fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the program, and waits for nothing.
    pub(crate) fn spawn(&self) -> Child {
        let mut command = self.command(&["run"]);
        command
            .args(&self.options)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::from(File::open("/run/web.toml").unwrap()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        self.on_director(move |_| command.spawn().unwrap())
    }

    pub(crate) fn start(&mut self) {
        let mut child = self.spawn();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let told = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("run: {line}");
                told.lock().unwrap().push(line);
            }
        });
        self.run = Some(Started {
            child,
            lines,
            reader,
        });
        self.waits_for_message("probes run");
    }

    /// A command of lvsctl; of a verb that takes the file, with it.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        self.command_of(&self.file, verb)
    }

    pub(crate) fn command_of(&self, file: &Path, verb: &[&str]) -> Command {
        let (verb, rest) = verb.split_first().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.arg(verb);
        if ["run", "plan", "apply", "remove", "check"].contains(verb) {
            command.arg(file).args(["--node", &self.director]);
        }
        command.args(rest).env("NO_COLOR", "1").env("COLUMNS", "80");
        if !["list", "save"].contains(verb) {
            command.args(["--state", STATE]);
        }
        command
    }

    /// Runs lvsctl on the director.
    pub(crate) fn lvsctl(&self, verb: &[&str]) -> Output {
        let mut command = self.command(verb);
        self.on_director(move |_| command.output().unwrap())
    }

    /// Runs a verb that takes a file with another one.
    pub(crate) fn lvsctl_of(&self, text: &str, verb: &[&str]) -> Output {
        let file = Path::new("/run/other.toml");
        fs::write(file, text).unwrap();
        let mut command = self.command_of(file, verb);
        self.on_director(move |_| command.output().unwrap())
    }

    /// What it prints; it must succeed.
    #[track_caller]
    pub(crate) fn prints(&self, verb: &[&str]) -> String {
        let output = self.lvsctl(verb);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn on<T: Send>(&self, node: &str, act: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.lab.node(node).unwrap().run(act).unwrap()
    }

    pub(crate) fn on_director<T: Send>(&self, act: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.on(&self.director, act)
    }

    /// The first service.
    pub(crate) const fn service(&self) -> ServiceId {
        self.service
    }

    /// The weights of the first service, by the last number of the destination's address.
    pub(crate) fn weights(&self) -> Vec<(String, u32)> {
        let service = self.service;
        let mut weights = self.on_director(|host| {
            let ipvs = host.ipvs().unwrap();
            let destinations = ipvs.destinations(&service).unwrap_or_default();
            let weights = destinations.iter().map(|status| {
                let destination = status.destination;
                (destination.id.address.to_string(), destination.weight.get())
            });
            weights.collect::<Vec<_>>()
        });
        weights.sort();
        weights
    }

    /// Waits for weights, in the order of addresses.
    #[track_caller]
    pub(crate) fn waits_for(&self, expected: &[u32]) {
        let weights = || {
            self.weights()
                .iter()
                .map(|(_, weight)| *weight)
                .collect::<Vec<_>>()
        };
        self.waits(&format!("weights {expected:?}"), || weights() == expected);
    }

    /// Waits until something is so; says what is there if it does not come.
    #[track_caller]
    pub(crate) fn waits(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_so() {
            if began.elapsed() > PATIENCE {
                panic!("no {what}:\n{}", self.prints(&["status"]));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub(crate) fn waits_for_message(&mut self, part: &str) {
        let began = Instant::now();
        loop {
            let Started { child, lines, .. } = self.run.as_mut().unwrap();
            if lines.lock().unwrap().iter().any(|line| line.contains(part)) {
                return;
            }
            let is_over = child.try_wait().unwrap().is_some() || began.elapsed() > PATIENCE;
            assert!(!is_over, "no {part:?} in {:#?}", lines.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.run.as_ref().unwrap().lines.lock().unwrap().clone()
    }

    /// Waits until every server is known to be up.
    pub(crate) fn settle(&self) {
        let is_up = || {
            let status: serde_json::Value =
                serde_json::from_str(&self.prints(&["status", "--json"])).unwrap();
            let services = status["clusters"][0]["services"].as_array().unwrap();
            let mut destinations = services
                .iter()
                .flat_map(|service| service["destinations"].as_array().unwrap());
            destinations.all(|destination| destination["health"] == "up")
        };
        self.waits("server is up", is_up);
    }

    /// One request of a client.
    pub(crate) fn request(&self) -> Option<String> {
        self.lab.request(&self.service, 0).ok()
    }

    /// Every one of a client's requests is answered.
    #[track_caller]
    pub(crate) fn serves(&self, requests: usize) {
        for number in 0..requests {
            let answer = self.lab.request(&self.service, 0);
            assert!(
                answer.is_ok(),
                "request {number}: {answer:?}\n{}",
                self.prints(&["status"])
            );
        }
    }

    /// Breaks something, and measures how long clients fail: until eight requests in a row are answered.
    #[track_caller]
    pub(crate) fn breaks(&mut self, what: &str, expected: &[u32], act: impl FnOnce(&mut Self)) {
        let began = Instant::now();
        act(self);
        let (mut failed, mut row, mut last) = (0, 0, began);
        while row < 8 {
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {}",
                self.prints(&["status"])
            );
            match self.request() {
                Some(_) => row += 1,
                None => {
                    (failed, row, last) = (failed + 1, 0, Instant::now());
                    // Each leaves an entry for 60 s, which a client that has its port again would meet.
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
        let seconds = last.duration_since(began).as_secs_f64();
        println!("{what}: {failed} requests failed, the last one ended after {seconds:.1} s");
        self.waits_for(expected);
        self.serves(8);
    }

    pub(crate) fn send(&self, signal: Signal) {
        let started = self.run.as_ref().unwrap();
        let pid = Pid::from_raw(started.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// Sends a signal, and waits until the program has ended.
    pub(crate) fn end(&mut self, signal: Signal) -> i32 {
        self.ends(signal).0
    }

    /// The same, and returns all messages, too.
    pub(crate) fn ends(&mut self, signal: Signal) -> (i32, Vec<String>) {
        self.send(signal);
        let Started {
            mut child,
            lines,
            reader,
        } = self.run.take().unwrap();
        let status = child.wait().unwrap().code().unwrap_or(-1);
        reader.join().unwrap();
        (status, lines.lock().unwrap().clone())
    }

    pub(crate) fn role(&self) -> Option<Role> {
        // A record is of the namespace that it was written in.
        let records = self.on_director(|_| StateDir::at(STATE).records().unwrap());
        records.iter().find_map(|record| record.role())
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        if let Some(Started { mut child, .. }) = self.run.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What must be in a program's messages, and its exit status.
#[track_caller]
pub(crate) fn says(output: &Output, status: i32, part: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(part), "{part:?} is not in {text}");
    assert_eq!(output.status.code(), Some(status), "{text}");
}
