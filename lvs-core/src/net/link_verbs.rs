//! The verbs of the handle about interfaces and tunnels, and what is seen on them.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc::{
    ENODEV, RTM_DELLINK, RTM_GETLINK, RTM_GETNEIGH, RTM_GETQDISC, RTM_NEWLINK, RTM_NEWNEIGH,
    RTM_NEWQDISC, RTM_SETLINK,
};

use super::handle::{NEW, Net, decoded};
use super::{Link, Neighbour, Qdisc, Tunnel, errno, message};
use crate::error::{Cause, Error, Operation, Result};
use crate::name::IfName;

impl Net {
    /// Returns all interfaces in the order of their numbers.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let list = message::link::list();
        let replies = self.list("list interfaces", RTM_GETLINK, RTM_NEWLINK, &list);
        decoded(replies, message::link::decode)
    }

    /// Returns the names of interfaces by their alternative names (`altname` of `ip link`, from kernel 5.5), without
    /// those that are too long for a name.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("altname", "IFLA_ALT_IFNAME"))]
    pub fn alternative_names(&mut self) -> Result<BTreeMap<IfName, IfName>> {
        let list = message::link::list();
        let operation = "list alternative names";
        let replies = self.list(operation, RTM_GETLINK, RTM_NEWLINK, &list)?;
        Ok(replies
            .iter()
            .flat_map(|payload| message::link::alternative_names(payload))
            .collect())
    }

    /// Returns one interface.
    ///
    /// # Errors
    /// There is none of that name ([`Error::is_not_found`]); the hint lists the existing ones.
    pub fn link(&mut self, name: &IfName) -> Result<Link> {
        self.find(&Operation::new("look up interface", name), name)
    }

    /// Sets an interface up.
    ///
    /// # Errors
    /// No such interface, or no privilege.
    pub fn set_up(&mut self, name: &IfName) -> Result<()> {
        self.set_state(Operation::new("set up interface", name), name, true)
    }

    /// Sets an interface down: it loses its routes and its IPv6 addresses.
    ///
    /// # Errors
    /// No such interface, or no privilege.
    pub fn set_down(&mut self, name: &IfName) -> Result<()> {
        self.set_state(Operation::new("set down interface", name), name, false)
    }

    fn set_state(&mut self, operation: Operation, name: &IfName, up: bool) -> Result<()> {
        let index = self.index(&operation, name)?;
        self.change(
            &operation,
            RTM_SETLINK,
            0,
            &message::link::set_up(index, up),
        )
        .map_err(errno::link)
    }

    /// Sets the MTU of an interface, in bytes.
    ///
    /// # Errors
    /// No such interface, no privilege, or a size that its driver refuses.
    pub fn set_mtu(&mut self, name: &IfName, mtu: u32) -> Result<()> {
        let operation = Operation::new("set MTU", format!("{mtu} of interface {name}"));
        let index = self.index(&operation, name)?;
        self.change(
            &operation,
            RTM_SETLINK,
            0,
            &message::link::set_mtu(index, mtu),
        )
        .map_err(errno::link)
    }

    /// Adds an interface to a bridge or bond, or removes it from one.
    ///
    /// # Errors
    /// No such interface, no privilege, or the controller is neither bridge nor bond.
    #[doc(alias("master", "bridge port"))]
    pub fn set_controller(&mut self, name: &IfName, controller: Option<&IfName>) -> Result<()> {
        let object = controller.map_or_else(|| "none".to_owned(), ToString::to_string);
        let operation = Operation::new("set controller", format!("{object} of interface {name}"));
        let index = self.index(&operation, name)?;
        let controller = match controller {
            Some(controller) => self.index(&operation, controller)?,
            None => 0,
        };
        let payload = message::link::set_controller(index, controller);
        self.change(&operation, RTM_SETLINK, 0, &payload)
            .map_err(errno::link)
    }

    /// Makes a bridge, which is down at first.
    ///
    /// # Errors
    /// The name is in use ([`Error::is_already_exists`]), no privilege, or no bridges in this kernel.
    pub fn add_bridge(&mut self, name: &IfName) -> Result<()> {
        let operation = Operation::new("add bridge", name);
        self.change(&operation, RTM_NEWLINK, NEW, &message::link::bridge(name))
            .map_err(errno::link)
    }

    /// Makes a dummy interface, which carries addresses, drops packets and is down at first.
    ///
    /// # Errors
    /// The name is in use ([`Error::is_already_exists`]), no privilege, or no dummies in this kernel.
    pub fn add_dummy(&mut self, name: &IfName) -> Result<()> {
        let operation = Operation::new("add dummy interface", name);
        self.change(&operation, RTM_NEWLINK, NEW, &message::link::dummy(name))
            .map_err(errno::link)
    }

    /// Makes a veth pair, both ends down at first; the peer in another network namespace, if one is given.
    ///
    /// # Errors
    /// A name is in use ([`Error::is_already_exists`]), no privilege, or no veth in this kernel.
    pub fn add_veth(
        &mut self,
        name: &IfName,
        peer: &IfName,
        peer_netns: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        let operation = Operation::new("add veth", format!("{name} with peer {peer}"));
        let payload = message::link::veth(name, peer, peer_netns.map(|fd| fd.as_raw_fd()));
        self.change(&operation, RTM_NEWLINK, NEW, &payload)
            .map_err(errno::link)
    }

    /// Makes a tunnel device, which is down at first. For the [fallback](Tunnel::is_fallback) device the
    /// kernel loads the module if it can and makes the device by itself: that it exists already is no error.
    ///
    /// # Errors
    /// The name is in use, or another device receives the same packets ([`Error::is_already_exists`]); no
    /// privilege; or no module for such tunnels in this kernel.
    pub fn add_tunnel(&mut self, tunnel: &Tunnel) -> Result<()> {
        let operation = Operation::new("add tunnel", format!("{} ({})", tunnel.name, tunnel.kind));
        let payload = message::tunnel::add(tunnel);
        match self.conn.request(&operation, RTM_NEWLINK, NEW, &payload) {
            Ok(_) => Ok(()),
            Err(error) if error.is_already_exists() && tunnel.is_fallback() => {
                self.link(&tunnel.name).map(drop)
            }
            Err(error) => Err(errno::tunnel(error, tunnel)),
        }
    }

    /// Returns the tunnel devices of the known [kinds](super::TunnelKind), in the order of their numbers.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    pub fn tunnels(&mut self) -> Result<Vec<Tunnel>> {
        let list = message::link::list();
        let replies = self.list("list tunnels", RTM_GETLINK, RTM_NEWLINK, &list);
        decoded(replies, message::tunnel::decode)
    }

    /// Deletes a virtual interface, and its peer where it is a veth.
    ///
    /// # Errors
    /// No such interface, no privilege, or the interface is not a virtual one.
    pub fn delete_link(&mut self, name: &IfName) -> Result<()> {
        let operation = Operation::new("delete interface", name);
        let index = self.index(&operation, name)?;
        self.change(&operation, RTM_DELLINK, 0, &message::link::numbered(index))
            .map_err(errno::link)
    }

    /// Returns the neighbours of all links, of both families.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("ip neighbour", "arp", "RTM_GETNEIGH"))]
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>> {
        let list = message::neighbour::list();
        let replies = self.list("list neighbours", RTM_GETNEIGH, RTM_NEWNEIGH, &list)?;
        let names = self.names()?;
        Ok(replies
            .iter()
            .filter_map(|payload| message::neighbour::decode(payload, &names))
            .collect())
    }

    /// Returns the queueing disciplines of all interfaces, without those that do nothing.
    ///
    /// # Errors
    /// The list kept changing while it was read ([`Error::is_unsettled`]), or answers were lost.
    #[doc(alias("tc qdisc show", "RTM_GETQDISC"))]
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>> {
        let list = message::qdisc::list();
        let replies = self.list(
            "list queueing disciplines",
            RTM_GETQDISC,
            RTM_NEWQDISC,
            &list,
        );
        self.named(replies, message::qdisc::decode)
    }

    pub(super) fn index(&mut self, operation: &Operation, name: &IfName) -> Result<u32> {
        self.find(operation, name).map(|link| link.index)
    }

    fn find(&mut self, operation: &Operation, name: &IfName) -> Result<Link> {
        match self
            .conn
            .request(operation, RTM_GETLINK, 0, &message::link::named(name))
        {
            Ok(replies) => replies
                .iter()
                .find_map(|reply| message::link::decode(&reply.payload))
                .ok_or_else(|| {
                    Error::new(
                        operation.clone(),
                        Cause::Decode("no interface in it".into()),
                    )
                }),
            Err(error) if error.errno() == Some(ENODEV) => {
                let existing = self.links().unwrap_or_default();
                Err(error.with_hint(errno::no_interface(name, &existing)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Error {
    /// Returns what [`Net::links`] has read of a list that kept changing ([`is_unsettled`](Self::is_unsettled)):
    /// some of the interfaces may not exist any more, and others may be missing.
    #[must_use]
    pub fn seen_links(&self) -> Option<&[Link]> {
        self.payload::<Vec<Link>>().map(Vec::as_slice)
    }
}
