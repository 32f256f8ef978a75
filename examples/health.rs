//! What breaks on real servers, and what clients see of it: `cargo run --example health`.
//!
//! Builds the nodes of `dr.toml` with a check of a page each half second, keeps the director by a controller as
//! `lvsctl run` does, and breaks one real server after another: its virtual IP is gone, its program is dead,
//! its cable is out, and then both programs are dead. It prints how long clients failed and what `lvsctl
//! status` shows, and succeeds if each fault but the last ended for clients within 6 s.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::cluster::StateDir;
use lvs_core::ipvs::ServiceId;
use lvs_core::net::Address;
use lvs_core::run::{RunEvent, Runner};
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::Lab;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STATE: &str = "/run/health";
/// interval × fall + timeout + 1 s is 3.5 s; the rest is for a slow machine.
const LONGEST: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    let check = "[[services]]\ncheck = { type = \"http\", interval = \"500ms\", timeout = \"1s\" }";
    let text = include_str!("dr.toml").replace("[[services]]", check);
    let cluster = Cluster::from_toml(&text)?;
    let mut lab = Lab::new(&cluster, 1)?;
    for server in cluster.real_servers() {
        lab.apply_to(server.name.as_str())?;
    }
    let (runner, handle) = Runner::new(cluster, "director".parse()?, StateDir::at(STATE));
    let director = lab.node("director")?.run(|_| Netns::current())??;
    let controller = thread::spawn(move || {
        director.run(|_| {
            let ended = runner.run(&mut |event| tell(&event));
            ended.map_err(|error| error.to_string())
        })
    });
    wait(&lab, "up", 2)?;

    let lo = Address::new(IfName::LO, "172.16.5.11/32".parse()?);
    watch(
        "the virtual IP is deleted from lo of realserver2",
        &lab,
        |lab| on(lab, "realserver2", |host| host.net().delete_address(&lo.id)),
    )?;
    on(&lab, "realserver2", |host| host.net().add_address(&lo))?;
    wait(&lab, "up", 2)?;

    let eth0: IfName = "eth0".parse()?;
    watch("the cable of realserver2 is out", &lab, |lab| {
        on(lab, "realserver2", |host| host.net().set_down(&eth0))
    })?;
    on(&lab, "realserver2", |host| host.net().set_up(&eth0))?;
    lab.apply_to("realserver2")?;
    wait(&lab, "up", 2)?;

    println!("\n== the program of realserver1 is dead");
    lab.stop_servers("realserver1");
    answered(&lab)?;
    wait(&lab, "down", 1)?;
    println!("\n== and that of realserver2: below the minimum every server keeps its weight");
    lab.stop_servers("realserver2");
    wait(&lab, "down", 2)?;

    handle.stop();
    controller
        .join()
        .map_err(|_| "the controller has panicked")???;
    Ok(())
}

fn tell(event: &RunEvent<'_>) {
    match event {
        RunEvent::Notice(notice) if notice.is_news() => println!("run: {notice}"),
        RunEvent::Failed(problem) | RunEvent::Refused(problem) => println!("run: {problem}"),
        _ => {}
    }
}

fn on<T: Send>(
    lab: &Lab,
    node: &str,
    act: impl FnOnce(&mut Host) -> lvs_core::Result<T> + Send,
) -> Result<T> {
    Ok(lab.node(node)?.run(act)??)
}

/// Breaks something, and shows how long clients fail and what the status is then.
fn watch(what: &str, lab: &Lab, act: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    println!("\n== {what}");
    act(lab)?;
    let seconds = answered(lab)?;
    wait(lab, "down", 1)?;
    match seconds <= LONGEST {
        true => Ok(()),
        false => Err("clients failed for too long".into()),
    }
}

/// Asks until eight requests in a row were answered; returns for how long they were not.
fn answered(lab: &Lab) -> Result<Duration> {
    let service: ServiceId = "tcp 172.16.5.11:80".parse()?;
    let began = Instant::now();
    let (mut failed, mut row, mut last) = (0, 0, began);
    while row < 8 && began.elapsed() < PATIENCE {
        let asked = Instant::now();
        match lab.request(&service, 0) {
            Ok(_) => row += 1,
            // The last one that was sent to the dead server. Each leaves an entry for a minute, which a client
            // that has its port again would meet.
            Err(_) => {
                (failed, row, last) = (failed + 1, 0, asked);
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
    let lasted = last.duration_since(began);
    println!(
        "clients: {failed} failed, the last one began {:.1} s after the fault",
        lasted.as_secs_f64()
    );
    Ok(lasted)
}

/// Waits until so many servers have a state, and prints the status.
fn wait(lab: &Lab, word: &str, count: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let text = on(lab, "director", |host| {
            let status = StateDir::at(STATE).status(None, host)?;
            Ok(status.text(80, false))
        });
        let text = text.unwrap_or_default();
        let is_so = |line: &&str| line.split_whitespace().any(|found| found == word);
        if text
            .lines()
            .filter(|line| line.contains(":80 "))
            .filter(is_so)
            .count()
            == count
        {
            println!("\n{text}");
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("not {count} servers are {word}:\n{text}").into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}
