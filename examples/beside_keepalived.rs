//! keepalived beside `lvsctl run`, on a real kernel, in about four minutes:
//! `LVS_LAB_TIMEOUT=400 cargo run --example beside_keepalived`.
//!
//! For each fault two clusters of the same file are built, one after the other: in one Debian's keepalived
//! checks the real servers and sets the table, in the other the controller of `lvsctl run`. Both connect
//! each half second and take a server out after three failures. Then one real server is broken, and a client
//! starts a request each tenth of a second, for 15 s. It prints when the last one began that failed.

use std::error::Error;
use std::fs;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::cluster::StateDir;
use lvs_core::ipvs::{Forwarding, ServiceId};
use lvs_core::net::{Address, Route};
use lvs_core::run::Runner;
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::{Daemon, Lab};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DR: &str = include_str!("dr.toml");
const NAT: &str = include_str!("nat.toml");
const TUNNEL: &str = include_str!("tunnel.toml");

/// What is longer is for ever.
const WATCHED: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    println!("| broken on one of two real servers | keepalived | lvsctl run |\n|---|---|---|");
    for fault in Fault::ALL {
        let (theirs, ours) = (
            beside(fault, Checker::Keepalived)?,
            beside(fault, Checker::Run)?,
        );
        println!("| {} | {} | {} |", fault.words(), told(theirs), told(ours));
        if ours.is_none() {
            return Err("clients of lvsctl run failed for ever".into());
        }
    }
    Ok(())
}

fn told(failed: Option<Duration>) -> String {
    match failed {
        Some(time) => format!("{:.1} s", time.as_secs_f64()),
        None => "for ever".to_owned(),
    }
}

/// What is broken.
#[derive(Clone, Copy)]
enum Fault {
    Address,
    Device,
    Gateway,
    Program,
    Cable,
}

impl Fault {
    const ALL: [Self; 5] = [
        Self::Address,
        Self::Device,
        Self::Gateway,
        Self::Program,
        Self::Cable,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Address => "the virtual IP is gone from `lo` (dr)",
            Self::Device => "the decapsulation device is down (tunnel)",
            Self::Gateway => "the gateway is a wrong one (nat)",
            Self::Program => "the program is dead (dr)",
            Self::Cable => "the cable is out (dr)",
        }
    }

    fn file(self) -> String {
        let own = r#"{ interface = "eth0", address = "172.16.5.11/16" },"#;
        let text = match self {
            Self::Address | Self::Program | Self::Cable => DR.to_owned(),
            Self::Device => TUNNEL.to_owned(),
            // With an address of the director's own where clients are.
            Self::Gateway => NAT.replace(own, &format!("{own}\n{}", own.replace(".11/", ".9/"))),
        };
        let check = "check = { type = \"tcp\", interval = \"500ms\", timeout = \"1s\" }";
        text.replace("[[services]]", &format!("[[services]]\n{check}"))
    }

    fn strike(self, lab: &mut Lab) -> Result<()> {
        let server = "realserver2";
        match self {
            Self::Address => on(lab, server, |host| {
                let vip = Address::new(IfName::LO, "172.16.5.11/32".parse()?);
                Ok(host.net().delete_address(&vip.id)?)
            }),
            Self::Device => on(lab, server, |host| {
                Ok(host.net().set_down(&"tunl0".parse()?)?)
            }),
            Self::Cable => on(lab, server, |host| {
                Ok(host.net().set_down(&"eth0".parse()?)?)
            }),
            Self::Gateway => on(lab, server, |host| {
                let elsewhere = IpAddr::from([192, 168, 1, 250]);
                let route = Route::via("0.0.0.0/0".parse()?, elsewhere);
                Ok(host.net().replace_route(&route)?)
            }),
            Self::Program => {
                lab.stop_servers(server);
                Ok(())
            }
        }
    }
}

fn on<T: Send>(
    lab: &Lab,
    node: &str,
    act: impl FnOnce(&mut Host) -> std::result::Result<T, Box<dyn Error + Send + Sync>> + Send,
) -> Result<T> {
    Ok(lab
        .node(node)?
        .run(act)?
        .map_err(|error| error.to_string())?)
}

#[derive(Clone, Copy)]
enum Checker {
    Keepalived,
    Run,
}

/// Returns for how long clients failed; `None` if they did as long as they were watched.
fn beside(fault: Fault, checker: Checker) -> Result<Option<Duration>> {
    let cluster = Cluster::from_toml(&fault.file())?;
    let mut lab = Lab::new(&cluster, 1)?;
    lab.apply()?;
    lab.wait_for_servers()?;
    match checker {
        Checker::Keepalived => {
            on(&lab, "director", |host| Ok(host.ipvs()?.flush()?))?;
            fs::write("/run/keepalived.conf", configuration(&cluster)?)?;
            let options = [
                "--dont-fork",
                "--log-console",
                "--check",
                "--use-file=/run/keepalived.conf",
                "--pid=/run/keepalived.pid",
                "--checkers_pid=/run/keepalived-checkers.pid",
            ];
            let keepalived = Daemon::start(lab.node("director")?, "keepalived", &options)?;
            let seen = watch(fault, &mut lab);
            if seen.is_err() {
                println!(
                    "{}\n{}\n{:?}",
                    keepalived.output(),
                    lab.table(&"director".parse()?)?,
                    lab.request(&"tcp 172.16.5.11:80".parse()?, 0)
                );
            }
            // It must remove the files that say that it runs.
            keepalived.end()?;
            seen
        }
        Checker::Run => {
            let name = "director".parse()?;
            let (runner, handle) = Runner::new(cluster, name, StateDir::at("/run/beside"));
            let director = lab.node("director")?.run(|_| Netns::current())??;
            let controller = thread::spawn(move || {
                director.run(|_| runner.run(&mut |_| ()).map_err(|error| error.to_string()))
            });
            let seen = watch(fault, &mut lab);
            handle.stop();
            controller
                .join()
                .map_err(|_| "the controller has panicked")???;
            seen
        }
    }
}

/// Waits until both servers answer, breaks one, and asks.
fn watch(fault: Fault, lab: &mut Lab) -> Result<Option<Duration>> {
    let service: ServiceId = "tcp 172.16.5.11:80".parse()?;
    let began = Instant::now();
    let mut row = 0;
    // Long enough for a first result of every check.
    while row < 8 || began.elapsed() < Duration::from_secs(4) {
        row = if lab.request(&service, 0).is_ok() {
            row + 1
        } else {
            0
        };
        thread::sleep(Duration::from_millis(50));
        if began.elapsed() > PATIENCE {
            return Err(format!("{}: no answers before it", fault.words()).into());
        }
    }
    fault.strike(lab)?;
    Ok(failing(lab, &service))
}

/// Starts a request each tenth of a second; returns when the last one began that failed, or `None` if they fail
/// as long as they are watched.
fn failing(lab: &Lab, service: &ServiceId) -> Option<Duration> {
    let (began, failed) = (Instant::now(), Mutex::new(Duration::ZERO));
    let last = || *failed.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        while began.elapsed() < WATCHED {
            scope.spawn(|| {
                let asked = began.elapsed();
                if lab.request(service, 0).is_err() {
                    let mut last = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = asked.max(*last);
                }
            });
            thread::sleep(Duration::from_millis(100));
        }
    });
    // The last seconds are the same as those that would follow.
    Some(last()).filter(|last| *last < WATCHED - Duration::from_secs(3))
}

/// The same checks for keepalived.
fn configuration(cluster: &Cluster) -> Result<String> {
    let service = cluster.services().first().ok_or("no service")?;
    let first = service.destinations.first().ok_or("no destination")?;
    let method = match first.forwarding {
        Forwarding::DirectRouting => "DR",
        Forwarding::Tunnel(_) => "TUN",
        _ => "NAT",
    };
    let scheduler = service.service.scheduler.as_str();
    let mut text = format!(
        "virtual_server 172.16.5.11 80 {{\n  delay_loop 0.5\n  lvs_sched {scheduler}\n  \
         lvs_method {method}\n  protocol TCP\n  inhibit_on_failure\n"
    );
    for server in cluster.real_servers() {
        let address = server.addresses.first().ok_or("no address")?;
        text += &format!(
            "  real_server {} 80 {{\n    weight {}\n    TCP_CHECK {{\n      connect_timeout 1\n      retry 2\n      \
             delay_before_retry 0.5\n    }}\n  }}\n",
            address.id.network.addr(),
            server.weight.get()
        );
    }
    Ok(text + "}\n")
}
