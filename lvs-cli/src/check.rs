//! `lvsctl check`

use std::fs;
use std::path::Path;
use std::time::Duration;

use lvs_core::check::{self, Area, Code, Facts, Finding, Gather, Report, Severity};
use lvs_core::cluster::NodeName;
use lvs_core::{Cluster, Host};
use serde::Serialize;

use crate::arguments::CheckArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::identity::other_node;
use crate::output::{note, print, print_json};

/// The longest facts that are read.
const LONGEST_FACTS: usize = 256 << 20;

/// How long answers by ARP are awaited.
const ARP: Duration = Duration::from_secs(1);

/// The JSON of a check.
#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    findings: &'a [Finding],
    sound: Vec<Area>,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Problem> {
    if let Some(code) = &arguments.explain {
        return explain(code);
    }
    let mut cluster = file::cluster(arguments.file.as_deref().unwrap_or("-"))?;
    if let (Some(node), None) = (&arguments.node, &arguments.facts) {
        cluster = file::on_this_host(cluster, node)?;
    }
    let facts = facts(arguments, &cluster)?;
    if let (Some(path), Some(facts)) = (&arguments.save_facts, &facts) {
        save(path, facts)?;
    }
    let mut report = match &facts {
        Some(facts) => check::on_node(&cluster, facts),
        None => check::on_paper(&cluster),
    };
    if let Some(old) = &arguments.from {
        report = report.with(check::between(&file::cluster(old)?, &cluster));
    }
    show(&report, arguments.json)?;
    let worst = if arguments.deny_warnings {
        Severity::Warning
    } else {
        Severity::Error
    };
    Ok(match report.worst() {
        Some(severity) if severity >= worst => Exit::Failed,
        _ => Exit::Done,
    })
}

fn explain(code: &str) -> Result<Exit, Problem> {
    let code: Code = code
        .parse()
        .map_err(|error| Problem::usage(format!("--explain: {error}")))?;
    print(&format!(
        "{code} {}: {}\n\n{}\n",
        code.severity(),
        code.title(),
        code.explanation()
    ))?;
    Ok(Exit::Done)
}

/// Returns the facts to check besides the file.
fn facts(arguments: &CheckArguments, cluster: &Cluster) -> Result<Option<Facts>, Problem> {
    let arp = arguments.arp.then_some(ARP);
    match (&arguments.facts, &arguments.node, arp) {
        (Some(path), ..) => load(path).map(Some),
        (None, Some(name), arp) => {
            let node = file::named(cluster, name)?;
            let node = file::in_role(cluster, node, &arguments.state, arguments.role.role)?;
            let gather = Gather {
                arp,
                ..Gather::default()
            };
            let mut host = Host::open()?;
            if let Ok(Some(other)) = other_node(cluster, &node, &arguments.state, &mut host) {
                note(&format!("--node {name}: {other}"));
            }
            Ok(Some(Facts::gather(&mut host, cluster, &node, &gather)?))
        }
        (None, None, Some(wait)) => {
            let mut facts = Facts::unknown(here()?);
            facts.gather_arp(&mut Host::open()?, cluster, wait)?;
            Ok(Some(facts))
        }
        (None, None, None) => Ok(None),
    }
}

/// Returns this host's own name, for a host that is no node of the cluster.
fn here() -> Result<NodeName, Problem> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    NodeName::new(name.trim()).map_err(|error| Problem::failed(error.to_string()))
}

fn load(path: &Path) -> Result<Facts, Problem> {
    let failed = |error: &dyn ToString| {
        Problem::failed(format!("{}: {}", path.display(), error.to_string()))
    };
    let text = file::text(&path.to_string_lossy(), "facts", LONGEST_FACTS)?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

fn save(path: &Path, facts: &Facts) -> Result<(), Problem> {
    let failed = |error: &dyn ToString| {
        Problem::failed(format!("{}: {}", path.display(), error.to_string()))
    };
    let text = serde_json::to_string_pretty(facts).map_err(|error| failed(&error))?;
    fs::write(path, text + "\n").map_err(|error| failed(&error))
}

fn show(report: &Report, json: bool) -> Result<(), Problem> {
    if json {
        return print_json(&Json {
            schema: "lvsctl.check/1",
            findings: report.findings(),
            sound: report.sound().collect(),
        });
    }
    let sound = report
        .sound()
        .map(|area| format!("ok {area}: {}\n", area.reassurance()));
    let found = report
        .findings()
        .iter()
        .map(|finding| format!("{finding}\n"));
    print(&sound.chain(found).collect::<String>())
}
