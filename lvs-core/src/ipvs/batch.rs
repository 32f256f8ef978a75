//! Many changes in few sends.

use super::{Command, Ipvs, errno};
use crate::error::{Operation, Result};
use crate::netlink::conn::refused;
use crate::netlink::packet::ACK;

/// `NLMSG_NOOP`: does nothing and, when asked to, answers. It stands behind the commands of a send,
/// whose success is silent and of which one (stopping a daemon) may lose its answer altogether.
pub(super) const BARRIER: u16 = 1;
/// A send is closed from here on: a thousand destinations take two. Larger ones are no faster.
const ENOUGH: usize = 82 << 10;
/// The bytes of the usual message, which adds a destination.
const USUAL: usize = 160;
/// More bytes than any message has.
const LONGEST: usize = 512;

impl Ipvs {
    /// Executes all commands, in order, in as few sends as possible; one result per command, in the
    /// same order. A failure does not stop those behind it.
    ///
    /// Commands are not checked for sense ([`Command::check`]): what a kernel held can be restored.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Command, Ipvs};
    /// let mut ipvs = Ipvs::open()?;
    /// let commands: Vec<_> = ipvs.services()?.iter().map(|s| Command::DeleteService(s.service.id)).collect();
    /// for failed in ipvs.batch(&commands)?.into_iter().filter_map(Result::err) {
    ///     eprintln!("{failed}");
    /// }
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The outer error means that answers were lost or never came
    /// ([`is_outcome_unknown`](crate::Error::is_outcome_unknown)): some commands may have been
    /// executed. Look at the table again.
    pub fn batch(&mut self, commands: &[Command]) -> Result<Vec<Result<()>>> {
        let most = self.conn.most_requests().saturating_sub(1).max(1);
        let mut results = Vec::with_capacity(commands.len());
        let mut rest = commands;
        while !rest.is_empty() {
            let packed = self.pack(rest, most);
            let (sent, later) = rest.split_at(packed.min(rest.len()));
            results.extend(self.send(sent, &operation(commands))?);
            rest = later;
        }
        Ok(results)
    }

    /// Packs the first commands and the barrier, and tells how many commands.
    fn pack(&mut self, commands: &[Command], most: usize) -> usize {
        self.packet.clear();
        let messages = commands.len().min(most).saturating_add(1);
        let bytes = messages.saturating_mul(USUAL).min(ENOUGH);
        self.packet.reserve(messages, bytes.saturating_add(LONGEST));
        for command in commands.iter().take(most) {
            self.packet.push(self.family, 0, |out| {
                command.message().encode_with_header(out)
            });
            if self.packet.size() >= ENOUGH {
                break;
            }
        }
        let commands = self.packet.len();
        self.packet.push(BARRIER, ACK, |_| {});
        commands
    }

    /// Sends what was packed for these commands.
    fn send(&mut self, commands: &[Command], operation: &Operation) -> Result<Vec<Result<()>>> {
        let exchange = self
            .conn
            .exchange(operation, &mut self.packet)
            .map_err(errno::general)?;
        let mut results: Vec<_> = commands.iter().map(|_| Ok(())).collect();
        for (place, refusal) in exchange.refusals {
            if let (Some(command), Some(result)) = (commands.get(place), results.get_mut(place)) {
                *result = Err(errno::advise(
                    command,
                    refused(command.operation(), refusal),
                ));
            }
        }
        Ok(results)
    }
}

/// What a batch is called as a whole.
fn operation(commands: &[Command]) -> Operation {
    match commands {
        [command] => command.operation(),
        _ => Operation::new(
            "change IPVS by a batch of",
            format!("{} commands", commands.len()),
        ),
    }
}
