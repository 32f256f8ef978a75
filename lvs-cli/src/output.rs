//! Results on standard output, messages on standard error.

use std::env;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use crate::exit::Problem;

/// Prints a result. A reader that has seen enough (`lvsctl … | head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Problem::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints one JSON object.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(value);
    print(&(text.map_err(|error| Problem::failed(error.to_string()))? + "\n"))
}

/// How many columns a table may have: `COLUMNS`, or those of the terminal; a file or pipe has no end.
pub(crate) fn output_width() -> Option<usize> {
    let asked = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = || terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns.into());
    asked.filter(|columns| *columns > 0).or_else(terminal)
}

pub(crate) fn complain(message: &str) {
    // Nobody to tell that nobody can be told.
    let _ = writeln!(io::stderr(), "lvsctl: {message}");
}
