//! The directory of the lab's files: `lvs-lab` in cargo's target directory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use crate::error::{Context, Result};

/// Returns `<target directory>/lvs-lab`, made if it does not exist.
pub(crate) fn home() -> Result<PathBuf> {
    let home = target().join("lvs-lab");
    fs::create_dir_all(&home).on("create", &home)?;
    home.canonicalize().on("find", &home)
}

/// Returns the target directory that this executable was built in; cargo marks it with a CACHEDIR.TAG.
fn target() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|executable| marked_ancestor(&executable))
        .or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
}

fn marked_ancestor(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
}

/// Represents the directory of one guest, removed when dropped.
pub(crate) struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Makes `<home>/run/<pid>-<n>` and removes the directories of dead processes there.
    pub(crate) fn new(home: &Path) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let all = home.join("run");
        sweep(&all);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = all.join(format!("{}-{number}", process::id()));
        fs::create_dir_all(&directory).on("create", &directory)?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Returns `/dev/shm` where so many bytes of it are free and it may be executed from, as a kernel demands of its
/// memory. Elsewhere the host writes that memory to a disk again and again while the guest runs.
pub(crate) fn memory_file_system(needed: u64) -> Option<&'static Path> {
    let shared = Path::new("/dev/shm");
    let found = statvfs(shared).ok()?;
    let free = found.blocks_available() * found.fragment_size();
    let barred = FsFlags::ST_NOEXEC | FsFlags::ST_RDONLY;
    let is_open = access(shared, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    (is_open && free >= needed && !found.flags().intersects(barred)).then_some(shared)
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // A directory that cannot be removed now is removed by the next run.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_itself_is_in_the_target_directory() {
        let executable = env::current_exe().unwrap();
        let target = marked_ancestor(&executable).unwrap();
        assert!(executable.starts_with(target));
    }

    #[test]
    fn a_run_directory_is_removed_after_use_and_dead_ones_are_swept() {
        let home = home().unwrap().join("test-home");
        let dead = home.join("run/4194305-0");
        fs::create_dir_all(&dead).unwrap();
        let first = RunDirectory::new(&home).unwrap();
        let second = RunDirectory::new(&home).unwrap();
        assert_ne!(first.path(), second.path());
        assert!(first.path().is_dir() && !dead.exists());
        let path = first.path().to_path_buf();
        drop(first);
        assert!(!path.exists());
        drop(second);
        fs::remove_dir_all(home).unwrap();
    }
}
