//! What the kernel did, as lines of `tests/traces`.

use std::env;
use std::fs;

use lvs_core::ipvs::{Destination, Service};
use lvs_core::scheduler::{Flow, Generation};

use crate::scheduler::run::run;
use crate::scheduler::script::{Script, Step};

/// How many steps make a trace.
const STEPS: usize = 160;

/// Prints the trace, each line marked to distinguish it from other output.
pub(crate) fn print(script: &Script, generation: Generation) {
    let mut script = script.clone();
    script.steps.truncate(STEPS);
    let seen = run(&script, generation).unwrap();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let generation = match generation {
        Generation::Old => "old",
        Generation::New => "new",
    };
    let command: Vec<_> = env::args().skip(1).collect();
    println!("TRACE kernel,{},{generation}", kernel.trim_end());
    println!(
        "TRACE command,LVS_SCHEDULER_TRACE={} cargo test -p lvs-core --all-features --test kernel -- {}",
        script.seed,
        command.join(" ")
    );
    println!("TRACE {}", service_line("service", &script.service));
    for (step, picked) in &seen.steps {
        let line = match step {
            Step::Add(destination) => destination_line("add", destination),
            Step::Edit(destination) => destination_line("edit", destination),
            Step::Remove(id) => format!("remove,{id}"),
            Step::Service(service) => service_line("edit-service", service),
            Step::Connect(Flow {
                protocol,
                client,
                target,
            }) => {
                let picked = picked.map_or_else(|| "-".to_owned(), |id| id.to_string());
                format!("connect,{protocol},{client},{target},{picked}")
            }
            Step::End(flows) => {
                let clients: Vec<_> = flows.iter().map(|flow| flow.client.to_string()).collect();
                format!("end,{}", clients.join(" "))
            }
        };
        println!("TRACE {line}");
    }
}

/// Returns the line of a service; without persistence its last two fields are empty.
fn service_line(verb: &str, service: &Service) -> String {
    let (timeout, prefix) = match service.persistence {
        Some(persistence) => (
            persistence.timeout.0.to_string(),
            persistence.netmask.prefix().unwrap().to_string(),
        ),
        None => Default::default(),
    };
    format!(
        "{verb},{},{},{},{timeout},{prefix}",
        service.id,
        service.scheduler,
        service.flags.bits()
    )
}

fn destination_line(verb: &str, destination: &Destination) -> String {
    format!(
        "{verb},{},{},{},{}",
        destination.id,
        destination.weight,
        destination.thresholds.upper(),
        destination.thresholds.lower()
    )
}
