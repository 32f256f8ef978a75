//! Results on standard output, messages on standard error: nothing of either is obeyed by a terminal.

use std::env;
use std::io::{self, BufWriter, ErrorKind, Write};

use lvs_core::escape_control;
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use crate::exit::Problem;

/// Prints a result. A reader that closes its end early (`lvsctl … | head`) is not a failure.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    print_styled(&escape_control(text))
}

/// Prints a text of which a terminal obeys what sets its style: what came from others must be escaped in it.
pub(crate) fn print_styled(text: &str) -> Result<(), Problem> {
    print_while_read(text).map(drop)
}

/// Prints such a text, and returns whether anything reads the output any more.
pub(crate) fn print_while_read(text: &str) -> Result<bool, Problem> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Problem::failed(format!("standard output: {error}"))),
    }
}

/// Prints one JSON object, whose text is never held as a whole.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Problem> {
    let mut out = Escaped(BufWriter::new(io::stdout().lock()));
    let written = serde_json::to_writer_pretty(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Problem::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Escapes what a terminal would obey. The serializer writes whole characters at a time.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escape_control(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns a value as one JSON object.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Problem::failed(error.to_string()))
}

/// Returns how many columns a table may have: `COLUMNS`, or those of the terminal; in a file or a pipe there
/// is no limit.
pub(crate) fn output_width() -> Option<usize> {
    env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns.into()))
}

/// Prints what was done: that it cannot be printed is no failure of what was done.
pub(crate) fn print_done(text: &str) {
    if let Err(problem) = print(text) {
        warning(&format!("done, but not reported: {}", problem.message));
    }
}

pub(crate) fn error(text: &str) {
    message("error", text);
}

pub(crate) fn warning(text: &str) {
    message("warning", text);
}

pub(crate) fn note(text: &str) {
    message("note", text);
}

pub(crate) fn hint(text: &str) {
    message("hint", text);
}

fn message(kind: &str, text: &str) {
    // Standard error is closed; there is nowhere left to report.
    let _ = writeln!(io::stderr(), "{kind}: {}", escape_control(text));
}
