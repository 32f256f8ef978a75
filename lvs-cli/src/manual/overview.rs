//! What lvsctl(8) says besides the verbs: how they belong together, the files, and a first cluster.

use clap_mangen::roff::{Roff, bold, roman};

use super::page::verbatim;

const DESCRIPTION: [&str; 5] = [
    "lvsctl keeps Linux Virtual Server clusters: directors, which receive the clients' connections, and real servers, \
     which serve them. One file, lvsctl.toml(5), describes the whole cluster, and the same file goes to every node.",
    "plan shows what would change on a node, apply changes it in a safe order, verifies the result and rolls back on \
     failure, and remove restores what was there before. order says on which node to begin. run keeps a node as the \
     file says and probes the real servers, and status tells how they are. check finds what is wrong.",
    "save, restore, service, destination and the verbs below them work on the kernel's table alone, with the options of \
     ipvsadm(8). import makes a cluster file from what a director runs today.",
    "Results go to standard output, messages to standard error. --quiet, before the verb or behind it, leaves errors and \
     what was asked for, such as a table, a plan or JSON: apply then prints nothing unless it fails. --json prints one \
     object, with schema; of a verb that fails before it has one it is {schema, error, hint, mistakes}, where mistakes \
     are those of the cluster file.",
    "A change takes CAP_NET_ADMIN in the initial user namespace, and so does reading the kernel's table once IPVS is \
     loaded. Announcing addresses and asking by ARP take CAP_NET_RAW. check --paper, order, simulate and import of a file \
     need no privilege.",
];

const FILES: [(&str, &str); 4] = [
    (
        "/etc/lvsctl/NAME.toml",
        "The cluster file of the unit lvsctl@NAME, which runs lvsctl run.",
    ),
    (
        "/run/lvsctl",
        "The record of what each cluster's node had before and has now, and the lock. A reboot empties it, as it does \
         the kernel's table.",
    ),
    (
        "/var/lib/lvsctl",
        "Drains and the role of a director, which outlive a reboot. With --state DIR both are in DIR.",
    ),
    (
        "/usr/share/doc/lvsctl/examples",
        "Cluster files, alert rules, a dashboard, and the configuration by which keepalived calls lvsctl.",
    ),
];

const ENVIRONMENT: [(&str, &str); 2] = [
    (
        "COLUMNS",
        "The width of tables; absent: that of the terminal.",
    ),
    ("NO_COLOR", "If it is not empty, status prints no colours."),
];

const EXAMPLES: &str = "\
A first cluster, on any host, then on each node that order names:
    $ lvsctl check --paper web.toml
    $ lvsctl order web.toml
    # lvsctl plan web.toml
    # lvsctl apply web.toml
    # lvsctl check web.toml

A change that may cut the own connection, confirmed from a new one:
    # lvsctl apply new.toml --confirm 60s
    # lvsctl confirm

From cron, which mails what is printed:
    # lvsctl apply -q /etc/lvsctl/web.toml

A real server out for maintenance, and back:
    # lvsctl drain realserver1 --timeout 5m
    # lvsctl undrain realserver1

Health checks, at every boot:
    # systemctl enable --now lvsctl@web
    # lvsctl status

The way back:
    # lvsctl remove web";

/// Returns the section DESCRIPTION in roff.
pub(super) fn description() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    for text in DESCRIPTION {
        roff.control("PP", []).text([roman(text)]);
    }
    roff.render()
}

/// Returns the sections behind the exit statuses in roff.
pub(super) fn end() -> String {
    let mut roff = Roff::new();
    let sections: [(&str, &[(&str, &str)]); 2] = [("FILES", &FILES), ("ENVIRONMENT", &ENVIRONMENT)];
    for (title, entries) in sections {
        roff.control("SH", [title]);
        for (name, text) in entries {
            roff.control("TP", []).text([bold(*name)]);
            roff.text([roman(*text)]);
        }
    }
    roff.render() + &verbatim("EXAMPLES", EXAMPLES)
}
