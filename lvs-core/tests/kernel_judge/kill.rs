//! A program that is killed while it applies: whoever applies again gets there, and leaves nothing behind.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use lvs_core::cluster::{Event, NodeState, Observed, PlanOptions, Scope};
use lvs_core::{Cluster, Host, IfName, Netns};

use crate::random::Random;

/// What a child has to do: the place of a job, and after how many phases it stops for good.
const JOB: &str = "LVS_JUDGE_KILLED";
const NEVER: usize = usize::MAX;
const INSTANTS: usize = 50;

/// A way from one file to another on one machine.
struct Job {
    name: &'static str,
    node: &'static str,
    old: Option<String>,
    new: String,
}

const NAT: &str = include_str!("../../../examples/nat.toml");
const DR: &str = include_str!("../../../examples/dr.toml");
const MANY: &str = include_str!("../plans/everything-about-services/cluster.toml");

fn jobs() -> Vec<Job> {
    let job = |name, node, old: Option<&str>, new: &str| Job {
        name,
        node,
        old: old.map(str::to_owned),
        new: new.to_owned(),
    };
    let weights = DR.replace("weight = 2", "weight = 7");
    let other_server = NAT
        .replace("192.168.1.13", "192.168.1.14")
        .replace("\"rr\"", "\"wlc\"");
    // The scheduler's module is not there; what is asked for is.
    let many = MANY.replace("\"sh\"\nscheduler-flags = [\"sh-port\"]", "\"wlc\"");
    vec![
        job("a fresh NAT director", "director", None, NAT),
        job("a fresh DR director", "director", None, DR),
        job("a fresh DR real server", "realserver1", None, DR),
        job("a fresh NAT real server", "realserver1", None, NAT),
        job("a director of many services", "lb", None, &many),
        job("other weights", "director", Some(DR), &weights),
        job(
            "another real server and scheduler",
            "director",
            Some(NAT),
            &other_server,
        ),
        job("from NAT to DR", "director", Some(NAT), DR),
    ]
}

impl Job {
    fn node(&self, text: &str) -> NodeState {
        Cluster::from_toml(text).unwrap().node(self.node).unwrap()
    }

    /// A machine that looks as the old file wants it.
    fn machine(&self) -> lvs_core::Result<Netns> {
        let netns = Netns::create()?;
        netns.run(|host| -> lvs_core::Result<()> {
            for (end, other) in [("eth0", "port0"), ("eth1", "port1")] {
                host.net().add_veth(&name(end), &name(other), None)?;
                host.net().set_up(&name(other), true)?;
            }
            if let Some(old) = &self.old {
                apply(&self.node(old), host);
            }
            Ok(())
        })??;
        Ok(netns)
    }

    /// What a machine looks like on which nobody was killed, and how long that took.
    fn undisturbed(&self) -> lvs_core::Result<(Observed, Duration)> {
        let new = self.node(&self.new);
        self.machine()?.run(|host| {
            let began = Instant::now();
            apply(&new, host);
            (observe(&new, host), began.elapsed())
        })
    }

    /// Applies again after the accident.
    fn recovers(&self, netns: &Netns, wanted: &Observed, when: &str) -> lvs_core::Result<()> {
        let new = self.node(&self.new);
        netns.run(|host| {
            apply(&new, host);
            assert_eq!(observe(&new, host), *wanted, "{}, killed {when}", self.name);
            assert!(
                new.plan(host, OPTIONS).unwrap().is_empty(),
                "{}, killed {when}",
                self.name
            );
        })
    }
}

/// The virtual IP is the cluster's alone: what an older file has left on it may go.
const OPTIONS: PlanOptions = PlanOptions { take_over: true };

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn apply(node: &NodeState, host: &mut Host) {
    node.apply(host, OPTIONS, &mut |_| ()).unwrap();
}

fn observe(node: &NodeState, host: &mut Host) -> Observed {
    Observed::read(host, &Scope::of(node)).unwrap()
}

/// The part of the child, if this process is one: applies in the namespace that is its standard
/// input, and stops before a phase until it is killed.
pub(crate) fn child() -> Option<ExitCode> {
    let task = env::var(JOB).ok()?;
    let (place, stop) = task.split_once(' ').unwrap();
    let job = jobs().swap_remove(place.parse().unwrap());
    let stop: usize = stop.parse().unwrap();
    let node = job.node(&job.new);
    Netns::open("/proc/self/fd/0")
        .unwrap()
        .run(|host| apply_until(&node, stop, host))
        .unwrap();
    Some(ExitCode::SUCCESS)
}

fn apply_until(node: &NodeState, stop: usize, host: &mut Host) {
    let mut phases = 0;
    say("ready");
    node.apply(host, OPTIONS, &mut |event| {
        if matches!(event, Event::Phase(_) | Event::Verified) {
            if phases == stop {
                say("stopped");
                loop {
                    thread::park();
                }
            }
            phases += 1;
        }
    })
    .unwrap();
}

fn say(word: &str) {
    println!("{word}");
    io::stdout().flush().unwrap();
}

/// This very executable once more, in another network namespace.
fn start(netns: &Netns, place: usize, stop: usize) -> Child {
    let namespace = std::os::fd::AsFd::as_fd(netns)
        .try_clone_to_owned()
        .unwrap();
    Command::new(env::current_exe().unwrap())
        .env(JOB, format!("{place} {stop}"))
        .stdin(namespace)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a word; `false` if the child has come to its end instead.
fn hears(output: &mut impl BufRead, word: &str) -> bool {
    output
        .lines()
        .map_while(Result::ok)
        .any(|line| line == word)
}

pub(crate) fn killed_before_every_phase() -> lvs_core::Result<()> {
    for (place, job) in jobs().iter().enumerate() {
        let (wanted, _) = job.undisturbed()?;
        let mut phases = 0;
        loop {
            let netns = job.machine()?;
            let mut child = start(&netns, place, phases);
            let stopped = hears(&mut BufReader::new(child.stdout.take().unwrap()), "stopped");
            child.kill().unwrap();
            child.wait().unwrap();
            job.recovers(&netns, &wanted, &format!("before phase {phases}"))?;
            if !stopped {
                break;
            }
            phases += 1;
        }
        assert!(phases > 1, "{} has {phases} phases only", job.name);
    }
    Ok(())
}

pub(crate) fn killed_at_fifty_random_instants() -> lvs_core::Result<()> {
    let mut random = Random::new(3);
    let mut interrupted = 0;
    let all = jobs();
    let results: Vec<_> = all.iter().map(Job::undisturbed).collect::<Result<_, _>>()?;
    for round in 0..INSTANTS {
        let place = round % all.len();
        let (job, (wanted, time)) = (&all[place], &results[place]);
        let netns = job.machine()?;
        let mut child = start(&netns, place, NEVER);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert!(hears(&mut output, "ready"));
        thread::sleep(time.mul_f64(random.below(1000) as f64 / 1000.0));
        child.kill().unwrap();
        interrupted += usize::from(!child.wait().unwrap().success());
        job.recovers(&netns, wanted, &format!("in round {round}"))?;
    }
    assert!(
        interrupted > INSTANTS / 2,
        "only {interrupted} were killed in time"
    );
    Ok(())
}
