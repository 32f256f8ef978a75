//! The way to a directory, name by name: each in a directory where no other user can exchange it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::geteuid;

use super::directory::{PRIVATE_DIRECTORY, WRITABLE_BY_OTHERS};

/// For the directories above the state directory.
const DIRECTORY: Mode = Mode::from_bits_truncate(0o755);
const STICKY: u32 = 0o1000;
/// How many links a path may have, as in the kernel.
const MOST_LINKS: usize = 40;
const FLAGS: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// What becomes of directories that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Fails,
    IsCreated,
}

/// Is on its way to a directory.
pub(super) struct Walk {
    here: OwnedFd,
    rest: VecDeque<OsString>,
    missing: Missing,
    links: usize,
    /// How many names of the path are left behind the last link.
    behind_link: usize,
}

impl Walk {
    /// Walks the whole way, and returns the directory.
    pub(super) fn to(path: &Path, missing: Missing) -> io::Result<OwnedFd> {
        let mut walk = Self {
            here: root()?,
            rest: names(&std::path::absolute(path)?),
            missing,
            links: 0,
            behind_link: usize::MAX,
        };
        while let Some(name) = walk.rest.pop_front() {
            walk.enter(&name)?;
        }
        Ok(walk.here)
    }

    /// Enters a directory, or puts the names to which a link leads before the rest of the way.
    fn enter(&mut self, name: &OsStr) -> io::Result<()> {
        cannot_be_exchanged_in(&self.here, name)?;
        match fstatat(&self.here, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) if self.creates() => self.create(name)?,
            Ok(stat) if kind(&stat) == SFlag::S_IFLNK => return self.follow(name, &stat),
            stat => drop(stat?),
        }
        self.here = openat(&self.here, name, FLAGS, Mode::empty())?;
        Ok(())
    }

    /// Returns whether a directory here is made: none to which a link leads.
    fn creates(&self) -> bool {
        self.missing == Missing::IsCreated && self.rest.len() < self.behind_link
    }

    fn create(&self, name: &OsStr) -> io::Result<()> {
        let mode = match self.rest.is_empty() {
            true => PRIVATE_DIRECTORY,
            false => DIRECTORY,
        };
        match mkdirat(&self.here, name, mode) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn follow(&mut self, name: &OsStr, stat: &FileStat) -> io::Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP.into());
        }
        if !is_trusted(stat.st_uid) {
            return Err(io::Error::other(format!(
                "the link {name:?} on the way belongs to the user {}",
                stat.st_uid
            )));
        }
        let target = PathBuf::from(readlinkat(&self.here, name)?);
        if target.is_absolute() {
            self.here = root()?;
        }
        self.behind_link = self.behind_link.min(self.rest.len());
        let mut way = names(&target);
        way.append(&mut self.rest);
        self.rest = way;
        Ok(())
    }
}

fn root() -> io::Result<OwnedFd> {
    Ok(open("/", FLAGS, Mode::empty())?)
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// In a directory like /tmp, which is writable by all and sticky, only the owner of a file can exchange it.
fn cannot_be_exchanged_in(directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let stat = fstat(directory)?;
    let is_writable = stat.st_mode & WRITABLE_BY_OTHERS != 0 && stat.st_mode & STICKY == 0;
    if is_writable || !(is_trusted(stat.st_uid) || is_unmapped(stat.st_uid)) {
        return Err(io::Error::other(format!(
            "other users can exchange {name:?} in the directory that it is in"
        )));
    }
    Ok(())
}

pub(super) fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == geteuid().as_raw()
}

/// Returns whether a directory above belongs to a user outside this user namespace, such as the real root.
fn is_unmapped(owner: u32) -> bool {
    const OVERFLOW: u32 = 65534;
    let map = || std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    owner == OVERFLOW && map().split_ascii_whitespace().nth(2) != Some("4294967295")
}

pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::unistd::{Uid, chown};

    use super::super::directory::Directory;
    use super::*;

    #[test]
    fn a_link_is_followed_to_what_exists() {
        let root = tempfile::tempdir().unwrap();
        let (link, target) = (root.path().join("link"), root.path().join("target"));
        symlink("target", &link).unwrap();
        for path in [link.clone(), link.join("state")] {
            let error = Directory::create(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(!target.exists());
        }
        fs::create_dir(&target).unwrap();
        Directory::create(&link.join("state")).unwrap();
        assert!(target.join("state").is_dir());
    }

    #[test]
    fn a_directory_of_others_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let error = Directory::create(&path).unwrap_err().to_string();
        assert!(error.contains("writable by other users"), "{error}");
        let error = Directory::create(&path.join("deeper"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("other users can exchange \"deeper\""),
            "{error}"
        );
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            chown(&path, Some(Uid::from_raw(12345)), None).unwrap();
            let error = Directory::create(&path).unwrap_err().to_string();
            assert!(error.contains("belongs to the user 12345"), "{error}");
        }
    }
}
