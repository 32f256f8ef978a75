//! `lvsctl import`

use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use clap::{Args, ValueEnum};
use lvs_core::cluster::{ClusterName, NodeName};
use lvs_core::import::{self, Counts, Directive, Fate, Import, ImportError, Options};
use lvs_core::{Host, IfName};
use serde::Serialize;

use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{note, print, print_json};
use crate::report_kind::ReportKind;

/// A configuration is read up to here; those of a hundred thousand lines are shorter.
const LONGEST: usize = 16 << 20;

const IMPORTED: &str = "\
The cluster file goes to standard output. Standard error gets every directive that
was not carried over as it is, with its line and the reason:
  assumed  the source does not give the value, or says it otherwise; check it in the file
  left     not imported
Of a source that makes no cluster file each mistake is told once; --report has all.
After `lvsctl import kernel > web.toml`, `lvsctl plan web.toml` plans nothing.

JSON: one object. Within /1 fields are only ever added.
  {schema: \"lvsctl.import/1\", source, file, notes, directives, carried, assumed, left, report}
  report  [{file, line, directive, fate: \"carried\" | \"assumed\" | \"left\", to, reason}]
  notes   [TEXT]: what an operator has to know or to add, as the head of the file says it
  file is null where the source makes no cluster file: the report tells why";

#[derive(Debug, Args)]
#[command(after_long_help = IMPORTED)]
pub(crate) struct ImportArguments {
    /// keepalived.conf, ldirectord.cf, rules of ipvsadm (- is standard input), or kernel
    source: String,
    /// The kind of the source [default: recognised by its contents]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The name of the cluster
    #[arg(long, value_name = "NAME", default_value = "web")]
    name: ClusterName,
    /// The name of the director [default: director; for kernel, the name of this host]
    #[arg(long, value_name = "NAME")]
    node: Option<NodeName>,
    /// The interface to assume where the source does not name one
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    interface: IfName,
    /// The configuration id of keepalived (its -i), for lines with @ [default: the host name's first
    /// part]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Instead of the cluster file, print a keepalived.conf that is reduced to VRRP and calls lvsctl; the
    /// source needs no services for that
    #[arg(long, conflicts_with_all = ["report", "json"])]
    keepalived: bool,
    /// Instead of the cluster file, print for every directive whether it was carried, assumed or left
    #[arg(long, conflicts_with = "json")]
    report: bool,
    /// Print JSON: the report and the cluster file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Keepalived,
    Ldirectord,
    Rules,
    Kernel,
}

/// Is the JSON of an import.
#[derive(Serialize)]
struct Imported<'a> {
    schema: ReportKind,
    source: &'a str,
    file: Option<&'a str>,
    notes: &'a [String],
    #[serde(flatten)]
    counts: Counts,
    report: &'a [Directive],
}

pub(crate) fn run(arguments: &ImportArguments) -> Result<Exit, Problem> {
    let import = match imported(arguments)? {
        Ok(import) => import,
        Err(error) => {
            return match error.keepalived().filter(|_| arguments.keepalived) {
                Some(vrrp) => {
                    print(&vrrp.text)?;
                    vrrp.dropped.iter().for_each(|dropped| note(dropped));
                    Ok(Exit::Done)
                }
                None => refused(arguments, &error),
            };
        }
    };
    if arguments.json || arguments.report {
        report(arguments, &import.report, Some(&import))?;
    } else if arguments.keepalived {
        let reduced = import.keepalived.as_deref();
        let missing =
            || Problem::usage("--keepalived: the source has no vrrp_instance of keepalived");
        print(reduced.ok_or_else(missing)?)?;
        import.dropped.iter().for_each(|dropped| note(dropped));
    } else {
        print(&import.file)?;
        import.notes.iter().for_each(|told| note(told));
        note_unsure(&import.report);
    }
    Ok(Exit::Done)
}

fn report(
    arguments: &ImportArguments,
    report: &import::ImportReport,
    import: Option<&Import>,
) -> Result<(), Problem> {
    if !arguments.json {
        return print(&report.to_string());
    }
    print_json(&Imported {
        schema: ReportKind::Import,
        source: &arguments.source,
        file: import.map(|import| import.file.as_str()),
        notes: import.map_or(&[], |import| &import.notes),
        counts: report.counts(),
        report: report.directives(),
    })
}

/// Prints to standard error what the user should check.
fn note_unsure(report: &import::ImportReport) {
    note_where(report, |directive| {
        !matches!(directive.fate, Fate::Carried { .. })
    });
}

fn note_where(report: &import::ImportReport, is_told: impl Fn(&Directive) -> bool) {
    report
        .directives()
        .iter()
        .filter(|directive| is_told(directive))
        .for_each(|directive| note(&directive.to_string()));
    note(&report.counts().to_string());
}

/// Prints each mistake once, without the lines that are left with it and what the error itself says.
fn note_mistakes(report: &import::ImportReport, error: &ImportError) {
    let is_error = |directive: &Directive| {
        directive.place == *error.place()
            && matches!(&directive.fate, Fate::Left { reason } if reason.starts_with(error.problem()))
    };
    let is_told = |directive: &Directive| {
        matches!(directive.fate, Fate::Left { .. }) && !directive.follows && !is_error(directive)
    };
    if report.directives().iter().any(is_told) {
        note_where(report, is_told);
    }
}

/// Fails; what became of the directives tells why.
fn refused(arguments: &ImportArguments, error: &ImportError) -> Result<Exit, Problem> {
    match error.report() {
        Some(report) if arguments.json || arguments.report => {
            self::report(arguments, report, None)?;
        }
        Some(report) => note_mistakes(report, error),
        None => {}
    }
    let problem = Problem::failed(format!("{}: {}", error.place(), error.problem())).reported();
    Err(match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    })
}

fn imported(arguments: &ImportArguments) -> Result<Result<Import, ImportError>, Problem> {
    let source = arguments.source.as_str();
    let is_kernel = arguments.format.is_none() && source == "kernel" && !Path::new(source).exists();
    if is_kernel || arguments.format == Some(Format::Kernel) {
        let observed = import::read_kernel(&mut Host::open()?)?;
        return Ok(import::kernel(&observed, &options(arguments, true)?));
    }
    let text = file::text(source, "a configuration", LONGEST)?;
    let format = match (arguments.format, import::Format::of(&text)) {
        (Some(format), _) => format,
        (None, Some(import::Format::Ldirectord)) => Format::Ldirectord,
        (None, Some(import::Format::Rules)) => Format::Rules,
        (None, Some(_)) => Format::Keepalived,
        (None, None) => return Err(unknown(source, &text)),
    };
    let (name, options) = (file::name(source), options(arguments, false)?);
    Ok(match format {
        Format::Ldirectord => import::ldirectord(name, &text, &options, &mut resolve),
        Format::Rules => import::rules(name, &text, &options, &mut resolve),
        _ => import::keepalived(name, &text, &options, &mut read),
    })
}

/// Refuses what is of no kind that can be imported.
fn unknown(source: &str, text: &str) -> Problem {
    let is_cluster = text
        .lines()
        .any(|line| line.trim_start().starts_with("[[") || line.trim() == "[director]");
    match is_cluster {
        true => Problem::failed(format!(
            "{source}: this is a cluster file, or a part of one: there is nothing to import"
        ))
        .with_hint("lvsctl plan reads it"),
        false => Problem::failed(format!(
            "{source}: not recognised: it has no line of keepalived, ldirectord or ipvsadm"
        ))
        .with_hint("name its kind, as in --format rules"),
    }
}

fn options(arguments: &ImportArguments, is_here: bool) -> Result<Options, Problem> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let node = match &arguments.node {
        Some(node) => node.clone(),
        None if is_here => host.parse().map_err(|_| {
            Problem::usage(format!(
                "this host's name, {host:?}, is not a valid node name: add --node"
            ))
        })?,
        None => NodeName::new("director").map_err(|error| Problem::usage(error.to_string()))?,
    };
    let first = host.split('.').next().unwrap_or(host);
    Ok(Options {
        interface: arguments.interface.clone(),
        id: arguments.id.clone().or_else(|| Some(first.to_owned())),
        ..Options::new(arguments.name.clone(), node)
    })
}

/// Returns the first address that this host's resolver has for a name.
fn resolve(host: &str) -> Option<IpAddr> {
    let mut addresses = (host, 0).to_socket_addrs().ok()?;
    addresses.next().map(|address| address.ip())
}

/// Returns the files of a pattern in the order of their names, as `include` takes them.
fn read(pattern: &str) -> io::Result<Vec<(String, String)>> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/') {
        paths = match part.contains(['*', '?', '[']) {
            true => paths.iter().flat_map(|path| matches(path, part)).collect(),
            false => paths.iter().map(|path| format!("{path}{part}/")).collect(),
        };
    }
    let mut files = Vec::new();
    for path in paths {
        let path = path.trim_end_matches('/');
        if Path::new(path).is_file() {
            let text = file::text(path, "a configuration", LONGEST);
            let text = text.map_err(|problem| io::Error::other(problem.message))?;
            files.push((path.to_owned(), text));
        }
    }
    Ok(files)
}

/// Returns the entries of a directory whose names match, each with a slash behind it.
fn matches(directory: &str, pattern: &str) -> Vec<String> {
    let place = if directory.is_empty() { "." } else { directory };
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_hidden = |name: &String| name.starts_with('.') && !pattern.starts_with('.');
    let mut names: Vec<_> = names
        .filter(|name| !is_hidden(name) && import::is_match(pattern, name))
        .map(|name| format!("{directory}{name}/"))
        .collect();
    names.sort();
    names
}
