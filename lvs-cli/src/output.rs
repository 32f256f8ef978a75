//! Results on standard output, messages on standard error: nothing of either is obeyed by a terminal.
//!
//! What is printed with `--quiet` is decided here alone.

use std::env;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::OnceLock;

use lvs_core::escape_control;
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use crate::exit::Problem;

/// Says whether anything but results and errors is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Volume {
    #[default]
    Usual,
    Quiet,
}

/// Is set once, when the command line is read.
static VOLUME: OnceLock<Volume> = OnceLock::new();

impl Volume {
    /// Makes it that of the process.
    pub(crate) fn set(self) {
        // It is the first one: `main` alone sets it.
        let _ = VOLUME.set(self);
    }

    fn now() -> Self {
        VOLUME.get().copied().unwrap_or_default()
    }

    const fn is_usual(self) -> bool {
        matches!(self, Self::Usual)
    }
}

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
        Err(error) => Err(unprintable(&error)),
    }
}

/// Prints a long result part by part, as `print` does: its text is never held as a whole.
pub(crate) fn print_parts(parts: impl Iterator<Item = String>) -> Result<(), Problem> {
    let mut out = BufWriter::new(io::stdout().lock());
    let write = || {
        for part in parts {
            out.write_all(escape_control(&part).as_bytes())?;
        }
        out.flush()
    };
    unless_closed(write())
}

/// Prints one JSON object, whose text is never held as a whole.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Problem> {
    let mut out = Escaped(BufWriter::new(io::stdout().lock()));
    let written = serde_json::to_writer_pretty(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    unless_closed(written)
}

/// Returns the problem of an output; that its reader closed it early is none.
fn unless_closed(written: io::Result<()>) -> Result<(), Problem> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unprintable(&error)),
        _ => Ok(()),
    }
}

/// Returns the problem of an output that takes no JSON about it either.
fn unprintable(error: &io::Error) -> Problem {
    Problem::failed(format!("standard output: {error}")).reported()
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

/// Prints what a change does: it is no result that was asked for.
pub(crate) fn print_progress(text: &str) -> Result<(), Problem> {
    match Volume::now().is_usual() {
        true => print(text),
        false => Ok(()),
    }
}

/// Prints what was done: that it cannot be printed is no failure of what was done.
pub(crate) fn print_done(text: &str) {
    if let Err(problem) = print_progress(text) {
        warning(&format!("done, but not reported: {}", problem.message));
    }
}

/// Prints the JSON of what was done or has failed, which the exit status tells, too.
pub(crate) fn print_json_done(report: &impl Serialize) {
    if let Err(problem) = print_json(report) {
        error(&format!("not reported: {}", problem.message));
    }
}

pub(crate) fn error(text: &str) {
    message(Kind::Error, text);
}

/// Prints the hint of the error that was printed last.
pub(crate) fn remedy(text: &str) {
    message(Kind::Remedy, text);
}

pub(crate) fn warning(text: &str) {
    message(Kind::Warning, text);
}

pub(crate) fn note(text: &str) {
    message(Kind::Note, text);
}

pub(crate) fn hint(text: &str) {
    message(Kind::Hint, text);
}

/// Is what a line on standard error tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Error,
    /// What helps against the error above it.
    Remedy,
    Warning,
    Note,
    Hint,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Remedy | Self::Hint => "hint",
        }
    }

    const fn is_printed(self, volume: Volume) -> bool {
        match self {
            Self::Error | Self::Remedy => true,
            Self::Warning | Self::Note | Self::Hint => volume.is_usual(),
        }
    }
}

fn message(kind: Kind, text: &str) {
    if kind.is_printed(Volume::now()) {
        // Standard error is closed; there is nowhere left to report.
        let _ = writeln!(io::stderr(), "{}: {}", kind.word(), escape_control(text));
    }
}
