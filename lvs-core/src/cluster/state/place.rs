//! The boot of the kernel and the network namespace that a record describes.

use std::fs;

use serde::{Deserialize, Serialize};

use super::namespace::Namespace;
use crate::error::{Error, Operation, Result};

/// A running kernel and a network namespace of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Changes with each boot.
    boot: String,
    namespace: Namespace,
}

impl Place {
    /// Returns that of the calling thread.
    pub(super) fn here() -> Result<Self> {
        let boot = read("/proc/sys/kernel/random/boot_id", |path| {
            fs::read_to_string(path)
        })?;
        Ok(Self {
            boot: boot.trim().to_owned(),
            namespace: Namespace::here()?,
        })
    }

    /// Returns whether a record of this place is of another kernel than the present one.
    pub(super) fn is_of_another_boot(&self, here: &Self) -> bool {
        self.boot != here.boot
    }

    /// Returns whether a record of this place describes the present one.
    pub(super) fn is(&self, here: &Self) -> bool {
        !self.is_of_another_boot(here) && self.namespace.may_be(&here.namespace)
    }

    /// Returns what tells the records of two namespaces apart.
    pub(super) fn suffix(&self) -> String {
        self.namespace.suffix()
    }
}

pub(super) fn read<T>(path: &'static str, how: impl Fn(&str) -> std::io::Result<T>) -> Result<T> {
    how(path).map_err(|source| {
        Error::io(Operation::new("read", path), source).with_hint(
            "records are told apart by it: /proc must be mounted, and not with subset=pid",
        )
    })
}
