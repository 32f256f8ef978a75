//! The kernel's interfaces for one network namespace, together.

use std::fmt;
use std::marker::PhantomData;

use crate::error::Result;
use crate::ipvs::{Ipvs, ServiceOverview};
use crate::net::{Fou, Net};
use crate::proc::Proc;
use crate::sysctl::Sysctl;

/// How often the table is read beside `/proc` while the two do not agree: services come and go, or the kernel makes the
/// table larger.
pub(crate) const LOOKS: usize = 3;

/// Gives access to one network namespace: networking, sysctls and IPVS.
///
/// It belongs to the thread that opened it and cannot leave that thread: sockets stay with the namespace in
/// which they were opened, but `/proc` shows the namespace of the thread that reads it, and both must be the
/// same. To work in another namespace see [`Netns::run`](crate::Netns::run).
///
/// ```
/// use lvs_core::{Host, sysctl::SysctlKey};
/// let mut host = Host::open()?;
/// println!("{} interfaces", host.net().links()?.len());
/// println!("ip_forward is {}", host.sysctl().read(&SysctlKey::IP_FORWARD)?);
/// if host.is_ipvs_loaded() {
///     println!("{} services", host.proc().listing()?.services.len());
/// }
/// # Ok::<(), lvs_core::Error>(())
/// ```
///
/// ```compile_fail
/// let host = lvs_core::Host::open().unwrap();
/// std::thread::spawn(move || drop(host));
/// ```
pub struct Host {
    net: Net,
    /// Opened at first use, because opening loads the module.
    ipvs: Option<Ipvs>,
    fou: Option<Fou>,
    sysctl: Sysctl,
    proc: Proc,
    /// Neither `Send` nor `Sync`.
    not_send: PhantomData<*const ()>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Opens the calling thread's network namespace.
    ///
    /// # Errors
    /// Those of [`Net::open`].
    pub fn open() -> Result<Self> {
        Ok(Self {
            net: Net::open()?,
            ipvs: None,
            fou: None,
            sysctl: Sysctl::new(),
            proc: Proc::new(),
            not_send: PhantomData,
        })
    }

    /// Returns the handle of interfaces, addresses and routes.
    pub const fn net(&mut self) -> &mut Net {
        &mut self.net
    }

    /// Returns the handle of the table of services.
    ///
    /// The first call opens it and thereby makes the kernel load `ip_vs` if it can: call
    /// [`is_ipvs_loaded`](Self::is_ipvs_loaded) before, if you only want to read.
    ///
    /// # Errors
    /// Those of [`Ipvs::open`].
    pub fn ipvs(&mut self) -> Result<&mut Ipvs> {
        match &mut self.ipvs {
            Some(ipvs) => Ok(ipvs),
            none => Ok(none.insert(Ipvs::open()?)),
        }
    }

    /// Returns the handle of the UDP ports that decapsulate GUE, opened at first use.
    ///
    /// # Errors
    /// Those of [`Fou::open`].
    pub fn fou(&mut self) -> Result<&mut Fou> {
        match &mut self.fou {
            Some(fou) => Ok(fou),
            none => Ok(none.insert(Fou::open()?)),
        }
    }

    /// Returns the sysctls.
    #[must_use]
    pub const fn sysctl(&self) -> &Sysctl {
        &self.sysctl
    }

    /// Returns the readers of the files in which the kernel shows the table, totals and connections of IPVS.
    #[must_use]
    pub const fn proc(&self) -> &Proc {
        &self.proc
    }

    /// Reads all services with their destinations and connections, without counters, several times faster than a
    /// [snapshot](Ipvs::snapshot): the destinations come from `/proc`, and by netlink only where that does not tell
    /// enough (tunnels, services by firewall mark).
    ///
    /// A destination of a method without a name in `/proc` ([`Bypass`](crate::ipvs::Forwarding::Bypass)) is
    /// reported as masquerading.
    ///
    /// # Errors
    /// Those of [`Ipvs::open`] and [`Ipvs::snapshot`].
    pub fn overview(&mut self) -> Result<Vec<ServiceOverview>> {
        let proc = self.proc.clone();
        for _ in 0..LOOKS {
            if let Some(overview) = self.ipvs()?.overview_beside(&proc)? {
                return Ok(overview);
            }
        }
        let table = self.ipvs()?.snapshot()?;
        Ok(table.into_iter().map(Into::into).collect())
    }

    /// Returns whether ip_vs is loaded, without loading it.
    #[must_use]
    pub fn is_ipvs_loaded(&self) -> bool {
        self.proc.is_ipvs_loaded()
    }
}
