//! The text format of `ipvsadm --save` and `--restore`, read and written without ipvsadm.
//!
//! [`Rules::parse`] reads every line that ipvsadm(8) 1.31 writes or takes: short and long options,
//! joined (`-w5`, `-w=5`, `--weight=5`) or not, in any order, with or without the word `ipvsadm` in
//! front, and also comments that begin with `#`. Host names and service names are refused, for what
//! they mean is not in the text: write addresses and ports as numbers (`ipvsadm -Sn`).
//!
//! ```
//! use lvs_core::ipvs::ipvsadm::{self, Rules};
//! let text = "\
//! -A -t 172.16.5.11:80 -s wrr
//! -a -t 172.16.5.11:80 -r 192.168.1.12 -w 2
//! --add-server --tcp-service=172.16.5.11:80 --real-server=192.168.1.13:80 -gw3 # the new one
//! ";
//! let table = Rules::parse(text)?.configuration()?;
//! assert_eq!(ipvsadm::save(&table), "\
//! -A -t 172.16.5.11:80 -s wrr
//! -a -t 172.16.5.11:80 -r 192.168.1.12:80 -g -w 2
//! -a -t 172.16.5.11:80 -r 192.168.1.13:80 -g -w 3
//! ");
//! # Ok::<(), ipvsadm::RuleError>(())
//! ```
//!
//! # What is left out means what it means to ipvsadm
//!
//! | left out | means |
//! |---|---|
//! | `-s` | `wlc` |
//! | the timeout of `-p` | 360 seconds |
//! | `-M` | every client for itself |
//! | `-g`, `-i`, `-m` | `-g`, direct routing; in `-e` too, whatever the method was |
//! | `-w`, `-x`, `-y` | 1, 0, 0; in `-e` too |
//! | the port of `-r` | the service's port, 0 with `-f` |
//! | the port of `-t`, `-u` | 0, every port; needs `-p` |
//! | `--tun-type` | `ipip` |
//!
//! Direct routing and tunnels cannot change the port: where `-r` names another than the service's,
//! ipvsadm silently uses the service's. So does the parser, since such files must go on to mean the
//! same table, but not silently: [`Rules::notes`] tells the line. The same goes for the other things
//! that ipvsadm passes over.
//!
//! # What is written
//!
//! [`save`] loses nothing: reading it back gives the same table, destinations in the same order.
//! It adds to what ipvsadm writes the thresholds (`-x`, `-y`), the timeouts (`--set`), the daemons
//! (`--start-daemon`) and the order of destinations, and writes firewall marks above 2147483647 as
//! they are (ipvsadm writes them negative, which it then refuses; the parser takes both). Whatever
//! ipvsadm could have made, `ipvsadm -R` reads back. For what the kernel holds but ipvsadm cannot
//! say there are options of our own:
//!
//! | option | says |
//! |---|---|
//! | `--protocol-N-service ADDRESS:PORT` | a service of IP protocol N |
//! | `--method local`, `bypass`, `5`, `6`, `7` | the other forwarding methods |
//! | `--exact-port` | direct routing or a tunnel with another port than the service's |
//! | `--tun-type N`, `--tun-flags N` | tunnel types and flags by number |
//! | `-b flag-3,0x40` | flags without a name |
//!
//! [`single`] and [`edit`] read the words of one command that a person has just typed, and are
//! stricter: what ipvsadm passes over is an error, and an edit keeps what it does not name.
//!
//! [`save_compatible`] writes byte for byte what `ipvsadm -Sn` would print, which forgets all this.

mod compatible;
mod daemon;
mod destination;
mod direct;
mod error;
mod line;
mod option;
mod parse;
mod print;
mod service;
mod sort;
#[cfg(test)]
mod tests;

pub use compatible::save_compatible;
pub use direct::{edit, single};
pub use error::RuleError;
pub use parse::{Note, Rule, Rules};
pub use print::save;
