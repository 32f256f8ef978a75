//! The levels of the sysctls that decide about ARP and packet sources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// Declares a sysctl whose values are a few numbers with a meaning each.
macro_rules! levels {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$level_doc:meta])* $level:ident = $number:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u8", into = "u8")]
        pub enum $name { $($(#[$level_doc])* $level = $number),* }

        impl $name {
            /// Returns the kernel's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }
        }

        impl TryFrom<u8> for $name {
            type Error = InvalidValue;
            fn try_from(number: u8) -> Result<Self, InvalidValue> {
                match number {
                    $($number => Ok(Self::$level),)*
                    _ => Err(InvalidValue::new($what, number.to_string(), "is not a known level")),
                }
            }
        }

        impl From<$name> for u8 {
            fn from(level: $name) -> Self {
                level.number()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.number(), f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match text.parse::<u8>() {
                    Ok(number) => number.try_into(),
                    Err(_) => Err(InvalidValue::new($what, text, "is not a number")),
                }
            }
        }
    };
}

levels! {
    /// Tells for which addresses an interface answers ARP requests (`arp_ignore`).
    ///
    /// The greater of `all` and the *receiving* interface counts, so `Ord` combines them:
    /// `all.max(interface)`. A real server in direct routing carries the virtual IP on `lo`; with 0 it
    /// answers the router's request for it, and clients reach that server past the director. It needs
    /// [`ReceivingInterface`](Self::ReceivingInterface). Setting it on `lo` alone has no effect, because no
    /// request ever arrives there; recipes do it all the same.
    ///
    /// Beware of 3: as the greater number it *re-opens* the virtual IP where 1 or 2 had hidden it.
    ArpIgnore, "arp_ignore" {
        /// Any address of this host, on any interface.
        #[default]
        AnyLocal = 0,
        /// Only addresses of the interface where the request arrives.
        ReceivingInterface = 1,
        /// As 1, and only if the sender is in the same subnet.
        SameSubnet = 2,
        /// Every address but those of scope host. A VIP of global scope on `lo` is answered for.
        NotHostScope = 3,
        /// None at all.
        Never = 8,
    }
}

levels! {
    /// Tells which of its addresses a host puts as sender into its ARP requests (`arp_announce`).
    ///
    /// The greater of `all` and the *sending* interface counts. A real server in direct routing sends packets
    /// with the virtual IP as source address; with 0 or 1 its ARP requests carry that address too, and
    /// neighbours cache the virtual IP at its hardware address. It needs [`BestLocal`](Self::BestLocal).
    ArpAnnounce, "arp_announce" {
        /// The packet's source address, wherever it is configured.
        #[default]
        AnyLocal = 0,
        /// The packet's source address if the target is in its subnet, otherwise as 2.
        PreferSubnet = 1,
        /// The sending interface's best address for the target, never that of another interface.
        BestLocal = 2,
    }
}

levels! {
    /// Tells whether a packet's source must be reachable (`rp_filter`).
    ///
    /// The greater of `all` and the receiving interface counts. Decapsulated packets arrive at the tunnel
    /// device from clients that are reached by another interface: there [`Strict`](Self::Strict), in either
    /// place, drops every one of them.
    RpFilter, "rp_filter" {
        /// No check.
        #[default]
        Off = 0,
        /// The route to the source must leave by the interface where the packet arrived.
        Strict = 1,
        /// There must be a route to the source.
        Loose = 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        for number in [0, 1, 2, 3, 8] {
            let level = ArpIgnore::try_from(number).unwrap();
            assert_eq!(level.number(), number);
            assert_eq!(level.to_string().parse::<ArpIgnore>().unwrap(), level);
        }
        assert!(ArpIgnore::try_from(4).is_err());
        assert!("x".parse::<RpFilter>().is_err());
        assert_eq!(ArpAnnounce::BestLocal.number(), 2);
    }

    #[test]
    fn the_greater_of_all_and_interface_counts() {
        assert_eq!(RpFilter::Strict.max(RpFilter::Loose), RpFilter::Loose);
        assert_eq!(
            ArpIgnore::SameSubnet.max(ArpIgnore::NotHostScope),
            ArpIgnore::NotHostScope
        );
    }
}
