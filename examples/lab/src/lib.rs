//! A real kernel with IPVS, booted as an ordinary process without root.
//!
//! The kernel is Debian's user-mode Linux, fetched once into cargo's target directory. A guest boots in half
//! a second, and its process 1 is the same executable that booted it: so tests and examples are plain Rust
//! functions that run as root on a kernel of their own.
//!
//! - Integration tests have `harness = false`: modules list theirs by [`tests!`], and `main` calls [`run_tests`].
//! - Programs call [`example`] in their `main`; a [`Guest`] may have more memory.
//! - [`Lab`] is a whole cluster in a guest: nodes, servers, a client, and a router where one is needed.
//! - [`topology`] derives how they are wired, [`Network`] builds that, [`http`] and [`udp`] are the servers.
//! - [`run_tool`] runs Debian's own `ipvsadm`, `ip` and `sysctl` for a second opinion.
//! - [`Daemon`] is one of Debian's daemons on one of the nodes; [`chrony`] starts a time server.
//! - [`Systemd`] runs units on one of the nodes.
//! - [`Pair`] has two directors, of which Debian's keepalived chooses the active one; [`Takeover`] is what
//!   clients see of it.
//!
//! The guest sees the host's files, read-only; `/run` (also `TMPDIR`) and `/dev/shm` are empty and its own.
//! Its only networks are those that it makes, and it has one processor. Threads are cheap, programs are not.
//!
//! | Variable | Meaning |
//! |---|---|
//! | `LVS_REQUIRE_KERNEL=1` | a test that cannot run fails instead of being skipped |
//! | `LVS_LAB_SUITE` | the Debian suite of the kernel: `bullseye` (5.10), `bookworm` (6.1), `trixie` (6.12), `forky` (7.2, the default), `sid` |
//! | `LVS_LAB_KERNEL`, `LVS_LAB_MODULES` | another user-mode Linux executable and its directory with `modules.dep` |
//! | `LVS_LAB_TIMEOUT` | seconds a guest may take, 300 |
//! | `LVS_LAB=host` | the host's own kernel, as root, each test in a network namespace of its own |

mod answers;
mod boot;
mod chrony;
mod clients;
mod command;
mod daemon;
mod error;
mod fetch;
mod guest;
mod harness;
mod home;
pub mod http;
mod inside;
mod keepalived;
mod lab;
mod marks;
mod modules;
mod network;
mod outcome;
mod pair;
mod signals;
mod spec;
mod systemd;
mod takeover;
mod tools;
pub mod topology;
mod typed;
pub mod udp;

pub use answers::Answers;
pub use boot::Guest;
pub use chrony::chrony;
pub use command::run_command;
pub use daemon::Daemon;
pub use error::{Error, Result};
pub use fetch::{fetch_packages, fetch_prometheus, prepare};
pub use harness::{Test, example, run_tests};
pub use lab::Lab;
pub use modules::{load_module, loaded_modules, unload_module};
pub use network::Network;
pub use outcome::{Outcome, skip};
pub use pair::{Files, Pair};
pub use systemd::Systemd;
pub use takeover::{Count, Takeover};
pub use tools::{promtool, run_tool, tool};
