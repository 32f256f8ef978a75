//! Per-interface sysctls as the kernel combines `all` with an interface.
//!
//! A sysctl of `net/ipv4/conf` exists once for each interface and once for `all`, and which of the two counts differs
//! from sysctl to sysctl. Source: the kernel's `include/linux/inetdevice.h`, tried on kernel 6.1. `default` never
//! counts: it is the template of later interfaces.

use std::collections::BTreeMap;

use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

/// How the kernel combines `all` and the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combination {
    /// The greater value of both counts.
    Greater,
    /// It is on if either of them is.
    Either,
    /// The interface alone counts.
    Interface,
}

/// Looks up per-interface sysctls among those that were read from `/proc/sys`.
#[derive(Clone, Copy, Debug)]
pub struct Effective<'a> {
    sysctls: &'a BTreeMap<SysctlKey, String>,
}

impl<'a> Effective<'a> {
    /// Returns a look-up in sysctls with the values that `/proc/sys` has.
    #[must_use]
    pub const fn new(sysctls: &'a BTreeMap<SysctlKey, String>) -> Self {
        Self { sysctls }
    }

    /// Returns for which addresses `interface` answers ARP: the greater of `all` and the interface.
    #[must_use]
    pub fn arp_ignore(self, interface: &IfName) -> Option<i64> {
        self.combine(Combination::Greater, interface, SysctlKey::arp_ignore)
    }

    /// Returns which source address its ARP requests have: the greater of `all` and the interface.
    #[must_use]
    pub fn arp_announce(self, interface: &IfName) -> Option<i64> {
        self.combine(Combination::Greater, interface, SysctlKey::arp_announce)
    }

    /// Returns how it checks the source addresses of packets: the greater of `all` and the interface.
    #[must_use]
    pub fn rp_filter(self, interface: &IfName) -> Option<i64> {
        self.combine(Combination::Greater, interface, SysctlKey::rp_filter)
    }

    /// Returns whether packets that arrive there are routed: the interface alone.
    #[must_use]
    pub fn forwarding(self, interface: &IfName) -> Option<i64> {
        self.combine(Combination::Interface, interface, SysctlKey::forwarding)
    }

    /// Returns whether ICMP redirects are sent: if either says so.
    #[must_use]
    pub fn send_redirects(self, interface: &IfName) -> Option<i64> {
        self.combine(Combination::Either, interface, SysctlKey::send_redirects)
    }

    /// Returns whether a secondary address becomes primary when the primary one is deleted: if either says so.
    #[must_use]
    pub fn promote_secondaries(self, interface: &IfName) -> Option<i64> {
        self.combine(
            Combination::Either,
            interface,
            SysctlKey::promote_secondaries,
        )
    }

    fn combine(
        self,
        rule: Combination,
        interface: &IfName,
        key: impl Fn(&Conf) -> SysctlKey,
    ) -> Option<i64> {
        let read = |conf: Conf| self.sysctls.get(&key(&conf))?.parse::<i64>().ok();
        let own = read(Conf::Interface(interface.clone()))?;
        match rule {
            Combination::Interface => Some(own),
            Combination::Greater => Some(own.max(read(Conf::All)?)),
            Combination::Either => Some(i64::from(own != 0 || read(Conf::All)? != 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysctls(name: &str, all: &str, eth0: &str) -> BTreeMap<SysctlKey, String> {
        [("all", all), ("eth0", eth0), ("default", "7")]
            .map(|(conf, value)| {
                let key = SysctlKey::new(format!("net/ipv4/conf/{conf}/{name}")).unwrap();
                (key, value.to_owned())
            })
            .into()
    }

    fn eth0() -> IfName {
        "eth0".parse().unwrap()
    }

    #[test]
    fn the_greater_counts_for_arp_and_rp_filter() {
        let effective = |name, all, own| sysctls(name, all, own);
        let both = effective("arp_ignore", "3", "1");
        assert_eq!(Effective::new(&both).arp_ignore(&eth0()), Some(3));
        let both = effective("arp_announce", "0", "2");
        assert_eq!(Effective::new(&both).arp_announce(&eth0()), Some(2));
        let both = effective("rp_filter", "2", "1");
        assert_eq!(Effective::new(&both).rp_filter(&eth0()), Some(2));
    }

    #[test]
    fn either_counts_for_redirects_and_secondaries() {
        for (all, own, on) in [("0", "0", 0), ("1", "0", 1), ("0", "1", 1)] {
            let redirects = sysctls("send_redirects", all, own);
            let effective = Effective::new(&redirects).send_redirects(&eth0());
            assert_eq!(effective, Some(on), "all={all} eth0={own}");
            let secondaries = sysctls("promote_secondaries", all, own);
            let effective = Effective::new(&secondaries).promote_secondaries(&eth0());
            assert_eq!(effective, Some(on), "all={all} eth0={own}");
        }
    }

    #[test]
    fn the_interface_alone_counts_for_forwarding() {
        let both = sysctls("forwarding", "1", "0");
        assert_eq!(Effective::new(&both).forwarding(&eth0()), Some(0));
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let both = sysctls("forwarding", "1", "x");
        assert_eq!(Effective::new(&both).forwarding(&eth0()), None);
        assert_eq!(Effective::new(&both).rp_filter(&eth0()), None);
    }
}
