//! The text format of `ipvsadm --save` and `--restore`, read and written without ipvsadm.
//!
//! [`Rules::parse`] reads every line that ipvsadm(8) 1.31 writes or accepts: short and long options,
//! joined (`-w5`, `-w=5`, `--weight=5`) or not, in any order, with or without the word `ipvsadm` in
//! front, and also comments that begin with `#`. Host names and service names are refused, because their
//! meaning is not in the text: write addresses and ports as numbers (`ipvsadm -Sn`).
//! [`Rules::parse_with`] resolves them, as ipvsadm does.
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
//! # Omitted options have the meaning that they have for ipvsadm
//!
//! | omitted | means |
//! |---|---|
//! | `-s` | `wlc` |
//! | the timeout of `-p` | 360 seconds |
//! | `-M` | every client is distinguished |
//! | `-g`, `-i`, `-m` | `-g`, direct routing; in `-e` too, regardless of the previous method |
//! | `-w`, `-x`, `-y` | 1, 0, 0; in `-e` too |
//! | the port of `-r` | the service's port, 0 with `-f` |
//! | the port of `-t`, `-u` | 0, every port; needs `-p`, whether written or not |
//! | `--tun-type` | `ipip` |
//! | `--mcast-interface` | `eth0` |
//!
//! Direct routing and tunnels cannot change the port: if `-r` names another port than the service's,
//! ipvsadm silently uses the service's. The parser does the same, because such files must keep their
//! meaning, but not silently: [`Rules::notes`] names the line. The same applies to everything else that
//! ipvsadm silently ignores or changes.
//!
//! # Output
//!
//! [`save`] loses nothing: reading its text gives the same table, with destinations in the same order.
//! To the output of ipvsadm it adds the thresholds (`-x`, `-y`), the timeouts (`--set`), the daemons
//! (`--start-daemon`) and the order of destinations, and it writes firewall marks above 2147483647 as
//! they are (ipvsadm writes them as negative numbers, which it then refuses; the parser accepts both).
//! `ipvsadm -R` reads everything that ipvsadm could have configured. For what the kernel can contain but
//! ipvsadm has no words for, there are additional options:
//!
//! | option | means |
//! |---|---|
//! | `--protocol-N-service ADDRESS:PORT` | a service of IP protocol N |
//! | `--method local`, `bypass`, `5`, `6`, `7` | the other forwarding methods |
//! | `--exact-port` | direct routing or a tunnel with another port than the service's; port 0 without `-p` |
//! | `--tun-type N`, `--tun-flags N` | tunnel types and flags by number |
//! | `-b flag-3,0x40` | flags without a name |
//!
//! [`save_compatible`] returns byte for byte what `ipvsadm -Sn` would print, without all of this.
//!
//! # Single commands
//!
//! [`single`] and [`edit`] read the words of one command that was typed by itself, and are stricter: what
//! ipvsadm would silently ignore or change is an error, and an edit keeps what it does not name.
//! [`command_line`] is the reverse: the line that an operator would type for a [`Command`](super::Command).

mod daemon;
mod destination;
mod direct;
mod error;
mod line;
mod names;
mod option;
mod parse;
mod print;
mod service;
mod sort;
#[cfg(test)]
mod tests;
mod write;

pub use direct::{edit, single};
pub use error::{RuleError, RuleErrorKind};
pub use names::{Names, SystemNames};
pub use parse::{Note, Rule, Rules};
pub use print::{command_line, save, save_compatible};
