//! From what a director runs today to a cluster file: keepalived.conf, ldirectord.cf, rules of ipvsadm,
//! and the kernel itself.
//!
//! ```text
//! keepalived.conf ─▶ lines ─▶ tree ─┐
//! ldirectord.cf ──▶ lines ──────────┤
//! ipvsadm rules ──▶ Rules ──────────┼─▶ Draft ─▶ Fitted ─▶ cluster file
//! kernel ─────────▶ Observed ───────┘       └──────────▶ ImportReport
//! ```
//!
//! Every directive of the source is *carried* (the file says the same), *assumed* (the file needs a value
//! that the source does not give) or *left*, with its line and the reason: the three [`Counts`] add up to
//! all of them. The result is a file that [`Cluster::from_toml`](crate::Cluster::from_toml) accepts, or the
//! source is refused at a line.
//!
//! The parsers open no file: keepalived's `include` and names of hosts are for the caller to read.
//!
//! ```
//! use lvs_core::import::{self, Options};
//! let source = "\
//! virtual_server 172.16.5.11 80 {
//!     lb_algo rr
//!     lb_kind DR
//!     protocol TCP
//!     real_server 192.168.1.12 80 {
//!         weight 2
//!     }
//! }
//! ";
//! let options = Options::new("web".parse()?, "director".parse()?);
//! let import = import::keepalived("keepalived.conf", source, &options, &mut |_| Ok(Vec::new()))?;
//! assert_eq!(import.report.counts().to_string(), "6 directives: 4 carried, 2 assumed, 0 left");
//! let cluster = lvs_core::Cluster::from_toml(&import.file).unwrap();
//! assert_eq!(cluster.services()[0].service.scheduler.as_str(), "rr");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod draft;
mod error;
mod fit;
mod hashing;
mod health;
mod keepalived;
mod kernel;
mod ldirectord;
mod limits;
mod names;
mod pattern;
mod report;
mod rules;
mod shell;
mod shorten;
mod tally;
mod write;

use std::io;
use std::net::IpAddr;

pub use error::{ImportError, Vrrp};
pub use kernel::read as read_kernel;
pub use pattern::is_match;
pub use report::{Counts, Directive, Fate, ImportReport, Place};

use crate::cluster::{Cluster, ClusterName, Document, NodeName, Observed};
use crate::name::IfName;
use draft::Draft;
use shorten::Shortening;
use tally::Tally;

/// Reads the files that an `include` names: a path, perhaps with `*`, `?` and `[…]`, relative to where the
/// first file was found. Returns their names and texts, in order.
pub type Reader<'a> = dyn FnMut(&str) -> io::Result<Vec<(String, String)>> + 'a;

/// Looks up the address of a host.
pub type Resolver<'a> = dyn FnMut(&str) -> Option<IpAddr> + 'a;

/// What the source does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The name of the cluster.
    pub name: ClusterName,
    /// The name of the director.
    pub node: NodeName,
    /// The interface of addresses whose interface the source does not give.
    pub interface: IfName,
    /// keepalived's configuration id, for lines that begin with `@`; by default the director's name.
    pub id: Option<String>,
}

impl Options {
    /// The interface that is assumed where the source names none.
    pub const INTERFACE: IfName = IfName::fixed("eth0");

    /// Names the cluster and its director, and assumes `eth0`.
    #[must_use]
    pub const fn new(name: ClusterName, node: NodeName) -> Self {
        Self {
            name,
            node,
            interface: Self::INTERFACE,
            id: None,
        }
    }
}

/// A cluster file made of something else, and the account of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Import {
    /// The cluster file, in TOML.
    pub file: String,
    /// What became of every directive.
    pub report: ImportReport,
    /// keepalived.conf without what the cluster file says now: VRRP alone, which calls lvsctl.
    ///
    /// None for another source, and without a `vrrp_instance`.
    pub keepalived: Option<String>,
    /// What an operator has to know or to add, as the head of the file says it.
    pub notes: Vec<String>,
    /// Directives of VRRP that it lacks, with the reasons: what lvsctl sets itself.
    pub dropped: Vec<String>,
}

/// The kinds of text that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// keepalived.conf
    Keepalived,
    /// ldirectord.cf
    Ldirectord,
    /// What `ipvsadm -S` prints, or a script of such lines.
    Rules,
}

impl Format {
    /// Tells the kind of a text by its words; None where it has none of any kind.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = without_mark(text);
        let lines = || text.lines().map(str::trim_start);
        let is_virtual = |line: &str| {
            let rest = line
                .strip_prefix("virtual6")
                .or_else(|| line.strip_prefix("virtual"));
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let is_rule = |line: &str| line.starts_with('-') || line.contains("ipvsadm");
        let is_script = text.starts_with("#!") || lines().any(is_rule);
        let is_keepalived = |line: &str| {
            let words = ["virtual_server", "vrrp_", "global_defs"];
            words.iter().any(|word| line.starts_with(word))
        };
        // A part of a configuration, or blocks that it has besides.
        let is_block = |line: &str| line.starts_with("include") || line.trim_end().ends_with('{');
        if lines().any(is_virtual) {
            Some(Self::Ldirectord)
        } else if lines().any(is_keepalived) {
            Some(Self::Keepalived)
        } else if is_script {
            Some(Self::Rules)
        } else {
            lines().any(is_block).then_some(Self::Keepalived)
        }
    }
}

/// Imports keepalived.conf; `file` is its name, `read` reads what it includes.
///
/// # Errors
/// Text that is not keepalived's, too much of it, or no virtual server: with the line.
pub fn keepalived(
    file: &str,
    text: &str,
    options: &Options,
    read: &mut Reader<'_>,
) -> Result<Import, ImportError> {
    refuse_cluster_file(file, text)?;
    let mut tally = Tally::default();
    let drafted = keepalived::draft(file, without_mark(text), options, read, &mut tally);
    let (draft, reduced) = match drafted {
        Ok(drafted) => drafted,
        Err(error) => return Err(unread(error, tally)),
    };
    let has_services = !draft.services.is_empty();
    match (finish(draft, tally, file, options), reduced) {
        (Ok(import), Some(reduced)) => Ok(Import {
            keepalived: Some(reduced.text),
            dropped: reduced.dropped,
            ..import
        }),
        (Err(error), Some(reduced)) if !has_services => {
            Err(error.with_hint(VRRP_ALONE).with_keepalived(reduced.alone()))
        }
        (import, _) => import,
    }
}

/// What to do with VRRP that moves addresses without services.
const VRRP_ALONE: &str = "lvsctl configures no cluster without services: leave what is VRRP alone to keepalived, as it is; or, \
                          if another source has the services, import that, and print the keepalived.conf beside it with \
                          --keepalived";

/// Imports ldirectord.cf; `file` is its name, `resolve` looks up hosts that it names.
///
/// # Errors
/// Text that is not ldirectord's, too much of it, or no virtual service: with the line.
pub fn ldirectord(
    file: &str,
    text: &str,
    options: &Options,
    resolve: &mut Resolver<'_>,
) -> Result<Import, ImportError> {
    let mut tally = Tally::default();
    match ldirectord::draft(file, without_mark(text), resolve, &mut tally) {
        Ok(draft) => finish(draft, tally, file, options),
        Err(error) => Err(unread(error, tally)),
    }
}

/// Imports rules of ipvsadm, or a script of them; `file` is its name, `resolve` looks up hosts that it names.
///
/// # Errors
/// A line of ipvsadm that cannot be read, too many lines, or no service: with the line.
pub fn rules(
    file: &str,
    text: &str,
    options: &Options,
    resolve: &mut Resolver<'_>,
) -> Result<Import, ImportError> {
    let mut tally = Tally::default();
    match rules::draft(file, without_mark(text), options, resolve, &mut tally) {
        Ok(draft) => finish(draft, tally, file, options),
        Err(error) => Err(unread(error, tally)),
    }
}

/// Imports what a director's kernel holds, as [`read_kernel`] reads it.
///
/// A plan of the result for the same node is empty.
///
/// # Errors
/// A node without services.
pub fn kernel(observed: &Observed, options: &Options) -> Result<Import, ImportError> {
    let mut tally = Tally::default();
    let draft = kernel::draft(observed, &mut tally)?;
    finish(draft, tally, "kernel", options)
}

/// Returns the text without the byte order mark that some editors write first.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Refuses what needs no import: a text of no other kind is taken for keepalived.conf.
fn refuse_cluster_file(file: &str, text: &str) -> Result<(), ImportError> {
    let is_table = |line: &str| {
        let names = [
            "[director]",
            "[[directors]]",
            "[[services]]",
            "[[real-servers]]",
        ];
        names.iter().any(|name| line.trim_start().starts_with(name))
    };
    match text.lines().any(is_table) {
        true => {
            let problem = "this is a cluster file, or a part of one: there is nothing to import";
            Err(ImportError::new(&Place::new(file, 1), problem).with_hint("lvsctl plan reads it"))
        }
        false => Ok(()),
    }
}

/// Gives the error of a parser its report: what was read before it, and why the source is refused.
fn unread(error: ImportError, mut tally: Tally) -> ImportError {
    if error.report().is_some() {
        return error;
    }
    tally.only_follows();
    tally.refuse(&error);
    error.with_report(tally.finish())
}

/// Makes the file and reads it back: a source is imported wholly or refused, with the report that tells why.
fn finish(
    draft: Draft,
    mut tally: Tally,
    source: &str,
    options: &Options,
) -> Result<Import, ImportError> {
    let written = written(draft, &mut tally, source, options);
    match written {
        Ok((file, notes)) => Ok(Import {
            file,
            notes,
            report: tally.finish(),
            keepalived: None,
            dropped: Vec::new(),
        }),
        Err(error) => Err(error.with_report(tally.finish())),
    }
}

fn written(
    draft: Draft,
    tally: &mut Tally,
    source: &str,
    options: &Options,
) -> Result<(String, Vec<String>), ImportError> {
    let read = draft.named();
    let fitted = fit::fit(draft, tally, options);
    let start = Place::new(source, usize::from(source != "kernel"));
    if fitted.draft.services.is_empty() {
        let problem = "nothing to import: no virtual service that a cluster file can express";
        return Err(ImportError::new(&start, problem));
    }
    for service in &fitted.draft.services {
        let reasons = service.assumed.iter().chain(&service.assumed_addresses);
        let reasons = reasons.chain(&service.remarks);
        let reasons: Vec<_> = reasons.map(String::as_str).collect();
        match reasons.is_empty() {
            true => tally.carried(service.directive, "services"),
            false => tally.assumed(service.directive, "services", reasons.join("; ")),
        }
    }
    for (directive, what) in read {
        tally.name_lost(directive, &what);
    }
    let losses = tally.losses(&fitted.draft.notes);
    let file = write::write(&fitted, &Shortening::of(&fitted), &losses, source, options);
    if file.len() > Document::MAX_LENGTH {
        return Err(ImportError::new(
            &start,
            "the cluster file would be too long",
        ));
    }
    match Cluster::from_toml(&file) {
        Ok(_) => Ok((file, fitted.draft.notes)),
        Err(mistakes) => {
            let error = mistakes.first();
            let index = error.path().strip_prefix("services[");
            let index = index.and_then(|rest| rest.split_once(']')?.0.parse::<usize>().ok());
            let service = index.and_then(|index| fitted.draft.services.get(index));
            let place = service.map_or(&start, |service| &service.place);
            let problem = format!("the cluster file would be refused: {error}");
            let error = ImportError::new(place, problem);
            tally.refuse(&error);
            Err(error)
        }
    }
}
