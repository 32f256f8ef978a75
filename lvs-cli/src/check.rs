//! `lvsctl check`

use std::fs;
use std::io;
use std::path::Path;

use lvs_core::Cluster;
use lvs_core::check::{self, Area, AreaReport, Code, Facts, Finding, Report, Severity};
use lvs_core::cluster::NodeName;
use serde::Serialize;

use crate::arguments::CheckArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json, warning};
use crate::report_kind::ReportKind;
use crate::subject::Subject;

/// So many errors of a file are named beside a plan.
const NAMED: usize = 5;

/// Is the JSON of a check.
#[derive(Serialize)]
struct CheckReport<'a> {
    schema: ReportKind,
    examined: &'static str,
    node: Option<&'a NodeName>,
    findings: &'a [Finding],
    areas: &'a [AreaReport],
    sound: Vec<Area>,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Problem> {
    if let Some(code) = &arguments.explain {
        return explain(code);
    }
    let mut cluster = file::cluster(arguments.file.as_deref().unwrap_or("-"))?;
    let subject = Subject::of(arguments, &mut cluster)?;
    if let Some(path) = &arguments.save_facts {
        save(path, subject.facts())?;
    }
    let mut report = match subject.facts() {
        Some(facts) => check::on_node(&cluster, facts),
        None => check::on_paper(&cluster),
    };
    if let Some(old) = &arguments.from {
        report = report.with(check::between(&file::cluster(old)?, &cluster));
    }
    show(&subject, &report, arguments.json)?;
    Ok(exit(&report, arguments.deny_warnings))
}

/// A check that could not read what it was asked for has failed, too: silence must not pass for health.
fn exit(report: &Report, deny_warnings: bool) -> Exit {
    let worst = match deny_warnings {
        true => Severity::Warning,
        false => Severity::Error,
    };
    match report.worst() {
        Some(severity) if severity >= worst => Exit::Failed,
        _ if !report.is_complete() => Exit::Failed,
        _ => Exit::Done,
    }
}

/// Warns of what makes clients fail although the node is as the file says: plan and apply only promise the latter.
pub(crate) fn warn_of_errors(cluster: &Cluster) {
    let report = check::on_paper(cluster);
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    let errors: Vec<_> = report.findings().iter().filter(is_error).collect();
    for error in errors.iter().take(NAMED) {
        let node = error.node.iter().map(|node| format!(" {node}"));
        warning(&format!(
            "{}{} {}: {} ({}; `lvsctl check` shows a fix)",
            error.code,
            node.collect::<String>(),
            error.object,
            error.seen,
            error.impact
        ));
    }
    if errors.len() > NAMED {
        let more = errors.len() - NAMED;
        warning(&format!(
            "`lvsctl check --paper` shows {more} more errors of the file"
        ));
    }
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

fn save(path: &Path, facts: Option<&Facts>) -> Result<(), Problem> {
    let facts = facts.ok_or_else(|| {
        Problem::usage("--save-facts: this host is no node of the file")
            .with_hint("add --node NAME")
    })?;
    serde_json::to_string_pretty(facts)
        .map_err(io::Error::from)
        .and_then(|text| fs::write(path, text + "\n"))
        .map_err(|error| Problem::failed(format!("{}: {error}", path.display())))
}

fn show(subject: &Subject, report: &Report, json: bool) -> Result<(), Problem> {
    if json {
        return print_json(&CheckReport {
            schema: ReportKind::Check,
            examined: subject.word(),
            node: subject.node(),
            findings: report.findings(),
            areas: report.areas(),
            sound: report.sound().collect(),
        });
    }
    let lines: String = report
        .areas()
        .iter()
        .map(AreaReport::to_string)
        .filter(|line| !line.is_empty())
        .chain(report.findings().iter().map(Finding::to_string))
        .map(|line| line + "\n")
        .collect();
    print(&format!("{subject}\n{lines}"))
}
