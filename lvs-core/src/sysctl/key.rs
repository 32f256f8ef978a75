//! The name of a sysctl.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;
use crate::name::IfName;

/// Selects the instance of a per-interface sysctl: `net/ipv4/conf/<this>/…`.
///
/// The kernel combines `all` and the interface differently for each sysctl: the greater of both (`rp_filter`,
/// `arp_ignore`, `arp_announce`), either of both (`send_redirects`), or the interface alone (`forwarding`).
/// `default` is the template of interfaces that are made later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conf {
    /// The instance that is combined with that of every interface.
    All,
    /// The template of interfaces that are made later.
    Default,
    /// The instance of one interface.
    Interface(IfName),
}

impl fmt::Display for Conf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.pad("all"),
            Self::Default => f.pad("default"),
            Self::Interface(name) => fmt::Display::fmt(name, f),
        }
    }
}

/// Names a sysctl by its path below `/proc/sys`: `net/ipv4/ip_forward`.
///
/// The path always has slashes: in `net.ipv4.conf.eth0.10.forwarding` it would be unclear which dot belongs
/// to the interface's name.
///
/// ```
/// use lvs_core::sysctl::{Conf, SysctlKey};
/// let key = SysctlKey::arp_ignore(&Conf::Interface("eth0.10".parse()?));
/// assert_eq!(key.to_string(), "net/ipv4/conf/eth0.10/arp_ignore");
/// assert!(SysctlKey::new("../../etc/passwd").is_err());
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SysctlKey(Cow<'static, str>);

impl SysctlKey {
    /// Whether IPv4 packets are routed between interfaces; the same sysctl as `conf/all/forwarding`.
    ///
    /// A write that *changes* it sets `forwarding` of every interface; a write of the current value does not.
    /// So 1 here does not prove that a given interface forwards.
    pub const IP_FORWARD: Self = Self(Cow::Borrowed("net/ipv4/ip_forward"));

    /// Whether a director balances nothing while it receives another one's connections: 0 or 1. It exists while
    /// ip_vs is loaded; the kernel's default is 0.
    pub const BACKUP_ONLY: Self = Self(Cow::Borrowed("net/ipv4/vs/backup_only"));

    /// Whether a persistence template that leads to a destination of weight 0 is dropped, and its client
    /// scheduled anew: 0 or 1. It exists while ip_vs is loaded; the kernel's default is 0.
    pub const EXPIRE_QUIESCENT_TEMPLATE: Self =
        Self(Cow::Borrowed("net/ipv4/vs/expire_quiescent_template"));

    /// Whether IPv6 packets are routed between interfaces. A change sets `forwarding` of every interface.
    pub const IPV6_FORWARDING: Self = Self(Cow::Borrowed("net/ipv6/conf/all/forwarding"));

    /// Whether ICMP redirects are accepted. A change of [`IP_FORWARD`](Self::IP_FORWARD) sets this sysctl to
    /// the opposite.
    pub const ACCEPT_REDIRECTS: Self = Self(Cow::Borrowed("net/ipv4/conf/all/accept_redirects"));

    /// Makes a key of a path, after a check that it stays below `/proc/sys`.
    ///
    /// # Errors
    /// A path that is absolute, leaves the directory, has dots where slashes are meant, or has an empty
    /// component, a blank or a control character.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidValue> {
        let path = path.into();
        match problem(&path) {
            Some(problem) => Err(InvalidValue::new("sysctl", path, problem)),
            None => Ok(Self(Cow::Owned(path))),
        }
    }

    /// Returns a sysctl of IPVS by its name: `conntrack` is `net/ipv4/vs/conntrack`.
    ///
    /// # Errors
    /// A name with a character that no file of `/proc/sys` has.
    pub fn ipvs(name: &str) -> Result<Self, InvalidValue> {
        Self::new(format!("net/ipv4/vs/{name}"))
    }

    /// Returns the sysctl that tells for which addresses an interface answers ARP requests:
    /// [`ArpIgnore`](super::ArpIgnore).
    #[must_use]
    pub fn arp_ignore(conf: &Conf) -> Self {
        Self::ipv4(conf, "arp_ignore")
    }

    /// Returns the sysctl that tells which source address an interface puts into ARP requests:
    /// [`ArpAnnounce`](super::ArpAnnounce).
    #[must_use]
    pub fn arp_announce(conf: &Conf) -> Self {
        Self::ipv4(conf, "arp_announce")
    }

    /// Returns the sysctl that tells whether IPv4 packets that arrive at the interface are routed onwards: 0
    /// or 1. Only the interface's own value counts; `all` is [`IP_FORWARD`](Self::IP_FORWARD).
    #[must_use]
    pub fn forwarding(conf: &Conf) -> Self {
        Self::ipv4(conf, "forwarding")
    }

    /// Returns the sysctl that tells whether IPv6 packets that arrive at the interface are routed onwards: 0
    /// or 1.
    #[must_use]
    pub fn ipv6_forwarding(conf: &Conf) -> Self {
        Self(Cow::Owned(format!("net/ipv6/conf/{conf}/forwarding")))
    }

    /// Returns the sysctl that tells how the source of packets is checked: [`RpFilter`](super::RpFilter).
    #[must_use]
    pub fn rp_filter(conf: &Conf) -> Self {
        Self::ipv4(conf, "rp_filter")
    }

    /// Returns the sysctl that tells whether a router sends ICMP redirects: 0 or 1, on if *either* `all` or
    /// the interface is. A NAT director with one interface needs 0 in both, or clients on its network learn
    /// to bypass it.
    #[must_use]
    pub fn send_redirects(conf: &Conf) -> Self {
        Self::ipv4(conf, "send_redirects")
    }

    /// Returns the sysctl that tells whether a network's other addresses stay when its first one is deleted:
    /// 0 or 1, on if *either* `all` or the interface is.
    #[must_use]
    pub fn promote_secondaries(conf: &Conf) -> Self {
        Self::ipv4(conf, "promote_secondaries")
    }

    /// Returns the path below `/proc/sys`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it exists only while ip_vs is loaded.
    pub(crate) fn is_ipvs(&self) -> bool {
        self.0.starts_with("net/ipv4/vs/")
    }

    /// Returns whether it exists only while the module of a scheduler is loaded: lblc or lblcr.
    pub(crate) fn is_of_scheduler(&self) -> bool {
        self.0.starts_with("net/ipv4/vs/lblc")
    }

    /// Returns the sysctl whose change sets this one too.
    pub(crate) fn follows(&self) -> Option<Self> {
        if *self == Self::ACCEPT_REDIRECTS || self.is_copy_of(Self::forwarding) {
            return Some(Self::IP_FORWARD);
        }
        self.is_copy_of(Self::ipv6_forwarding)
            .then_some(Self::IPV6_FORWARDING)
    }

    /// Returns whether it is a per-interface sysctl's copy of `all`, of the template or of an interface:
    /// `key.is_copy_of(SysctlKey::arp_ignore)`.
    pub(crate) fn is_copy_of(&self, sysctl: fn(&Conf) -> Self) -> bool {
        self.conf().is_some_and(|conf| sysctl(&conf) == *self)
    }

    /// Returns which copy of a per-interface sysctl it is.
    pub(crate) fn conf(&self) -> Option<Conf> {
        let (_, conf, _) = self.parts()?;
        match conf {
            "all" => Some(Conf::All),
            "default" => Some(Conf::Default),
            name => name.parse().ok().map(Conf::Interface),
        }
    }

    /// Returns the interface of a per-interface sysctl; `all` and `default` are none.
    pub(crate) fn interface(&self) -> Option<&str> {
        let rest = self
            .0
            .strip_prefix("net/ipv4/conf/")
            .or_else(|| self.0.strip_prefix("net/ipv6/conf/"))?;
        let (name, _) = rest.split_once('/')?;
        (!["all", "default"].contains(&name)).then_some(name)
    }

    /// Returns whether it is a sysctl of this interface.
    pub(crate) fn is_of(&self, interface: &IfName) -> bool {
        self.interface() == Some(interface.as_str())
    }

    /// Returns the sysctl of the same name in the template of later interfaces.
    pub(crate) fn template(&self) -> Option<Self> {
        let (family, _, name) = self.parts()?;
        Self::new(format!("{family}/conf/default/{name}")).ok()
    }

    /// Returns, for a sysctl of the template, that of the same name of an interface.
    pub(crate) fn of_template(&self, interface: &IfName) -> Option<Self> {
        let (family, conf, name) = self.parts()?;
        let key = || Self::new(format!("{family}/conf/{interface}/{name}")).ok();
        (conf == "default").then(key).flatten()
    }

    /// Returns `net/ipv4`, the name after `conf/`, and the name of the sysctl.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (family, rest) = self.0.split_once("/conf/")?;
        let (conf, name) = rest.split_once('/')?;
        Some((family, conf, name))
    }

    fn ipv4(conf: &Conf, name: &str) -> Self {
        Self(Cow::Owned(format!("net/ipv4/conf/{conf}/{name}")))
    }
}

fn problem(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("is empty")
    } else if path.starts_with('/') {
        Some("is absolute; write the path below /proc/sys/")
    } else if !path.contains('/') {
        Some("is not a path like net/ipv4/ip_forward")
    } else if path
        .split('/')
        .any(|component| ["", ".", ".."].contains(&component))
    {
        Some("has an empty component, or one that leaves its directory")
    } else if path.len() > 255 || path.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("is longer than any sysctl, or has a blank or a control character")
    } else {
        None
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for SysctlKey {
    type Err = InvalidValue;
    fn from_str(path: &str) -> Result<Self, InvalidValue> {
        Self::new(path)
    }
}

crate::text::serde_as_text!(SysctlKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_below_their_root() {
        for bad in [
            "",
            "/proc/sys/net/ipv4/ip_forward",
            "net/../../etc/shadow",
            "net//ipv4",
            "net/ipv4/",
            "net/./x",
            "net.ipv4.ip_forward",
            "net/ipv4/a b",
            "net/ipv4/a\n",
        ] {
            assert!(SysctlKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(SysctlKey::ipvs("../ip_forward").is_err());
    }

    #[test]
    fn constant_and_parsed_are_equal() {
        assert_eq!(
            "net/ipv4/ip_forward".parse::<SysctlKey>().unwrap(),
            SysctlKey::IP_FORWARD
        );
        let json = serde_json::to_string(&SysctlKey::IP_FORWARD).unwrap();
        assert_eq!(json, "\"net/ipv4/ip_forward\"");
    }

    #[test]
    fn a_dotted_interface_stays_whole() {
        let vlan = Conf::Interface("eth0.10".parse().unwrap());
        let key = SysctlKey::send_redirects(&vlan);
        assert_eq!(key.as_str(), "net/ipv4/conf/eth0.10/send_redirects");
        assert_eq!(key.interface(), Some("eth0.10"));
        assert_eq!(SysctlKey::forwarding(&Conf::All).interface(), None);
    }

    #[test]
    fn an_interface_and_the_template_have_the_same_sysctls() {
        let tunl0: IfName = "tunl0".parse().unwrap();
        let template = SysctlKey::rp_filter(&Conf::Default);
        let key = SysctlKey::rp_filter(&Conf::Interface(tunl0.clone()));
        assert_eq!(key.template(), Some(template.clone()));
        assert_eq!(template.of_template(&tunl0), Some(key.clone()));
        assert_eq!(key.of_template(&tunl0), None);
        assert!(key.is_of(&tunl0) && !template.is_of(&tunl0));
        assert_eq!(SysctlKey::IP_FORWARD.template(), None);
    }
}
