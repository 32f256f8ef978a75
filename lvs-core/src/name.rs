//! Names that the kernel stores in fixed arrays: interfaces, schedulers, persistence engines.

#[cfg(feature = "cluster")]
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;
use crate::shared_text::SharedText;

/// Declares a name that the kernel keeps in an array of `$max` bytes plus NUL. Clones share the text.
///
/// It is a macro and not a generic type, so that an interface can never be passed as a scheduler.
macro_rules! kernel_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(SharedText);

        impl $name {
            /// The longest name in bytes, without the closing NUL.
            pub const MAX_LENGTH: usize = $max;

            /// Makes a name after a check of its length and characters (no blank, slash, control or non-ASCII
            /// character).
            ///
            /// # Errors
            /// An empty or too long name, or a character that no such name can have.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
                let name = name.into();
                check($what, &name, Self::MAX_LENGTH)?;
                Ok(Self(name.into()))
            }

            /// Keeps a name that the kernel reported. It has more names than [`new`](Self::new) accepts: an
            /// interface may be called 网卡, and bytes that are not UTF-8 are replaced.
            pub(crate) fn reported(name: &[u8]) -> Option<Self> {
                let name = String::from_utf8_lossy(name);
                (!name.is_empty()).then(|| Self(SharedText::Shared(name.as_ref().into())))
            }
        }

        crate::text::name_text!($name);

        /// Reads what was written before: a name that the kernel reported stands in records and reports.
        impl TryFrom<String> for $name {
            type Error = InvalidValue;
            fn try_from(name: String) -> Result<Self, InvalidValue> {
                Self::reported(name.as_bytes()).ok_or_else(|| InvalidValue::new($what, name, "is empty"))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.to_string()
            }
        }
    };
}

kernel_name! {
    /// Holds the name of a network interface: 1 to 15 bytes, `eth0`, `eth0.10`, `lo`.
    ///
    /// Dots are legal, which is why sysctl paths are always built with slashes.
    IfName, "interface name", 15
}

kernel_name! {
    /// Holds the name of an IPVS scheduler: 1 to 15 bytes.
    ///
    /// The set is open, because schedulers are kernel modules (`ip_vs_<name>`) and third parties add some; the
    /// constants name those of the kernel itself.
    ///
    /// ```
    /// use lvs_core::ipvs::SchedulerName;
    /// assert_eq!("wrr".parse::<SchedulerName>()?, SchedulerName::WRR);
    /// # Ok::<(), lvs_core::InvalidValue>(())
    /// ```
    SchedulerName, "scheduler", 15
}

kernel_name! {
    /// Holds the name of a persistence engine: 1 to 16 bytes. The kernel has one, `sip` (module
    /// `ip_vs_pe_sip`).
    EngineName, "persistence engine", 16
}

impl IfName {
    /// Returns the name as a word of a shell command line.
    #[cfg(feature = "cluster")]
    pub(crate) fn quoted(&self) -> Cow<'_, str> {
        crate::shell::quote(&self.0)
    }

    /// The loopback interface.
    pub const LO: Self = Self(SharedText::Fixed("lo"));

    /// Returns a name that is known to be valid.
    #[cfg(feature = "cluster")]
    pub(crate) const fn fixed(name: &'static str) -> Self {
        Self(SharedText::Fixed(name))
    }
}

impl EngineName {
    /// Persistence by the SIP Call-ID.
    pub const SIP: Self = Self(SharedText::Fixed("sip"));
}

macro_rules! schedulers {
    ($($(#[$doc:meta])* $constant:ident = $name:literal),* $(,)?) => {
        impl SchedulerName {
            $($(#[$doc])* pub const $constant: Self = Self(SharedText::Fixed($name));)*

            /// The schedulers of the kernel's own tree, in alphabetical order.
            pub const KNOWN: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

schedulers! {
    /// Destination hashing, by the service's address.
    DH = "dh",
    /// Weighted failover: everything to the highest weight that is available.
    FO = "fo",
    /// Locality-based least-connection.
    LBLC = "lblc",
    /// Locality-based least-connection with replication.
    LBLCR = "lblcr",
    /// Least-connection.
    LC = "lc",
    /// Maglev hashing.
    MH = "mh",
    /// Never queue.
    NQ = "nq",
    /// Overflow-connection.
    OVF = "ovf",
    /// Round robin.
    RR = "rr",
    /// Shortest expected delay.
    SED = "sed",
    /// Source hashing.
    SH = "sh",
    /// Power of two choices.
    TWOS = "twos",
    /// Weighted least-connection, the default of ipvsadm and of the cluster file.
    WLC = "wlc",
    /// Weighted round robin.
    WRR = "wrr",
}

impl SchedulerName {
    /// No scheduler: the kernel refuses every new connection.
    pub const NONE: Self = Self(SharedText::Fixed("none"));
}

fn check(what: &'static str, name: &str, max: usize) -> Result<(), InvalidValue> {
    let problem = if name.is_empty() {
        "is empty".to_owned()
    } else if name.len() > max {
        format!("is longer than {max} bytes")
    } else if let Some(bad) = name.chars().find(|c| !c.is_ascii_graphic() || *c == '/') {
        format!("contains {bad:?}")
    } else if name == "." || name == ".." {
        "is a directory".to_owned()
    } else {
        return Ok(());
    };
    Err(InvalidValue::new(what, name, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_kernels() {
        assert!(IfName::new("a".repeat(15)).is_ok());
        assert!(IfName::new("a".repeat(16)).is_err());
        assert!(EngineName::new("a".repeat(16)).is_ok());
        assert!(SchedulerName::new("a".repeat(16)).is_err());
    }

    #[test]
    fn names_that_would_leave_their_directory_are_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "a\0", "\u{e9}th0"] {
            assert!(IfName::new(bad).is_err(), "{bad:?}");
        }
        assert!(IfName::new("eth0.10").is_ok());
    }

    #[test]
    fn what_the_kernel_reports_is_kept() {
        let reported = |name: &str| IfName::reported(name.as_bytes()).unwrap();
        assert_eq!(reported("网卡").as_str(), "网卡");
        assert_eq!(reported("eth0"), IfName::new("eth0").unwrap());
        assert_eq!(IfName::reported(b"\xff").unwrap().as_str(), "\u{fffd}");
        assert_eq!(IfName::reported(b""), None);
        let json = serde_json::to_string(&reported("网卡")).unwrap();
        assert_eq!(
            serde_json::from_str::<IfName>(&json).unwrap(),
            reported("网卡")
        );
        assert!(serde_json::from_str::<IfName>("\"\"").is_err());
    }

    #[test]
    fn refusal_names_value_and_problem() {
        let error = SchedulerName::new("a b").unwrap_err();
        assert_eq!(error.to_string(), "scheduler \"a b\" contains ' '");
    }
}
