//! Batches: many changes in few sends.

use std::slice;
use std::vec;

use nix::libc::ENOENT;

use super::{Command, Ipvs, errno};
use crate::error::{Error, Operation, Result};
use crate::netlink::conn::refused;
use crate::netlink::exchange::Refusal;

/// The number of bytes from which on a send is closed: a thousand destinations take two sends. Larger
/// ones are no faster.
const ENOUGH: usize = 82 << 10;
/// The number of bytes of the usual message, which adds a destination.
const USUAL: usize = 160;
/// More bytes than any message has.
const LONGEST: usize = 512;

impl Ipvs {
    /// Executes all commands, in order and in as few sends as possible, and returns one result per
    /// command, in the same order. A failure does not stop the commands behind it: to change services
    /// completely or not at all, use [`replace_of`](Self::replace_of).
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
    /// Read the table again. If the module was unloaded ([`is_not_loaded`](crate::Error::is_not_loaded)),
    /// nothing of the batch is left.
    pub fn batch(&mut self, commands: &[Command]) -> Result<BatchOutcome> {
        let most = self.channel.conn.most_requests().saturating_sub(1).max(1);
        let mut results = Vec::with_capacity(commands.len());
        let mut rest = commands;
        while !rest.is_empty() {
            let packed = self.pack(rest, most);
            let (sent, later) = rest.split_at(packed.min(rest.len()));
            results.extend(self.send(sent, &operation(commands))?);
            rest = later;
        }
        Ok(BatchOutcome { results })
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
        let is_renewed = exchange.is_refused_with(ENOENT) && self.channel.renew(operation)?;
        let refusals = match is_renewed {
            true => self.send_again(commands, exchange.refusals, operation)?,
            false => exchange.refusals,
        };
        let mut results: Vec<_> = commands.iter().map(|_| Ok(())).collect();
        for (place, refusal) in refusals {
            if let (Some(command), Some(result)) = (commands.get(place), results.get_mut(place)) {
                let error = refused(command.operation(), refusal);
                *result = Err(errno::explain(command, error));
            }
        }
        Ok(results)
    }

    /// Sends the commands again that reached no module, because it was loaded anew; returns all refusals.
    fn send_again(
        &mut self,
        commands: &[Command],
        refusals: Vec<(usize, Refusal)>,
        operation: &Operation,
    ) -> Result<Vec<(usize, Refusal)>> {
        let (unseen, mut seen): (Vec<_>, Vec<_>) = refusals
            .into_iter()
            .partition(|(_, refusal)| refusal.errno == ENOENT);
        let again: Vec<_> = unseen
            .iter()
            .filter_map(|(place, _)| commands.get(*place).cloned())
            .collect();
        self.pack(&again, again.len());
        let exchange = self.channel.send(operation, &mut self.packet)?;
        seen.extend(
            exchange
                .refusals
                .into_iter()
                .filter_map(|(place, refusal)| Some((unseen.get(place)?.0, refusal))),
        );
        Ok(seen)
    }
}

/// Holds one result per command of a [batch](Ipvs::batch), or per change of one of `Net`, in the same order.
///
/// A `?` behind the batch says only that the kernel has answered; each command may have been refused.
///
/// ```
/// use lvs_core::ipvs::{Command, Ipvs};
/// fn run(ipvs: &mut Ipvs, commands: &[Command]) -> lvs_core::Result<()> {
///     ipvs.batch(commands)?.into_result()
/// }
/// ```
///
/// ```compile_fail
/// # #![deny(unused_must_use)]
/// # use lvs_core::ipvs::{Command, Ipvs};
/// fn run(ipvs: &mut Ipvs, commands: &[Command]) -> lvs_core::Result<()> {
///     ipvs.batch(commands)?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "each command may have been refused: use the results, or into_result"]
pub struct BatchOutcome {
    results: Vec<Result<()>>,
}

impl BatchOutcome {
    #[cfg(feature = "cluster")]
    pub(crate) const fn new(results: Vec<Result<()>>) -> Self {
        Self { results }
    }

    /// Returns the first refusal as an error, also where commands behind it were executed.
    ///
    /// # Errors
    /// A command was refused.
    pub fn into_result(self) -> Result<()> {
        self.into_iter().collect()
    }

    /// Returns whether every command was executed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.iter().all(Result::is_ok)
    }

    /// Returns the refused commands: their places in the batch, from 0, and why.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.iter()
            .enumerate()
            .filter_map(|(place, result)| Some((place, result.as_ref().err()?)))
    }

    /// Returns the results in the order of the commands.
    pub fn iter(&self) -> slice::Iter<'_, Result<()>> {
        self.results.iter()
    }

    /// Returns how many commands there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Returns whether there was no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }
}

impl IntoIterator for BatchOutcome {
    type Item = Result<()>;
    type IntoIter = vec::IntoIter<Result<()>>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}

impl<'a> IntoIterator for &'a BatchOutcome {
    type Item = &'a Result<()>;
    type IntoIter = slice::Iter<'a, Result<()>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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
