//! A program that is killed while it applies: whoever applies again gets there, and leaves nothing behind;
//! and whoever removes then finds the way back to how everything was.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use lvs_core::cluster::{ApplyEvent, DesiredState, Observed, PlanOptions, ReadScope, StateDir};
use lvs_core::{Cluster, Host, IfName, Netns};
use tempfile::TempDir;

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

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");
const MANY: &str = include_str!("../../plans/everything-about-services/cluster.toml");

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
    let vip = "{ interface = \"eth0\", address = \"172.16.5.11/32\" },";
    let two = DR.replace(vip, &format!("{vip} {}", vip.replace("5.11", "5.12")))
        + "[[services]]\naddress = \"172.16.5.12:443\"\n";
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
        job("a dropped virtual IP", "director", Some(&two), DR),
        job("a dropped virtual IP", "realserver1", Some(&two), DR),
    ]
}

/// A machine, and the memory of what was done there.
struct Machine {
    netns: Netns,
    directory: TempDir,
}

/// What a machine looks like on which nobody was killed.
struct Undisturbed {
    applied: Observed,
    removed: Observed,
    time: Duration,
}

impl Job {
    fn node(&self, text: &str) -> DesiredState {
        Cluster::from_toml(text).unwrap().node(self.node).unwrap()
    }

    /// A machine that looks as the old file wants it.
    fn machine(&self) -> lvs_core::Result<Machine> {
        let (netns, directory) = (Netns::create()?, tempfile::tempdir().unwrap());
        netns.run(|host| -> lvs_core::Result<()> {
            for (end, other) in [("eth0", "port0"), ("eth1", "port1")] {
                host.net().add_veth(&name(end), &name(other), None)?;
                host.net().set_up(&name(other))?;
            }
            host.ipvs()?;
            if let Some(old) = &self.old {
                apply(&StateDir::at(directory.path()), &self.node(old), host);
            }
            Ok(())
        })??;
        Ok(Machine { netns, directory })
    }

    fn undisturbed(&self) -> lvs_core::Result<Undisturbed> {
        let (new, machine) = (self.node(&self.new), self.machine()?);
        let state = StateDir::at(machine.directory.path());
        machine.netns.run(|host| {
            let began = Instant::now();
            apply(&state, &new, host);
            let time = began.elapsed();
            let applied = observe(&new, host);
            remove(&state, &new, host);
            let removed = observe(&new, host);
            Undisturbed {
                applied,
                removed,
                time,
            }
        })
    }

    /// Applies again after the accident.
    fn recovers(
        &self,
        machine: &Machine,
        wanted: &Undisturbed,
        when: &str,
    ) -> lvs_core::Result<()> {
        let new = self.node(&self.new);
        let state = StateDir::at(machine.directory.path());
        let when = format!("{}, killed {when}", self.name);
        machine.netns.run(|host| {
            apply(&state, &new, host);
            assert_eq!(observe(&new, host), wanted.applied, "{when}");
            assert!(
                state.plan(&new, host, OPTIONS).unwrap().is_empty(),
                "{when}"
            );
            remove(&state, &new, host);
            assert_eq!(observe(&new, host), wanted.removed, "{when}, and removed");
        })
    }
}

const OPTIONS: PlanOptions = PlanOptions { take_over: false };

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn apply(state: &StateDir, node: &DesiredState, host: &mut Host) {
    let mut session = state.lock("apply").unwrap();
    session.apply(node, host, OPTIONS, &mut |_| ()).unwrap();
}

fn remove(state: &StateDir, node: &DesiredState, host: &mut Host) {
    let mut session = state.lock("remove").unwrap();
    session.remove(node, host, &mut |_| ()).unwrap();
}

fn observe(node: &DesiredState, host: &mut Host) -> Observed {
    Observed::read(host, &ReadScope::of(node)).unwrap()
}

/// The part of the child, if this process is one: applies in the namespace that is its standard
/// input, and stops before a phase until it is killed.
pub(crate) fn child() -> Option<ExitCode> {
    let task = env::var(JOB).ok()?;
    let [place, stop, directory] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let job = jobs().swap_remove(place.parse().unwrap());
    let (node, state) = (job.node(&job.new), StateDir::at(directory));
    let stop = stop.parse().unwrap();
    let netns = Netns::open("/proc/self/fd/0").unwrap();
    netns
        .run(|host| apply_until(&state, &node, stop, host))
        .unwrap();
    Some(ExitCode::SUCCESS)
}

fn apply_until(state: &StateDir, node: &DesiredState, stop: usize, host: &mut Host) {
    let mut phases = 0;
    say("ready");
    let mut session = state.lock("apply").unwrap();
    let mut count = |event: ApplyEvent<'_>| {
        if matches!(event, ApplyEvent::Phase(_) | ApplyEvent::Verified) {
            if phases == stop {
                say("stopped");
                loop {
                    thread::park();
                }
            }
            phases += 1;
        }
    };
    session.apply(node, host, OPTIONS, &mut count).unwrap();
}

fn say(word: &str) {
    println!("{word}");
    io::stdout().flush().unwrap();
}

/// This very executable once more, in another network namespace.
fn start(machine: &Machine, place: usize, stop: usize) -> Child {
    let namespace = machine.netns.as_fd().try_clone_to_owned().unwrap();
    let directory = machine.directory.path().display();
    Command::new(env::current_exe().unwrap())
        .env(JOB, format!("{place} {stop} {directory}"))
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
        let wanted = job.undisturbed()?;
        let mut phases = 0;
        loop {
            let machine = job.machine()?;
            let mut child = start(&machine, place, phases);
            let stopped = hears(&mut BufReader::new(child.stdout.take().unwrap()), "stopped");
            child.kill().unwrap();
            child.wait().unwrap();
            job.recovers(&machine, &wanted, &format!("before phase {phases}"))?;
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
        let (job, wanted) = (&all[place], &results[place]);
        let machine = job.machine()?;
        let mut child = start(&machine, place, NEVER);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert!(hears(&mut output, "ready"));
        thread::sleep(wanted.time.mul_f64(random.below(1000) as f64 / 1000.0));
        child.kill().unwrap();
        interrupted += usize::from(!child.wait().unwrap().success());
        job.recovers(&machine, wanted, &format!("in round {round}"))?;
    }
    assert!(
        interrupted > INSTANTS / 2,
        "only {interrupted} were killed in time"
    );
    Ok(())
}
