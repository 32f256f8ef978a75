//! What probes cost, beside keepalived: `LVS_LAB_TIMEOUT=900 cargo run --release --example health_load`. Arguments are a
//! number of services and seconds between the probes of one: `-- 1000 2`.
//!
//! Builds clusters of more and more services with ten real servers each, tested by TCP: once by `lvsctl run`'s
//! controller on the clients' path, once by Debian's keepalived, which connects to the real IP. Of each it prints, over
//! 20 s on the guest's one processor: connections opened a second, the share of those that were due, the share of the
//! processor, memory, and entries in the table of connections. System calls are dear in the guest: compare the two, and
//! not the numbers with those of a machine. What the guest can do at most tell the loops: one thread that probes without
//! a pause, and does nothing else.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::cluster::{Role, StateDir};
use lvs_core::health::{ProbePath, Prober, Target, Timeout};
use lvs_core::run::{CheckedService, Runner};
use lvs_core::{Cluster, Host};
use lvs_lab::{Daemon, Lab};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Says to a child of the guest that it is the controller.
const CONTROLLER: &str = "LVS_HEALTH_LOAD";
const FILE: &str = "/run/load.toml";
const SERVERS: usize = 10;
const INTERVAL: u32 = 2;
const LOOPED: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    match env::var_os(CONTROLLER) {
        Some(_) => match control() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        None => lvs_lab::example(run),
    }
}

fn control() -> Result<()> {
    let cluster = Cluster::from_toml(&fs::read_to_string(FILE)?)?;
    let (runner, _handle) = Runner::new(cluster, "director".parse()?, StateDir::at("/run/load"));
    Ok(runner.run(&mut |_| ())?)
}

fn run() -> Result<()> {
    // The guest's first process is all real servers, which accept each probe that begins at once.
    let raised = Command::new("prlimit")
        .args(["--nofile=65536", "--pid", "1"])
        .status()?;
    if !raised.success() {
        return Err("prlimit: the limit of open files is not raised".into());
    }
    let sizes = match env::args().nth(1) {
        Some(services) => vec![services.parse()?],
        None => vec![10, 100, 1000],
    };
    let interval = env::args()
        .nth(2)
        .map_or(Ok(INTERVAL), |text| text.parse())?;
    println!("| services | by | probes/s | of those due | processor | memory | connections |");
    println!("|---|---|---|---|---|---|---|");
    for services in sizes {
        let text = file(services, interval);
        fs::write(FILE, &text)?;
        let cluster = Cluster::from_toml(&text)?;
        let mut lab = Lab::new(&cluster, 1)?;
        for server in cluster.real_servers() {
            lab.apply_to(server.name.as_str())?;
            accept(&mut lab, server.name.as_str())?;
        }
        let due = (services * SERVERS) as f64 / f64::from(interval);
        println!("| {services} | lvsctl run | {} |", by_run(&lab, due)?);
        let [by_service, straight] = by_loop(&lab, &cluster)?;
        println!("| {services} | loop, clients' path | {by_service:.0} |");
        println!("| {services} | loop, real IP | {straight:.0} |");
        println!(
            "| {services} | keepalived | {} |",
            by_keepalived(&lab, services, interval, due)?
        );
    }
    Ok(())
}

/// Replaces the pages of a real server, each of which has a thread of its own, by one thread that hangs up.
fn accept(lab: &mut Lab, server: &str) -> Result<()> {
    lab.stop_servers(server);
    let listener = lab
        .node(server)?
        .run(|_| TcpListener::bind("0.0.0.0:80"))??;
    thread::spawn(move || listener.incoming().for_each(drop));
    Ok(())
}

fn vip(service: usize) -> String {
    format!("172.16.{}.{}", 4 + service / 250, 1 + service % 250)
}

fn file(services: usize, interval: u32) -> String {
    let mut text = String::from(
        "name = \"load\"\nforwarding = \"dr\"\ndefaults = { interface = \"eth0\", gateway = \"192.168.1.254\" }\n\
         [director]\ngateway = \"192.168.1.254\"\naddresses = [\n  \
         { interface = \"eth0\", address = \"192.168.1.11/24\" },\n",
    );
    for service in 0..services {
        let _ = writeln!(
            text,
            "  {{ interface = \"eth0\", address = \"{}/32\" }},",
            vip(service)
        );
    }
    let vips: Vec<String> = (0..services)
        .map(|service| format!("\"{}:80\"", vip(service)))
        .collect();
    let _ = write!(
        text,
        "]\n[[services]]\naddresses = [{}]\nscheduler = \"rr\"\ncheck = {{ type = \"tcp\", interval = \"{interval}s\" }}\n",
        vips.join(", ")
    );
    for server in 0..SERVERS {
        let _ = write!(
            text,
            "[[real-servers]]\nname = \"server{server}\"\naddress = \"192.168.1.{}/24\"\n",
            20 + server
        );
    }
    text
}

fn by_run(lab: &Lab, due: f64) -> Result<String> {
    let mut command = Command::new(env::current_exe()?);
    command.env(CONTROLLER, "1");
    let mut child: Child = lab.node("director")?.run(move |_| command.spawn())??;
    let seen = watch(lab, due, &[child.id()]);
    child.kill()?;
    child.wait()?;
    seen
}

/// Returns how many probes a second one thread makes that does nothing else: on the clients' path, and straight.
fn by_loop(lab: &Lab, cluster: &Cluster) -> Result<[f64; 2]> {
    let targets: Vec<Target> = CheckedService::of(cluster, "director", Role::Active)
        .into_iter()
        .flat_map(|service| service.destinations)
        .flat_map(|destination| destination.targets)
        .map(|checked| checked.target)
        .collect();
    let straight = targets.iter().cloned().map(|target| Target {
        path: ProbePath::direct((target.subject.destination.address, 80).into()),
        ..target
    });
    let straight: Vec<Target> = straight.collect();
    let measured = |targets: Vec<Target>| -> Result<f64> {
        let probers: Vec<Prober> = targets.into_iter().map(Prober::new).collect();
        let made = lab.node("director")?.run(move |_| {
            let began = Instant::now();
            probers
                .iter()
                .cycle()
                .take_while(|_| began.elapsed() < LOOPED)
                .filter(|prober| prober.run(Timeout::DEFAULT).0.is_ok())
                .count()
        })?;
        Ok(made as f64 / LOOPED.as_secs_f64())
    };
    Ok([measured(targets)?, measured(straight)?])
}

fn by_keepalived(lab: &Lab, services: usize, interval: u32, due: f64) -> Result<String> {
    lab.node("director")?
        .run(|host: &mut Host| host.ipvs()?.flush())??;
    let mut text = String::new();
    for service in 0..services {
        let _ = write!(
            text,
            "virtual_server {} 80 {{\n  delay_loop {interval}\n  lvs_sched rr\n  lvs_method DR\n  protocol TCP\n",
            vip(service)
        );
        for server in 0..SERVERS {
            let _ = write!(
                text,
                "  real_server 192.168.1.{} 80 {{\n    TCP_CHECK {{\n      connect_timeout 1\n    }}\n  }}\n",
                20 + server
            );
        }
        text.push_str("}\n");
    }
    fs::write("/run/keepalived.conf", text)?;
    let options = [
        "--dont-fork",
        "--log-console",
        "--check",
        "--use-file=/run/keepalived.conf",
        "--pid=/run/keepalived.pid",
        "--checkers_pid=/run/keepalived-checkers.pid",
    ];
    let keepalived = Daemon::start(lab.node("director")?, "keepalived", &options)?;
    let pids = named("keepalived")?;
    let seen = watch(lab, due, &pids);
    keepalived.end()?;
    seen
}

/// Waits until everything was tested, and measures.
fn watch(lab: &Lab, due: f64, pids: &[u32]) -> Result<String> {
    let began = Instant::now();
    let first = opened(lab)?;
    while ((opened(lab)? - first) as f64) < 4.0 * due && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(200));
    }
    let (before, ticks, began) = (opened(lab)?, ticks(pids), Instant::now());
    thread::sleep(WATCHED);
    let seconds = began.elapsed().as_secs_f64();
    let rate = (opened(lab)? - before) as f64 / seconds;
    let used = (self::ticks(pids) - ticks) as f64 / 100.0 / seconds;
    let connections = lab
        .node("director")?
        .run(|host: &mut Host| host.proc().connections())??;
    Ok(format!(
        "{rate:.0} | {:.0} % | {:.0} % | {} MB | {}",
        100.0 * rate / due,
        100.0 * used,
        memory(pids) / 1024,
        connections.len()
    ))
}

/// Returns how many TCP connections the director has opened.
fn opened(lab: &Lab) -> Result<u64> {
    let text = lab
        .node("director")?
        .run(|_| fs::read_to_string("/proc/thread-self/net/snmp"))??;
    let values = text
        .lines()
        .filter(|line| line.starts_with("Tcp:"))
        .nth(1)
        .ok_or("no TCP")?;
    let opened = values
        .split_ascii_whitespace()
        .nth(5)
        .ok_or("no ActiveOpens")?;
    Ok(opened.parse()?)
}

/// Returns the processor time of processes in hundredths of a second.
fn ticks(pids: &[u32]) -> u64 {
    let of = |pid: &u32| -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    };
    pids.iter().filter_map(of).sum()
}

/// Returns the resident memory of processes in kilobytes.
fn memory(pids: &[u32]) -> u64 {
    let of = |pid: &u32| -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    pids.iter().filter_map(of).sum()
}

/// Returns the processes of a program.
fn named(program: &str) -> Result<Vec<u32>> {
    // The daemon has just started, and forks its checker.
    thread::sleep(Duration::from_secs(2));
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.trim() == program {
            pids.push(pid);
        }
    }
    Ok(pids)
}
