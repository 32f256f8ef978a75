//! Network namespaces one after the other.

use std::time::Duration;
use std::{fs, process, thread};

use lvs_core::Netns;
use nix::libc::ENOSPC;

use crate::Result;

const PAUSE: Duration = Duration::from_millis(5);

/// Creates a namespace when the former one is removed. The kernel removes a namespace with all its services
/// in the background and on the only processor, and counts it until that is done; only one is allowed.
pub(crate) fn only_namespace() -> Result<Netns> {
    if process::id() != 1 {
        return Err("only in a guest, for it changes user.max_net_namespaces".into());
    }
    fs::write("/proc/sys/user/max_net_namespaces", "1")?;
    loop {
        match Netns::create() {
            Err(error) if error.errno() == Some(ENOSPC) => thread::sleep(PAUSE),
            other => return Ok(other?),
        }
    }
}
