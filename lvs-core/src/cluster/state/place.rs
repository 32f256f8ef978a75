//! The boot of the kernel and the network namespace that a record describes.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Operation, Result};

/// A running kernel and a network namespace of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Changes with each boot.
    boot: String,
    /// The number of the namespace's file.
    namespace: u64,
}

impl Place {
    /// Returns whether it is known that the kernel has been booted since.
    pub(super) fn is_another_boot(&self) -> bool {
        Self::here().is_ok_and(|here| here.boot != self.boot)
    }

    /// Returns that of the calling thread.
    pub(super) fn here() -> Result<Self> {
        let boot = read("/proc/sys/kernel/random/boot_id", |path| {
            fs::read_to_string(path)
        })?;
        let namespace = read("/proc/thread-self/ns/net", |path| fs::metadata(path))?;
        Ok(Self {
            boot: boot.trim().to_owned(),
            namespace: namespace.ino(),
        })
    }
}

fn read<T>(path: &'static str, how: impl Fn(&str) -> std::io::Result<T>) -> Result<T> {
    how(path).map_err(|source| Error::io(Operation::new("read", path), source))
}
