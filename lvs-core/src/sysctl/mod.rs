//! Sysctls, the settings below `/proc/sys`: those that LVS needs, what each level does, reading and writing.
//!
//! `/proc/sys/net` shows the network namespace of the thread that opens a file there, so a [`Sysctl`] acts on
//! the namespace that its caller's thread is in; [`Host`](crate::Host) ties both together.
//!
//! ```no_run
//! use lvs_core::sysctl::{ArpIgnore, Conf, Sysctl, SysctlKey};
//! let sysctl = Sysctl::new();
//! let changed = sysctl.write_if_changed(
//!     &SysctlKey::arp_ignore(&Conf::All),
//!     &ArpIgnore::ReceivingInterface.to_string(),
//! )?;
//! println!("{}", if changed { "set" } else { "was set already" });
//! # Ok::<(), lvs_core::Error>(())
//! ```

mod key;
mod level;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::libc::{EACCES, EINVAL, ENOENT, EPERM, EROFS};

pub use self::key::{Conf, SysctlKey};
pub use self::level::{ArpAnnounce, ArpIgnore, RpFilter};
use crate::error::{Error, Operation, Result};

/// Reads and writes sysctls in `/proc/sys`, or in another directory of the same shape.
///
/// ```
/// use lvs_core::sysctl::{Sysctl, SysctlKey};
/// let value = Sysctl::new().read(&SysctlKey::IP_FORWARD)?;
/// assert!(["0", "1"].contains(&value.as_str()));
/// # Ok::<(), lvs_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    root: PathBuf,
}

impl Sysctl {
    /// Returns the tree of the kernel, `/proc/sys`.
    #[must_use]
    pub fn new() -> Self {
        Self::at("/proc/sys")
    }

    /// Returns the tree at another directory of the same shape: a namespace's `/proc` mounted elsewhere, or a
    /// test's.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Reads a value as text, without the newline; several numbers are separated by one blank each.
    ///
    /// # Errors
    /// The file does not exist ([`Error::is_not_found`]) or may not be read.
    pub fn read(&self, key: &SysctlKey) -> Result<String> {
        let path = self.path(key);
        let text = fs::read_to_string(&path).map_err(|source| {
            refused(Operation::new("read sysctl", path.display()), key, source)
        })?;
        Ok(one_blank(&text))
    }

    /// Writes a value, without a comparison with the current one.
    ///
    /// # Errors
    /// The file does not exist ([`Error::is_not_found`]), may not be written
    /// ([`Error::is_permission`]), or the kernel refuses the value (`EINVAL`) and keeps the old one.
    pub fn write(&self, key: &SysctlKey, value: &str) -> Result<()> {
        let written = put(&self.path(key), value);
        written.map_err(|source| self.unwritten(key, value, source))
    }

    /// Fails as [`write`](Self::write) would where the file may not be written, and changes nothing. A file that does
    /// not exist yet may come with a module or an interface.
    pub(crate) fn expect_writable(&self, key: &SysctlKey, value: &str) -> Result<()> {
        match OpenOptions::new().write(true).open(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.unwritten(key, value, error))
            }
            _ => Ok(()),
        }
    }

    fn unwritten(&self, key: &SysctlKey, value: &str, source: io::Error) -> Error {
        let object = format!("{} to {value:?}", self.path(key).display());
        refused(Operation::new("set sysctl", object), key, source)
    }

    /// Writes a value unless it is the current one, and returns whether it wrote.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and [`write`](Self::write).
    pub fn write_if_changed(&self, key: &SysctlKey, value: &str) -> Result<bool> {
        if self.read(key)? == one_blank(value) {
            return Ok(false);
        }
        self.write(key, value)?;
        Ok(true)
    }

    fn path(&self, key: &SysctlKey) -> PathBuf {
        self.root.join(key.as_str())
    }
}

impl Default for Sysctl {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a value and a newline in one call: the kernel takes each call for a whole value, and an empty value
/// without the newline would be no call at all.
fn put(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}

fn one_blank(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn refused(operation: Operation, key: &SysctlKey, source: io::Error) -> Error {
    let hint = hint(key, source.raw_os_error());
    let error = Error::io(operation, source);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Returns what an errno means for a sysctl, and what to do next.
fn hint(key: &SysctlKey, errno: Option<i32>) -> Option<String> {
    match errno? {
        ENOENT => Some(missing(key)),
        EACCES | EPERM => Some(
            "network sysctls belong to root (CAP_NET_ADMIN); a few may only be set on the host itself"
                .to_owned(),
        ),
        EROFS => Some(
            "/proc/sys is mounted read-only here, as in most containers: set it on the host, or \
             in the container's own settings"
                .to_owned(),
        ),
        EINVAL => Some("the value is not in the range of this sysctl; the old one is kept".to_owned()),
        _ => None,
    }
}

fn missing(key: &SysctlKey) -> String {
    if let Some(interface) = key.interface() {
        return format!(
            "is there an interface {interface} in this network namespace? `ip link` lists those that exist"
        );
    }
    if key.is_ipvs() {
        return "ip_vs is not loaded, or this kernel's has no such sysctl".to_owned();
    }
    "this kernel has no such sysctl".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Sysctl) {
        let root = tempfile::tempdir().unwrap();
        for (file, value) in [
            ("net/ipv4/ip_forward", "0\n"),
            ("net/ipv4/vs/sync_threshold", "3\t50\n"),
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value).unwrap();
        }
        let sysctl = Sysctl::at(root.path());
        (root, sysctl)
    }

    #[test]
    fn writes_only_what_differs() {
        let (root, sysctl) = tree();
        let key = SysctlKey::IP_FORWARD;
        assert_eq!(sysctl.read(&key).unwrap(), "0");
        assert!(sysctl.write_if_changed(&key, "1").unwrap());
        assert!(!sysctl.write_if_changed(&key, "1").unwrap());
        let raw = fs::read(root.path().join("net/ipv4/ip_forward")).unwrap();
        assert_eq!(raw, b"1\n");
    }

    #[test]
    fn tabs_and_blanks_are_the_same() {
        let (_root, sysctl) = tree();
        let key = SysctlKey::ipvs("sync_threshold").unwrap();
        assert_eq!(sysctl.read(&key).unwrap(), "3 50");
        assert!(!sysctl.write_if_changed(&key, "3  50").unwrap());
    }

    #[test]
    fn a_missing_file_is_explained() {
        let (_root, sysctl) = tree();
        let conf = Conf::Interface("eth9.10".parse().unwrap());
        let error = sysctl.read(&SysctlKey::rp_filter(&conf)).unwrap_err();
        assert!(error.is_not_found());
        assert!(error.to_string().contains("conf/eth9.10/rp_filter"));
        assert!(error.hint().unwrap().contains("interface eth9.10"));

        let error = sysctl
            .write(&SysctlKey::ipvs("conntrack").unwrap(), "1")
            .unwrap_err();
        assert!(error.is_not_found());
        assert!(error.hint().unwrap().contains("ip_vs is not loaded"));
        let created = sysctl.root.join("net/ipv4/vs/conntrack");
        assert!(!created.exists(), "a write must never make a file");
    }
}
