//! The man page of a verb.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{import, overview};

/// Returns the page of a command in roff.
pub(super) fn of(command: &Command) -> String {
    let man = Man::new(command.clone()).section("8");
    let name = command.get_display_name();
    let mut page = head(name.unwrap_or_else(|| command.get_name()), 8).into_bytes();
    // Writing to memory does not fail.
    let _ = man.render_name_section(&mut page);
    page.extend(synopsis(command).into_bytes());
    match command.get_name() {
        "lvsctl" => page.extend(overview::description().into_bytes()),
        "import" => page.extend(import::description().into_bytes()),
        _ => drop(man.render_description_section(&mut page)),
    }
    let _ = man.render_options_section(&mut page);
    if command.has_subcommands() {
        let _ = man.render_subcommands_section(&mut page);
    }
    let page = String::from_utf8_lossy(&page);
    let end = match command.get_name() {
        "lvsctl" => overview::end(),
        "import" => import::examples(),
        _ => String::new(),
    };
    let (notes, see_also) = (notes(command), see_also(command));
    format!("{page}{notes}{end}{see_also}")
}

/// Returns the title of a page, and how its text is set: neither hyphens in words of a command line nor stretched blanks.
///
/// clap_mangen leaves out a date that is empty, so that the version stands in its place.
pub(super) fn head(name: &str, section: u8) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {name} {section} \"\" \"lvsctl {version}\" \"Linux Virtual Server\"\n.nh\n.ad l\n")
}

/// Returns the line of usage that the help has.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text([roman(usage)]);
    roff.render()
}

/// Returns what the help says behind the options, as it stands there: it has tables.
fn notes(command: &Command) -> String {
    let notes = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    let notes = notes.map(ToString::to_string).unwrap_or_default();
    let (text, status) = notes
        .split_once("Exit status:\n")
        .unwrap_or((notes.as_str(), ""));
    [("NOTES", text.trim_end()), ("EXIT STATUS", status)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(title, text)| verbatim(title, text))
        .collect()
}

/// Returns a section whose lines stay as they are.
pub(super) fn verbatim(title: &str, text: &str) -> String {
    let mut roff = Roff::new();
    roff.control("SH", [title]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.render()
}

fn see_also(command: &Command) -> String {
    let pages = match command.get_name() {
        "lvsctl" => "lvsctl.toml(5), ipvsadm(8), keepalived(8), ip(8)",
        "service" | "destination" | "zero" | "timeouts" | "daemon" | "save" | "restore" | "add"
        | "edit" | "delete" | "start" | "stop" => "lvsctl(8), ipvsadm(8)",
        _ => "lvsctl(8), lvsctl.toml(5)",
    };
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(pages)]);
    roff.render()
}
