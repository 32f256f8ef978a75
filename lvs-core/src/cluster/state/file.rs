//! Records as files. A record is written whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::former::names;
use super::lasting;
use super::place::Place;
use crate::cluster::{ClusterName, NodeName, Record};
use crate::error::{Error, Operation, Result};

/// A record with the kernel and network namespace that it describes.
#[derive(Serialize, Deserialize)]
struct Placed<T> {
    place: Place,
    record: T,
}

/// The longest record that is read. One of 250,000 destinations is estimated at a third of it, not measured.
const MAX_LENGTH: u64 = 512 << 20;

/// No name of a cluster has an `@`, so no two records share a file.
pub(super) fn path(directory: &Path, cluster: &ClusterName, node: &NodeName) -> PathBuf {
    directory.join(format!("{cluster}@{node}.json"))
}

/// Lists the records of a directory, those that outlived a reboot included; a directory that does not exist has
/// none.
pub(super) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io(Operation::new("list", directory.display()), source);
    let list = |directory: &Path| match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        entries => entries.map(Some).map_err(failed),
    };
    let entries = list(directory)?;
    let lasting = list(&lasting::directory(directory))?;
    let mut paths = Vec::new();
    for entry in entries.into_iter().chain(lasting).flatten() {
        let path = directory.join(entry.map_err(failed)?.file_name());
        if name(&path).is_ok_and(|name| name.contains('@') && name.ends_with(".json")) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Reads a record; `None` if there is no file. Of a record of another kernel or network namespace only the
/// drains count.
pub(super) fn read(path: &Path) -> Result<Option<Record>> {
    let operation = || Operation::new("read record", path.display());
    let read = within(path, |directory, name| match directory {
        Some(directory) => directory.read(name, MAX_LENGTH),
        None => Ok(None),
    });
    let unread = |source| Error::io(operation(), source).with_hint(WITHOUT);
    let Some(bytes) = read.map_err(unread)? else {
        return name(path)
            .and_then(|name| lasting::read(parent(path), name))
            .map_err(unread);
    };
    let mut placed: Placed<Record> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid(operation(), error.to_string()).with_hint(WITHOUT))?;
    // A record that has just moved is of its new name, although its text has still the old one.
    let (cluster, node) = names(path).unwrap_or_default();
    if let (Ok(cluster), Ok(node)) = (ClusterName::new(cluster), NodeName::new(node)) {
        (placed.record.cluster, placed.record.node) = (cluster, node);
    }
    if placed.place == Place::here()? {
        return Ok(Some(placed.record));
    }
    let is_another_boot = placed.place.is_another_boot();
    Ok(Some(placed.record.elsewhere(is_another_boot)))
}

const WITHOUT: &str = "nothing was changed: correct the file, or delete it. Without it `apply` takes the \
     present configuration for the original one, and `remove` deletes only what cannot be unmanaged";

/// Writes a record so that after a crash at any instant either the old or the new one exists, whole.
pub(super) fn write(path: &Path, record: &Record) -> Result<()> {
    let placed = Placed {
        place: Place::here()?,
        record,
    };
    let kept =
        name(path).and_then(|name| lasting::write(parent(path), name, record, &placed.place));
    kept.map_err(|source| {
        let directory = lasting::directory(parent(path));
        let operation = Operation::new("write what outlives a reboot in", directory.display());
        Error::io(operation, source).with_hint(
            "drains and the role are kept there: make room, or name another directory (--state)",
        )
    })?;
    let written = serde_json::to_string_pretty(&placed)
        .map_err(io::Error::from)
        .and_then(|text| {
            within(path, |directory, name| {
                directory
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?
                    .replace(name, text.as_bytes())
            })
        });
    written.map_err(|source| {
        let operation = Operation::new("write record", path.display());
        Error::io(operation, source)
            .with_hint("the record of the original configuration is kept there: make room, or name another directory (--state)")
    })
}

/// Moves a record to another name, whole or not at all.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    within(from, |directory, old| {
        directory
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?
            .rename(old, name(to)?)?;
        lasting::delete(parent(from), old)
    })
    .map_err(|source| Error::io(Operation::new("move record", from.display()), source))
}

/// Deletes a record; one that does not exist is deleted already.
pub(super) fn delete(path: &Path) -> Result<()> {
    let deleted = within(path, |directory, name| match directory {
        Some(directory) => directory.delete(name),
        None => Ok(()),
    });
    let deleted = deleted.and_then(|()| lasting::delete(parent(path), name(path)?));
    deleted.map_err(|source| Error::io(Operation::new("delete record", path.display()), source))
}

/// Does something with a file by its name in its directory.
fn within<T>(
    path: &Path,
    action: impl FnOnce(Option<&Directory>, &str) -> io::Result<T>,
) -> io::Result<T> {
    action(Directory::open(parent(path))?.as_ref(), name(path)?)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}

fn name(path: &Path) -> io::Result<&str> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| io::Error::other("not a name of a record"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Draining, Role};

    fn record() -> Record {
        Record::new("web".parse().unwrap(), "director".parse().unwrap())
    }

    fn written() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = path(directory.path(), record().cluster(), record().node());
        write(&path, &record()).unwrap();
        (directory, path)
    }

    #[test]
    fn what_was_written_is_read() {
        let (directory, path) = written();
        assert_eq!(read(&path).unwrap(), Some(record()));
        assert_eq!(all(directory.path()).unwrap(), std::slice::from_ref(&path));
        delete(&path).unwrap();
        delete(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn every_cut_is_refused_and_says_what_to_do() {
        let (_directory, path) = written();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let error = read(&path).unwrap_err();
            assert!(
                error.is_invalid() && error.hint().unwrap().contains("delete it"),
                "{error}"
            );
        }
    }

    #[test]
    fn one_that_cannot_be_written_leaves_the_old_one() {
        let (_directory, path) = written();
        fs::create_dir(path.with_extension("json.new")).unwrap();
        let error = write(&path, &record()).unwrap_err();
        assert!(error.to_string().contains("web@director.json"), "{error}");
        assert_eq!(read(&path).unwrap(), Some(record()));
    }

    #[test]
    fn drains_and_the_role_outlive_a_reboot() {
        let directory = tempfile::tempdir().unwrap();
        let mut drained = record();
        drained.role = Some(Role::Standby);
        drained.drains = [("192.168.1.12".parse().unwrap(), Draining::Quiet)].into();
        let path = path(directory.path(), record().cluster(), record().node());
        write(&path, &drained).unwrap();
        // The reboot: /run is empty, and the kernel another one.
        fs::remove_file(&path).unwrap();
        let lasting = lasting::directory(directory.path()).join(path.file_name().unwrap());
        let text = fs::read_to_string(&lasting).unwrap();
        fs::write(&lasting, text.replacen("\"boot\": \"", "\"boot\": \"0", 1)).unwrap();
        assert_eq!(all(directory.path()).unwrap(), std::slice::from_ref(&path));
        assert_eq!(read(&path).unwrap(), Some(drained));
        write(&path, &record()).unwrap();
        assert!(!lasting.exists());
    }

    #[test]
    fn one_of_another_boot_tells_nothing() {
        let (_directory, path) = written();
        let text = fs::read_to_string(&path).unwrap();
        let other = text.replacen("\"boot\": \"", "\"boot\": \"0", 1);
        let other = other.replace("\"applied\": false", "\"applied\": true");
        fs::write(&path, other).unwrap();
        assert!(!read(&path).unwrap().unwrap().is_applied());
    }
}
