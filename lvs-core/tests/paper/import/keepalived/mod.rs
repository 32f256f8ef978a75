//! keepalived.conf.

mod checks;
mod differences;
mod reading;
mod services;
mod vrrp;

use lvs_core::import::{Fate, Import};

use crate::import::{keepalived, sound};

/// The table that a file makes, a line for each service and destination.
fn table(import: &Import) -> Vec<String> {
    let cluster = sound(import, &import.file);
    let node = cluster.node("director").unwrap();
    let mut lines = Vec::new();
    for service in &node.services {
        lines.push(format!(
            "{} {}",
            service.service.id, service.service.scheduler
        ));
        let destinations = service.destinations.iter();
        lines.extend(destinations.map(|destination| {
            let destination = &destination.value;
            format!(
                "  {} {} {}",
                destination.id, destination.forwarding, destination.weight
            )
        }));
    }
    lines
}

#[track_caller]
fn makes(body: &str, expected: &[&str]) -> Import {
    let text = format!("{body}\n");
    let import = keepalived(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(table(&import), expected, "{}", import.report);
    import
}

#[track_caller]
fn refuses(text: &str, message: &str) {
    assert_eq!(keepalived(text).unwrap_err().to_string(), message);
}

/// A virtual server with these lines besides.
fn server(lines: &str) -> String {
    format!("virtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n{lines}\n}}\n")
}

/// The fates of the directives that begin so.
fn fates<'a>(import: &'a Import, start: &str) -> Vec<&'a Fate> {
    let directives = import.report.directives().iter();
    let wanted = directives.filter(|directive| directive.directive.starts_with(start));
    wanted.map(|directive| &directive.fate).collect()
}

const CHECKED: &str = "TCP_CHECK {\nconnect_timeout 2\n}\n";

/// The line of a service that begins so.
#[track_caller]
fn has(import: &Import, lines: &[&str]) {
    for line in lines {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

/// Returns a virtual server with real servers that have these lines.
fn servers(lines: &str, of_servers: &[&str]) -> Import {
    let mut text = lines.to_owned();
    for (number, of_server) in (1..).zip(of_servers) {
        text += &format!("\nreal_server 10.0.1.{number} 80 {{\n{of_server}\n}}");
    }
    keepalived(&server(&text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
