//! Queueing disciplines: what traffic control does with the packets of an interface.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// Describes a queueing discipline of an interface, with what it has counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Qdisc {
    /// The interface.
    pub interface: IfName,
    /// The kind: `fq_codel`, `netem`, `ingress`.
    pub kind: String,
    /// Where it is attached: [`ROOT`](Self::ROOT), [`INGRESS`](Self::INGRESS), or a class by its number.
    pub parent: u32,
    /// The number of packets.
    pub packets: u64,
    /// The number of packets that it, or a filter attached to it, has dropped.
    pub drops: u64,
    /// The share of packets that `netem` drops at random, in parts of [`u32::MAX`]; 0 for other kinds.
    pub loss: u32,
}

impl Qdisc {
    /// The parent of the one that all packets to be sent pass (`TC_H_ROOT`).
    pub const ROOT: u32 = u32::MAX;
    /// The parent of `ingress` and `clsact`, whose filters see the packets that arrive (`TC_H_INGRESS`).
    pub const INGRESS: u32 = 0xFFFF_FFF1;

    /// Returns one that has counted nothing.
    #[must_use]
    pub const fn new(interface: IfName, kind: String, parent: u32) -> Self {
        Self {
            interface,
            kind,
            parent,
            packets: 0,
            drops: 0,
            loss: 0,
        }
    }

    /// Returns it with what it has counted since an earlier reading.
    #[must_use]
    pub fn since(mut self, earlier: &[Self]) -> Self {
        let before = earlier.iter().find(|before| {
            (&before.interface, &before.kind, before.parent)
                == (&self.interface, &self.kind, self.parent)
        });
        if let Some(before) = before {
            self.packets = self.packets.saturating_sub(before.packets);
            self.drops = self.drops.saturating_sub(before.drops);
        }
        self
    }
}

/// Writes it as `tc` takes it: `dev eth0 root`, `dev eth0 clsact`, `dev eth0 parent 1:2`.
impl fmt::Display for Qdisc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dev {} ", self.interface.quoted())?;
        match self.parent {
            Self::ROOT => f.write_str("root"),
            Self::INGRESS => f.write_str(&self.kind),
            class => write!(f, "parent {:x}:{:x}", class >> 16, class & 0xFFFF),
        }
    }
}
