//! Everything there is to one network namespace.

use std::marker::PhantomData;

use crate::error::Result;
use crate::ipvs::Ipvs;
use crate::net::{Fou, Net};
use crate::proc::Proc;
use crate::sysctl::Sysctl;

/// The kernel as seen from one network namespace: networking, sysctls and IPVS.
///
/// It belongs to the thread that opened it and cannot leave it: sockets stay with the namespace in
/// which they were opened, but `/proc` shows that of the thread that reads it, and only together do
/// they tell the truth. To work in another namespace see [`Netns::run`](crate::Netns::run).
///
/// ```compile_fail
/// let host = lvs_core::Host::open().unwrap();
/// std::thread::spawn(move || drop(host));
/// ```
pub struct Host {
    net: Net,
    /// Opened when it is first asked for, since opening loads the module.
    ipvs: Option<Ipvs>,
    fou: Option<Fou>,
    sysctl: Sysctl,
    proc: Proc,
    /// Neither `Send` nor `Sync`.
    here: PhantomData<*const ()>,
}

impl Host {
    /// The calling thread's network namespace.
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
            here: PhantomData,
        })
    }

    /// Interfaces, addresses and routes.
    pub const fn net(&mut self) -> &mut Net {
        &mut self.net
    }

    /// The table of services. The first call opens it and thereby loads `ip_vs` where it can: ask
    /// [`is_ipvs_loaded`](Self::is_ipvs_loaded) before, if there is only something to be read.
    ///
    /// # Errors
    /// Those of [`Ipvs::open`].
    pub fn ipvs(&mut self) -> Result<&mut Ipvs> {
        match &mut self.ipvs {
            Some(ipvs) => Ok(ipvs),
            none => Ok(none.insert(Ipvs::open()?)),
        }
    }

    /// The UDP ports whose packets are unwrapped, opened when it is first asked for.
    ///
    /// # Errors
    /// Those of [`Fou::open`].
    pub fn fou(&mut self) -> Result<&mut Fou> {
        match &mut self.fou {
            Some(fou) => Ok(fou),
            none => Ok(none.insert(Fou::open()?)),
        }
    }

    /// Kernel switches.
    #[must_use]
    pub const fn sysctl(&self) -> &Sysctl {
        &self.sysctl
    }

    /// The table, totals and connections of IPVS as files.
    #[must_use]
    pub const fn proc(&self) -> &Proc {
        &self.proc
    }

    /// Whether ip_vs is loaded; asking does not load it.
    #[must_use]
    pub fn is_ipvs_loaded(&self) -> bool {
        self.proc.is_ipvs_loaded()
    }
}
