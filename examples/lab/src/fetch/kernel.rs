//! A user-mode Linux kernel from Debian's package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BOOKWORM;
use super::apt::{Apt, run};
use crate::error::{Context, Error, Result};
use crate::signals;

/// Makes `linux` and `modules/` in `stage`, which is moved to `place` later.
pub(super) fn make(apt: &Apt, suite: &str, stage: &Path, place: &Path) -> Result<()> {
    let package = stage.join("package");
    apt.unpack(suite, &["user-mode-linux"], &package)?;
    let linux = stage.join("linux");
    rename(&package.join("usr/bin/linux.uml"), &linux)?;
    rename(
        &only_entry(&package.join("usr/lib/uml/modules"))?,
        &stage.join("modules"),
    )?;
    fs::remove_dir_all(&package).on("remove", &package)?;
    if starts(&linux) {
        return Ok(());
    }
    with_own_c_library(apt, suite, stage, place)?;
    // It names the library at its final place, so it cannot be tried before the move.
    Ok(())
}

/// Gives a kernel the C library of its suite, privately, where it needs a newer one than the host's.
fn with_own_c_library(apt: &Apt, suite: &str, stage: &Path, place: &Path) -> Result<()> {
    apt.unpack(suite, &["libc6"], &stage.join("libc"))?;
    apt.unpack(BOOKWORM, &["patchelf"], &stage.join("patchelf"))?;
    let library = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
        .map(|directory| Path::new("libc").join(directory))
        .into_iter()
        .find(|directory| stage.join(directory).join("libc.so.6").exists())
        .ok_or_else(|| Error::failed(format!("no C library in libc6 of {suite}")))?;
    let library = place.join(library);
    let mut patch = Command::new(stage.join("patchelf/usr/bin/patchelf"));
    patch.arg("--set-interpreter");
    patch.arg(library.join("ld-linux-x86-64.so.2"));
    patch.arg("--set-rpath").arg(library);
    run(patch.arg(stage.join("linux"))).map(drop)
}

fn starts(linux: &Path) -> bool {
    let mut command = Command::new(linux);
    command.arg("--version").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    signals::spawn(&mut command)
        .and_then(|mut child| child.wait())
        .is_ok_and(|status| status.success())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).on("move", from)
}

fn only_entry(directory: &Path) -> Result<PathBuf> {
    fs::read_dir(directory)
        .on("read", directory)?
        .flatten()
        .map(|entry| entry.path())
        .next()
        .ok_or_else(|| Error::failed(format!("{} is empty", directory.display())))
}
