//! Batches: many changes in few sends.

use super::{Command, Ipvs, errno};
use crate::error::{Operation, Result};
use crate::netlink::conn::refused;

/// The number of bytes from which on a send is closed: a thousand destinations take two sends. Larger
/// ones are no faster.
const ENOUGH: usize = 82 << 10;
/// The number of bytes of the usual message, which adds a destination.
const USUAL: usize = 160;
/// More bytes than any message has.
const LONGEST: usize = 512;

impl Ipvs {
    /// Executes all commands, in order and in as few sends as possible, and returns one result per
    /// command, in the same order. A failure does not stop the commands behind it.
    ///
    /// Commands are not [checked](Command::check): a table that a kernel contained can be restored.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Command, Ipvs};
    /// let mut ipvs = Ipvs::open()?;
    /// let commands: Vec<_> = ipvs
    ///     .services()?
    ///     .iter()
    ///     .map(|status| Command::DeleteService(status.service.id))
    ///     .collect();
    /// for error in ipvs.batch(&commands)?.into_iter().filter_map(Result::err) {
    ///     eprintln!("{error}");
    /// }
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The outer error means that answers were lost or never arrived
    /// ([`is_outcome_unknown`](crate::Error::is_outcome_unknown)): some commands may have been executed.
    /// Read the table again.
    pub fn batch(&mut self, commands: &[Command]) -> Result<Vec<Result<()>>> {
        let most = self.channel.conn.most_requests().saturating_sub(1).max(1);
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

    /// Packs the first commands, and returns how many.
    fn pack(&mut self, commands: &[Command], most: usize) -> usize {
        self.packet.clear();
        let messages = commands.len().min(most).saturating_add(1);
        let bytes = messages.saturating_mul(USUAL).min(ENOUGH);
        self.packet.reserve(messages, bytes.saturating_add(LONGEST));
        for command in commands.iter().take(most) {
            self.channel.push(&mut self.packet, &command.message());
            if self.packet.size() >= ENOUGH {
                break;
            }
        }
        self.packet.len()
    }

    /// Sends what was packed for these commands.
    fn send(&mut self, commands: &[Command], operation: &Operation) -> Result<Vec<Result<()>>> {
        let exchange = self.channel.send(operation, &mut self.packet)?;
        let mut results: Vec<_> = commands.iter().map(|_| Ok(())).collect();
        for (place, refusal) in exchange.refusals {
            if let (Some(command), Some(result)) = (commands.get(place), results.get_mut(place)) {
                let error = refused(command.operation(), refusal);
                *result = Err(errno::with_reason(command, error));
            }
        }
        Ok(results)
    }
}

/// Names a batch as a whole.
fn operation(commands: &[Command]) -> Operation {
    match commands {
        [command] => command.operation(),
        _ => Operation::new(
            "change IPVS by a batch of",
            format!("{} commands", commands.len()),
        ),
    }
}
