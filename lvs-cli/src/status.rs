//! `lvsctl status` and `lvsctl metrics`

use std::env;
use std::io::{IsTerminal, stdout};
use std::thread;

use lvs_core::{Host, escape_control};

use crate::arguments::{StateArguments, StatusArguments};
use crate::exit::{Exit, Problem};
use crate::output::{json, output_width, print, print_while_read};

/// The columns of a page, where the output has no width.
const WIDTH: usize = 80;

pub(crate) fn run(arguments: &StatusArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    while show(arguments, &mut host)? {
        match arguments.watch {
            Some(time) => thread::sleep(time),
            None => break,
        }
    }
    Ok(Exit::Done)
}

/// Shows the status once, and returns whether anything reads the output any more.
fn show(arguments: &StatusArguments, host: &mut Host) -> Result<bool, Problem> {
    let state = arguments.state.directory();
    let status = state.status(arguments.cluster.as_ref(), host)?;
    if arguments.json {
        return print_while_read(&escape_control(&json(&status)?));
    }
    let is_terminal = stdout().is_terminal();
    let is_coloured = is_terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = status.text(output_width().unwrap_or(WIDTH), is_coloured);
    match is_terminal && arguments.watch.is_some() {
        // From the first line on, each line to its end, and nothing below.
        true => print_while_read(&format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))),
        false => print_while_read(&text),
    }
}

pub(crate) fn metrics(arguments: &StateArguments) -> Result<Exit, Problem> {
    let metrics = arguments.directory().metrics(&mut Host::open()?)?;
    print(&metrics)?;
    Ok(Exit::Done)
}
