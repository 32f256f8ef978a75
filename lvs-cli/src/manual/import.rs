//! What lvsctl-import(8) says besides its help: the four sources, and an example of each.

use std::error::Error;

use clap_mangen::roff::{Roff, bold, roman};
use lvs_core::import::{self, Fate, Import, Options};

use super::page::verbatim;

const DESCRIPTION: [&str; 5] = [
    "lvsctl import reads what a director runs today and prints a cluster file, lvsctl.toml(5), that says the same. The \
     source is only read, and nothing on this host changes. Where the kind of the source is not clear from its \
     contents, --format names it.",
    "The sources are keepalived.conf with the files that it includes, ldirectord.cf, rules of ipvsadm as ipvsadm -Sn \
     prints them or a script that calls ipvsadm, and kernel: the table, addresses, default route, sysctls and \
     synchronisation daemons of this host. What ipvsadm -Ln prints is no source: it leaves out options.",
    "Every directive of the source has one of three fates, and standard error gets a line for each that is not carried:",
    "Silent defaults of the source are written out: intervals and timeouts of checks, one success after which a server \
     serves again, the protocol, the scheduler and the forwarding method. keepalived and ldirectord refuse clients when \
     all real servers have failed and nothing stands in for them; minimum = 0 in the file says so. With health checks \
     lvsctl run must be started; until then weights are those of the file.",
    "Two passes are usual: read the comments of the file and complete it by the addresses that the source does not give, \
     above all the director's own; then lvsctl check FILE --paper, and lvsctl plan FILE on each node.",
];

const FATES: [(&str, &str); 3] = [
    (
        "carried",
        "The file says the same: virtual servers, groups and ranges, real servers, weights, forwarding methods, \
         schedulers and their flags, persistence, thresholds, firewall marks, checks, the fallback (sorry_server), \
         quorum and inhibit_on_failure, timeouts, and the addresses of VRRP instances.",
    ),
    (
        "assumed",
        "The file says it with a value that the source does not give, or not quite as the source does; a comment in the \
         file marks it. Interfaces and prefix lengths of real servers are always assumed. A service has one check and \
         one on-failure for all of its real servers: where they differ in the source, the comment names them.",
    ),
    (
        "left",
        "The file does not say it, for the reason in the report: programs and mail on a change, digests and regular \
         expressions, ping, hysteresis, BFD, and VRRP, which stays with keepalived.",
    ),
];

const KEEPALIVED: [&str; 2] = [
    "lvsctl does not speak VRRP. With --keepalived the reduced keepalived.conf is printed in place of the cluster file: \
     VRRP instances, their scripts and groups without addresses and virtual servers. It tells lvsctl by a notification \
     which role the director has; lvsctl apply FILE --role active or standby then adds or removes the floating addresses.",
    "Install it on both directors together with lvsctl-notify, which is examples/keepalived-notify.sh, and start \
     keepalived with --vrrp, which keeps it out of IPVS.",
];

const KERNEL: &str = "\
# lvsctl import kernel > /etc/lvsctl/web.toml
# lvsctl plan /etc/lvsctl/web.toml
nothing to do";

/// Returns the section DESCRIPTION in roff, and what follows from a source.
pub(super) fn description() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    let [what, sources, fates, defaults, passes] = DESCRIPTION;
    for text in [what, sources, fates] {
        roff.control("PP", []).text([roman(text)]);
    }
    for (fate, text) in FATES {
        roff.control("TP", []).text([bold(fate)]);
        roff.text([roman(text)]);
    }
    for text in [defaults, passes] {
        roff.control("PP", []).text([roman(text)]);
    }
    roff.control("SH", ["KEEPALIVED"]);
    for text in KEEPALIVED {
        roff.control("PP", []).text([roman(text)]);
    }
    roff.render()
}

/// Returns the section EXAMPLES in roff, with what the import makes of each source.
pub(super) fn examples() -> String {
    let mut text = {
        let mut roff = Roff::new();
        roff.control("SH", ["EXAMPLES"]);
        roff.render()
    };
    for (name, source) in SOURCES {
        let commands = format!("$ cat {name}\n{source}\n$ lvsctl import {name}\n");
        let shown = match imported(name, source) {
            Ok(import) => shown(&import),
            Err(error) => format!("error: {error}"),
        };
        text += &verbatim_below(name, &(commands + &shown));
    }
    text + &verbatim_below("kernel", KERNEL)
}

const SOURCES: [(&str, &str); 3] = [
    ("keepalived.conf", include_str!("import/keepalived.conf")),
    ("ldirectord.cf", include_str!("import/ldirectord.cf")),
    ("director.sh", include_str!("import/director.sh")),
];

fn imported(name: &str, source: &str) -> Result<Import, Box<dyn Error>> {
    let options = Options::new("web".parse()?, "director".parse()?);
    let import = match name {
        "ldirectord.cf" => import::ldirectord(name, source, &options, &mut |_| None),
        "director.sh" => import::rules(name, source, &options, &mut |_| None),
        _ => import::keepalived(name, source, &options, &mut |_| Ok(Vec::new())),
    };
    Ok(import?)
}

/// Returns the file and the notes, as a terminal has both.
fn shown(import: &Import) -> String {
    let notes: String = import
        .report
        .directives()
        .iter()
        .filter(|directive| !matches!(directive.fate, Fate::Carried { .. }))
        .map(|directive| format!("note: {directive}\n"))
        .collect();
    format!("{}{notes}note: {}", import.file, import.report.counts())
}

fn verbatim_below(title: &str, text: &str) -> String {
    verbatim(title, text).replacen(".SH", ".SS", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_imported() {
        for (name, source) in SOURCES {
            let import = imported(name, source).unwrap_or_else(|error| panic!("{error}"));
            assert!(lvs_core::Cluster::from_toml(&import.file).is_ok(), "{name}");
            let fates = import.report.counts();
            assert!(
                fates.carried > 0 && fates.assumed > 0 && fates.left > 0,
                "{name}: {fates}"
            );
        }
    }
}
