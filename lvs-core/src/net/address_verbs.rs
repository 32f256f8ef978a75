//! The verbs of the handle about addresses.

use nix::libc::{RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR};

use super::handle::{NEW, Net, REPLACE};
use super::{Address, AddressId, errno, message};
use crate::error::{Error, Operation, Result};

impl Net {
    /// Returns all addresses of both families in the kernel's order, including those that it made itself.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn addresses(&mut self) -> Result<Vec<Address>> {
        let list = message::address::list();
        let replies = self.list("list addresses", RTM_GETADDR, RTM_NEWADDR, &list);
        self.named(replies, message::address::decode)
    }

    /// Adds an address. The kernel adds the route to its network and, for IPv6, checks for duplicates unless
    /// told not to; no broadcast address is derived.
    ///
    /// # Errors
    /// It exists already ([`Error::is_already_exists`]; label and broadcast cannot be changed in place), no
    /// such interface, a label that is too long, IPv6 disabled (`EACCES`), or no privilege.
    pub fn add_address(&mut self, address: &Address) -> Result<()> {
        self.put_address(Operation::new("add address", &address.id), NEW, address)
    }

    /// Adds an address, or gives the existing one its lifetimes, its metric and its flags in one step. Label and
    /// broadcast stay as they are.
    ///
    /// # Errors
    /// Those of [`add_address`](Self::add_address), except the first.
    pub fn replace_address(&mut self, address: &Address) -> Result<()> {
        let operation = Operation::new("replace address", &address.id);
        self.put_address(operation, REPLACE, address)
    }

    fn put_address(&mut self, operation: Operation, flags: u16, address: &Address) -> Result<()> {
        if let Some(problem) = address.problem() {
            return Err(Error::invalid(operation, problem));
        }
        let index = self.index(&operation, &address.id.interface)?;
        let payload = message::address::add(address, index);
        self.change(&operation, RTM_NEWADDR, flags, &payload)
            .map_err(|error| errno::address(error, &address.id))
    }

    /// Deletes exactly this address: interface, address and prefix length must agree.
    ///
    /// With the first IPv4 address of a network the kernel also removes those added later to the same network,
    /// unless `promote_secondaries` is on.
    ///
    /// # Errors
    /// It does not exist or there is no such interface ([`Error::is_not_found`]), or no privilege.
    pub fn delete_address(&mut self, id: &AddressId) -> Result<()> {
        let operation = Operation::new("delete address", id);
        let index = self.index(&operation, &id.interface)?;
        let delete = |net: &mut Self, peer| {
            let payload = message::address::delete(id, peer, index);
            net.change(&operation, RTM_DELADDR, 0, &payload)
                .map_err(|error| errno::address(error, id))
        };
        let result = delete(self, None);
        if !result.as_ref().is_err_and(Error::is_not_found) {
            return result;
        }
        // Of an IPv4 address with a peer the kernel wants to be told the peer.
        let peer = self
            .addresses()?
            .iter()
            .find(|found| found.id == *id)
            .and_then(|found| found.peer);
        match peer {
            Some(peer) => delete(self, Some(peer)),
            None => result,
        }
    }

    /// Returns when `lo` got its address 127.0.0.1, in hundredths of a second since boot; `None` if it has none.
    pub(crate) fn loopback_since(&mut self) -> Result<Option<u32>> {
        let list = message::address::list();
        let replies = self.list("list addresses", RTM_GETADDR, RTM_NEWADDR, &list)?;
        Ok(replies
            .iter()
            .find_map(|payload| message::address::loopback_since(payload)))
    }
}

impl Error {
    /// Returns what [`Net::addresses`] has read, as [`seen_links`](Self::seen_links) does.
    #[must_use]
    pub fn seen_addresses(&self) -> Option<&[Address]> {
        self.payload::<Vec<Address>>().map(Vec::as_slice)
    }
}
