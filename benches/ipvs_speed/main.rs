//! The cost of IPVS through lvs-core, through Debian's ipvsadm and Docker's library of Go, and its lower bound.
//!
//! ```text
//! cargo bench -p lvs-benches --bench ipvs_speed              # the whole table, some minutes
//! cargo bench -p lvs-benches --bench ipvs_speed -- snapshot  # the rows of that name
//! ```
//!
//! Every row is measured in a guest of its own (lvs-lab), because one guest for all would exceed its time
//! limit. In it all contestants take turns, so that a busy host is as busy for each, and only ratios are
//! meaningful. They are those of the lower quartiles, which show the cost without interruptions by the host;
//! the medians are printed beside them, and the ratio has its spread, from quartile to quartile. A row whose
//! whole spread misses its target is marked, and the program fails.
//!
//! - *lvs-core* is timed around the call, with the handle open and the values made.
//! - *floor* sends bytes that were encoded before, and discards the answers: a client can only be cheaper by requesting
//!   less.
//! - *ipvsadm* is timed as a program, less the time of a start without work.
//! - *moby/ipvs* is timed by itself, in a program of Go ([`peer`]), as lvs-core: around the calls, with its handle
//!   open and the values made. A request of it is a send of its own.
//! - *system calls* are those that strace counts, less those of the same program without work;
//!   *talk* are those among them that send or receive (or, for /proc, read).

mod calls;
mod change;
mod debian;
mod floor;
#[path = "../guests.rs"]
mod guests;
#[path = "../namespace.rs"]
mod namespace;
mod peer;
mod report;
mod rows;
mod steps;
mod tables;
mod turn;

use std::error;
use std::process::{self, ExitCode};

use guests::{exit_code, run_all};

/// The result of the measurement, which any error ends.
type Result<T, E = Box<dyn error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let words = guests::words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["step", step, part] => exit_code(steps::run(step, part)),
        ["row", row] => lvs_lab::example(|| rows::run(row)),
        // The guest's kernel starts this as process 1, without arguments; its second run has them.
        _ if process::id() == 1 => lvs_lab::example(|| rows::run("")),
        ref wanted => {
            peer::make();
            report::print_heading();
            exit_code(run_all(rows::names(), wanted))
        }
    }
}
