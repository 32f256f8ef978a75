//! The state directory as the file system sees it: opened once, and never through a link or a directory that
//! another user could have made.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::directory_walk::{Missing, Walk, is_trusted, kind};

/// For the state directory: only its owner may so much as lock a file in it.
pub(super) const PRIVATE_DIRECTORY: Mode = Mode::S_IRWXU;
const PRIVATE_FILE: Mode = Mode::from_bits_truncate(0o600);
pub(super) const WRITABLE_BY_OTHERS: u32 = 0o022;

/// An open directory of which no other user can exchange a file.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; `None` if it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match Self::at(path, Missing::Fails) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens a directory that is created first if need be, for its owner alone with any umask.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let directory = Self::at(path, Missing::IsCreated)?;
        if fstat(&directory.fd)?.st_mode & 0o7777 != PRIVATE_DIRECTORY.bits() {
            match fchmod(&directory.fd, PRIVATE_DIRECTORY) {
                // A read-only file system is reported by what needs to write.
                Ok(()) | Err(Errno::EROFS) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(directory)
    }

    fn at(path: &Path, missing: Missing) -> io::Result<Self> {
        let fd = Walk::to(path, missing)?;
        let stat = fstat(&fd)?;
        if !is_trusted(stat.st_uid) {
            return Err(io::Error::other(format!(
                "the directory belongs to the user {}",
                stat.st_uid
            )));
        }
        if stat.st_mode & WRITABLE_BY_OTHERS != 0 {
            return Err(io::Error::other("the directory is writable by other users"));
        }
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a whole file of at most `limit` bytes, which no other user can have written; `None` if there is none.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match self.file(name, OFlag::O_RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if fstat(&file)?.st_mode & WRITABLE_BY_OTHERS != 0 {
            return Err(io::Error::other("the file is writable by other users"));
        }
        let too_long = || io::Error::other(format!("longer than {} MiB", limit >> 20));
        let length = file.metadata()?.len();
        if length > limit {
            return Err(too_long());
        }
        // A long record is held once, and one for which the memory is missing is no abort.
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(usize::try_from(length).unwrap_or(0))
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        match file.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
            true => Err(too_long()),
            false => Ok(Some(bytes)),
        }
    }

    /// Returns whether there is a file of any kind.
    pub(super) fn exists(&self, name: &str) -> bool {
        fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    /// Opens a file for reading and writing; an empty one is created if there is none.
    pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let file = match self.file(name, OFlag::O_RDWR) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                File::from(openat(&self.fd, name, flags, PRIVATE_FILE)?)
            }
            file => file?,
        };
        if fstat(&file)?.st_mode & 0o7777 != PRIVATE_FILE.bits() {
            fchmod(&file, PRIVATE_FILE)?;
        }
        Ok(file)
    }

    /// Opens a regular file of a trusted owner. Anything else would block, or do what its maker wants.
    pub(super) fn file(&self, name: &str, flags: OFlag) -> io::Result<File> {
        is_regular(&fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)?;
        let flags =
            flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = openat(&self.fd, name, flags, Mode::empty())?;
        is_regular(&fstat(&file)?)?;
        Ok(File::from(file))
    }

    /// Replaces a file so that after a crash at any instant either the old or the new one exists, whole.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace_by(name, |file| file.write_all(bytes))
    }

    /// Replaces a file by what is written to it, in the same way.
    pub(super) fn replace_by(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let new = format!("{name}.new");
        let written = self.write_beside(name, &new, write);
        if written.is_err() {
            // Half a file is of no use, least of all on a full disk.
            let _ = self.delete(&new);
        }
        written
    }

    fn write_beside(
        &self,
        name: &str,
        new: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        self.delete(new)?;
        match fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => {}
            stat => is_regular(&stat?)?,
        }
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&self.fd, new, flags, PRIVATE_FILE)?);
        fchmod(&file, PRIVATE_FILE)?;
        write(&mut file)?;
        file.sync_all()?;
        renameat(&self.fd, new, &self.fd, name)?;
        Ok(fsync(&self.fd)?)
    }

    /// Moves a file to another name.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        renameat(&self.fd, from, &self.fd, to)?;
        Ok(fsync(&self.fd)?)
    }

    /// Deletes a file; one that does not exist is deleted already.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::ENOENT) => Ok(()),
            deleted => Ok(deleted.and_then(|()| fsync(&self.fd))?),
        }
    }
}

fn is_regular(stat: &FileStat) -> io::Result<()> {
    let problem = match kind(stat) {
        SFlag::S_IFREG if !is_trusted(stat.st_uid) => {
            format!("the file belongs to the user {}", stat.st_uid)
        }
        SFlag::S_IFREG => return Ok(()),
        SFlag::S_IFDIR => "it is a directory, not a file".to_owned(),
        SFlag::S_IFLNK => "it is a symbolic link, which is not followed".to_owned(),
        SFlag::S_IFIFO => "it is a FIFO, not a file".to_owned(),
        SFlag::S_IFSOCK => "it is a socket, not a file".to_owned(),
        _ => "it is a device, not a file".to_owned(),
    };
    Err(io::Error::other(problem))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use nix::unistd::mkfifo;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn modes_are_set_whatever_they_were() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        fs::write(path.join("lock"), "").unwrap();
        fs::set_permissions(path.join("lock"), Permissions::from_mode(0o666)).unwrap();
        let directory = Directory::create(&path).unwrap();
        directory.open_or_create("lock").unwrap();
        directory.replace("a", b"b").unwrap();
        assert_eq!(
            (mode(&path), mode(&path.join("lock")), mode(&path.join("a"))),
            (0o700, 0o600, 0o600)
        );
    }

    #[test]
    fn every_other_kind_of_file_is_refused_at_once() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::create(root.path()).unwrap();
        let path = root.path().join("x");
        let makers: [fn(&Path); 5] = [
            |path| mkfifo(path, Mode::S_IRWXU).unwrap(),
            |path| drop(UnixListener::bind(path).unwrap()),
            |path| fs::create_dir(path).unwrap(),
            |path| symlink("/etc/passwd", path).unwrap(),
            |path| symlink("nowhere", path).unwrap(),
        ];
        for make in makers {
            make(&path);
            for result in [
                directory.read("x", 100).map(drop),
                directory.open_or_create("x").map(drop),
                directory.replace("x", b"").map(drop),
            ] {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("it is a "), "{error}");
            }
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .unwrap();
        }
    }

    #[test]
    fn what_others_can_have_written_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::create(root.path()).unwrap();
        let path = root.path().join("x");
        fs::write(&path, "").unwrap();
        for mode in [0o620, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = directory.read("x", 1).unwrap_err().to_string();
            assert_eq!(error, "the file is writable by other users");
        }
    }

    #[test]
    fn a_long_file_is_not_read_whole() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::create(root.path()).unwrap();
        File::create(root.path().join("x"))
            .unwrap()
            .set_len(3 << 30)
            .unwrap();
        let error = directory.read("x", 1 << 20).unwrap_err().to_string();
        assert_eq!(error, "longer than 1 MiB");
        assert!(directory.read("y", 1 << 20).unwrap().is_none());
    }
}
