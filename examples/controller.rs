//! A service discovery in miniature, on a real kernel: `cargo run --example controller`.
//!
//! Embeds lvs-core: another source than a file says which real servers exist, and the program learns their health.
//! Here the source is a list of names that changes while clients send requests: a server comes, one dies, one leaves.
//! It succeeds if every answer comes from a server of the list.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use lvs_core::cluster::StateDir;
use lvs_core::health::Health;
use lvs_core::ipvs::{DestinationId, Weight};
use lvs_core::run::{Notice, RunEvent, Runner, WeightVerb};
use lvs_core::{Cluster, Netns};
use lvs_lab::Lab;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    let all = ["web1", "web2", "web3"];
    let mut lab = Lab::new(&desired(&all)?, 1)?;
    for server in all {
        lab.apply_to(server)?;
    }
    let (runner, handle) = Runner::new(
        desired(&["web1", "web2"])?,
        "director".parse()?,
        StateDir::at("/run/controller"),
    );
    let (events, news) = channel();
    let director = lab.node("director")?.run(|_| Netns::current())??;
    // A program inherits the namespace of the thread that starts it, and so does the runner.
    let controller = thread::spawn(move || {
        director.run(|_| {
            let ended = runner.run(&mut |event| tell(&event, &events));
            ended.map_err(|error| error.to_string())
        })
    });

    wait(&news, &["web1 up", "web2 up"])?;
    ask(&lab, &["web1", "web2"])?;

    println!("discovery: web3 comes");
    handle.load(desired(&all)?);
    wait(&news, &["web3 up"])?;
    ask(&lab, &all)?;

    println!("web2 dies");
    lab.stop_servers("web2");
    wait(&news, &["web2 down"])?;
    ask(&lab, &["web1", "web3"])?;

    println!("discovery: web1 leaves");
    handle.load(desired(&["web2", "web3"])?);
    wait(&news, &["loaded"])?;
    ask(&lab, &["web3"])?;

    handle.stop();
    controller
        .join()
        .map_err(|_| "the controller has panicked")???;
    Ok(())
}

/// Returns the cluster of these real servers.
fn desired(servers: &[&str]) -> Result<Cluster> {
    let mut text = HEAD.to_owned();
    for server in servers {
        let last = server.trim_start_matches("web");
        text += &format!(
            "[[real-servers]]\nname = \"{server}\"\ngateway = \"192.168.1.254\"\n\
             addresses = [{{ interface = \"eth0\", address = \"192.168.1.2{last}/24\" }}]\n"
        );
    }
    Ok(Cluster::from_toml(&text)?)
}

const HEAD: &str = r#"
name = "discovered"
forwarding = "dr"
[director]
gateway = "192.168.1.254"
addresses = [{ interface = "eth0", address = "172.16.5.11/32" }, { interface = "eth0", address = "192.168.1.11/24" }]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
check = { type = "http", interval = "500ms", timeout = "1s" }
"#;

/// Passes on what the controller does: a snapshot first, then every change, in order.
fn tell(event: &RunEvent<'_>, events: &Sender<String>) {
    let name = |id: &DestinationId| id.address.to_string().replace("192.168.1.2", "web");
    let news = match event {
        RunEvent::Notice(notice) => {
            println!("  {notice}");
            match notice {
                Notice::Health {
                    destination,
                    transition,
                    ..
                } if transition.to == Health::Up => format!("{} up", name(destination)),
                _ => return,
            }
        }
        // The kernel has the weight now, and sends no client there any more.
        RunEvent::Weight(change) if change.verb == WeightVerb::Edit(Weight::DRAIN) => {
            format!("{} down", name(&change.destination))
        }
        RunEvent::Ready => "loaded".to_owned(),
        RunEvent::Refused(problem) | RunEvent::Failed(problem) => format!("failed: {problem}"),
        _ => return,
    };
    let _ = events.send(news);
}

fn wait(news: &Receiver<String>, expected: &[&str]) -> Result<()> {
    let mut missing: BTreeSet<&str> = expected.iter().copied().collect();
    while !missing.is_empty() {
        let event = news
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("no {missing:?}"))?;
        if event.starts_with("failed") {
            return Err(event.into());
        }
        missing.remove(event.as_str());
    }
    Ok(())
}

/// Clients are answered by these servers, and by no other.
fn ask(lab: &Lab, servers: &[&str]) -> Result<()> {
    let answers = lab.ask(&"tcp 172.16.5.11:80".parse()?, 12)?;
    println!("{answers}");
    let served: usize = servers.iter().map(|server| answers.of(server)).sum();
    match served {
        12 => Ok(()),
        _ => Err(format!("only {served} of 12 requests went to {servers:?}").into()),
    }
}
