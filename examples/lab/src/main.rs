//! Runs any cluster file: `cargo run -p lvs-lab -- FILE [--requests N] [--clients N] [-- COMMAND …]`.

mod options;

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{self, ExitCode};

use lvs_core::Cluster;
use lvs_core::cluster::Document;
use lvs_core::ipvs::ServiceId;
use lvs_lab::{Error, Lab, Result, run_command};

use options::{Options, USAGE};

/// The exit status of a wrong command line.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let options = Options::parse(env::args_os().skip(1));
    // Process 1 of a guest has the kernel's arguments at first.
    if let Err(problem) = &options
        && process::id() != 1
    {
        eprintln!("lvs-lab: {problem}\n{USAGE}");
        return ExitCode::from(EX_USAGE);
    }
    lvs_lab::example(move || match options {
        Ok(options) => run(&options),
        Err(problem) => Err(Error::Failed(problem)),
    })
}

fn run(options: &Options) -> Result<()> {
    let cluster = read(&options.file)?;
    let lab = Lab::new(&cluster, options.clients)?;
    for plan in lab.apply()? {
        println!("{plan}");
    }
    lab.load_rules()?;
    lab.wait_for_servers()?;
    for service in cluster.services() {
        ask(&lab, &service.service.id, options.requests)?;
    }
    for director in cluster.directors() {
        println!("{}", lab.table(&director.name)?);
    }
    command(&lab, &cluster, options)
}

fn read(file: &Path) -> Result<Cluster> {
    let name = file.display();
    let mut text = String::new();
    // One byte more than allowed is enough for a refusal.
    let limit = Document::MAX_LENGTH as u64 + 1;
    File::open(file)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| Error::Failed(format!("{name}: {error}")))?;
    Cluster::from_toml(&text).map_err(|mistakes| {
        let mistakes = mistakes.iter().map(|mistake| match mistake.position() {
            Some(position) => format!("{name}:{position}: {mistake}"),
            None => format!("{name}: {mistake}"),
        });
        Error::Failed(mistakes.collect::<Vec<_>>().join("\n"))
    })
}

/// Prints the server of each request, and how often each server answered.
fn ask(lab: &Lab, service: &ServiceId, requests: usize) -> Result<()> {
    let answers = lab.ask(service, requests)?;
    println!("{service}\n{answers}");
    for (name, count) in answers.shares() {
        println!("{name} answered {count} of {requests}");
    }
    println!();
    Ok(())
}

fn command(lab: &Lab, cluster: &Cluster, options: &Options) -> Result<()> {
    let Some((program, arguments)) = &options.command else {
        return Ok(());
    };
    let Some(director) = cluster.directors().first() else {
        return Ok(());
    };
    let node = lab.node(director.name.as_str())?;
    let status = run_command(lab.network(), node, program, arguments)?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::Failed(format!("{}: {status}", program.display()))),
    }
}
