//! Records as files. A record is written whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::former::names;
use super::lasting;
use super::place::Place;
use crate::cluster::{ClusterName, NodeName, Record, Role};
use crate::error::{Error, Operation, Result};

/// A record with the kernel and network namespace that it describes.
#[derive(Serialize, Deserialize)]
struct Placed<T> {
    place: Place,
    record: T,
}

/// The longest record that is written and read: of some 600,000 destinations, each of which takes up to 900 bytes.
const MAX_LENGTH: u64 = 512 << 20;
/// How much of a record is written at a time.
const WRITE: usize = 64 << 10;

/// No name of a cluster or a node has an `@`, so no two records share a file.
pub(super) fn path(directory: &Path, cluster: &ClusterName, node: &NodeName) -> PathBuf {
    directory.join(format!("{cluster}@{node}.json"))
}

/// The files that may have one record. The second one is that of a namespace which shares the state directory
/// with another that has the same node.
struct Files<'a> {
    first: &'a str,
    second: String,
    here: Place,
}

impl<'a> Files<'a> {
    fn of(path: &'a Path) -> Result<Self> {
        let here = Place::here()?;
        let first = name(path).map_err(|source| failed("name record", path, source))?;
        let stem = first.strip_suffix(".json").unwrap_or(first);
        Ok(Self {
            second: format!("{stem}@{}.json", here.suffix()),
            first,
            here,
        })
    }

    /// Returns the file that this namespace writes: never one with what another has applied.
    fn own(&self, directory: &Directory) -> io::Result<&str> {
        let is_taken = directory.exists(&self.second)
            || directory
                .read(self.first, MAX_LENGTH)?
                .and_then(|bytes| serde_json::from_slice::<Placed<Applied>>(&bytes).ok())
                .is_some_and(|other| {
                    let place = &other.place;
                    other.record.applied
                        && !place.is_of_another_boot(&self.here)
                        && !place.is(&self.here)
                });
        Ok(match is_taken {
            true => &self.second,
            false => self.first,
        })
    }

    fn read(&self, directory: &Directory) -> io::Result<Option<Vec<u8>>> {
        match directory.read(&self.second, MAX_LENGTH)? {
            None => directory.read(self.first, MAX_LENGTH),
            own => Ok(own),
        }
    }
}

/// Returns the name of the file that makes a director standby whatever its record says.
fn standby(record: &str) -> String {
    let stem = record.strip_suffix(".json").unwrap_or(record);
    format!("{stem}.standby")
}

/// Makes a director standby whatever its record says, until that is written with a role: an empty file is made on a
/// full disk, too, and without the lock.
pub(super) fn mark_standby(path: &Path) -> Result<()> {
    let files = Files::of(path)?;
    let marked = within(path, |directory| {
        let directory = existing(directory)?;
        let name = standby(files.own(directory)?);
        directory.open_or_create(&name).map(drop)
    });
    marked.map_err(|source| failed("mark as standby", path, source))
}

/// Lets the record decide again.
pub(super) fn unmark_standby(path: &Path) {
    if let Ok(files) = Files::of(path) {
        // One that stays is safe: a standby is made active by its role.
        let _ = within(path, |directory| {
            let directory = existing(directory)?;
            directory.delete(&standby(files.own(directory)?))
        });
    }
}

/// Returns whether a director is standby whatever its record says.
pub(super) fn is_marked_standby(path: &Path) -> bool {
    let is_marked = || {
        let files = Files::of(path).ok()?;
        let own = |directory: &Directory| Ok(directory.exists(&standby(files.own(directory)?)));
        within(path, |directory| own(existing(directory)?)).ok()
    };
    is_marked() == Some(true)
}

/// What a record says of whether its file may be written by another namespace.
#[derive(Deserialize)]
struct Applied {
    applied: bool,
}

/// Lists the records of a directory by their first files, those that outlived a reboot included; a directory that
/// does not exist has none.
pub(super) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for listed in [directory, &lasting::directory(directory)] {
        let failed = |source| failed("list", listed, source);
        let entries = match fs::read_dir(listed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().and_then(first);
            paths.extend(name.map(|name| directory.join(name)));
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Returns the name of a record's first file.
fn first(name: &str) -> Option<String> {
    let (cluster, rest) = name.strip_suffix(".json")?.split_once('@')?;
    let node = rest.split_once('@').map_or(rest, |(node, _)| node);
    Some(format!("{cluster}@{node}.json"))
}

/// Reads a record; `None` if there is no file. Of a record of another kernel or network namespace only the
/// drains count.
pub(super) fn read(path: &Path) -> Result<Option<Record>> {
    let mut record = read_written(path)?;
    if let Some(record) = &mut record
        && record.role == Some(Role::Active)
        && is_marked_standby(path)
    {
        record.role = Some(Role::Standby);
    }
    Ok(record)
}

fn read_written(path: &Path) -> Result<Option<Record>> {
    let files = Files::of(path)?;
    let operation = || Operation::new("read record", path.display());
    let unread = |source| Error::io(operation(), source).with_hint(WITHOUT);
    let read = within(path, |directory| match directory {
        Some(directory) => files.read(directory),
        None => Ok(None),
    });
    let Some(bytes) = read.map_err(unread)? else {
        return lasting::read(parent(path), files.first, &files.here).map_err(unread);
    };
    let mut placed: Placed<Record> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid(operation(), error.to_string()).with_hint(WITHOUT))?;
    // A record that has just moved is of its new name, although its text has still the old one.
    let (cluster, node) = names(path).unwrap_or_default();
    if let (Ok(cluster), Ok(node)) = (ClusterName::new(cluster), NodeName::new(node)) {
        (placed.record.cluster, placed.record.node) = (cluster, node);
    }
    if placed.place.is(&files.here) {
        return Ok(Some(placed.record));
    }
    let is_of_another_boot = placed.place.is_of_another_boot(&files.here);
    Ok(Some(placed.record.elsewhere(is_of_another_boot)))
}

const WITHOUT: &str = "correct the file, or delete it. Without it `apply` takes the \
     present configuration for the original one, and `remove` deletes only what cannot be unmanaged";

/// Writes a record so that after a crash at any instant either the old or the new one exists, whole.
pub(super) fn write(path: &Path, record: &Record) -> Result<()> {
    let files = Files::of(path)?;
    let unwritten = |source| {
        failed("write record", path, source).with_hint(
            "the record of the original configuration is kept there: make room, or name another directory (--state)",
        )
    };
    let own = within(path, |directory| {
        files.own(existing(directory)?).map(str::to_owned)
    });
    let own = own.map_err(unwritten)?;
    lasting::write(parent(path), &own, record, &files.here).map_err(|source| {
        let directory = lasting::directory(parent(path));
        failed("write what outlives a reboot in", &directory, source).with_hint(
            "drains and the role are kept there: make room, or name another directory (--state)",
        )
    })?;
    let placed = Placed {
        place: files.here,
        record,
    };
    let written = within(path, |directory| {
        existing(directory)?.replace_by(&own, |file| {
            let mut out = BufWriter::with_capacity(WRITE, &mut *file);
            serde_json::to_writer_pretty(&mut out, &placed)?;
            out.flush()?;
            drop(out);
            match file.metadata()?.len() {
                // It could not be read again.
                length if length > MAX_LENGTH => Err(io::ErrorKind::FileTooLarge.into()),
                _ => Ok(()),
            }
        })
    });
    written.map_err(unwritten)?;
    if record.role != Some(Role::Active) {
        unmark_standby(path);
    }
    Ok(())
}

/// Moves a record to another name, whole or not at all.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    let (old, new) = (Files::of(from)?, Files::of(to)?);
    let moved = within(from, |directory| {
        let directory = existing(directory)?;
        let old = old.own(directory)?;
        let new = new.own(directory)?;
        directory.rename(old, new)?;
        // It exists seldom.
        let _ = directory.rename(&standby(old), &standby(new));
        lasting::delete(parent(from), old)
    });
    moved.map_err(|source| failed("move record", from, source))
}

/// Returns whether this namespace has the record.
pub(super) fn exists(path: &Path) -> Result<bool> {
    let files = Files::of(path)?;
    let exists = within(path, |directory| match directory {
        Some(directory) => Ok(directory.exists(files.own(directory)?)),
        None => Ok(false),
    });
    exists.map_err(|source| failed("find record", path, source))
}

/// Deletes a record; one that does not exist is deleted already.
pub(super) fn delete(path: &Path) -> Result<()> {
    let files = Files::of(path)?;
    let deleted = within(path, |directory| {
        let Some(directory) = directory else {
            return lasting::delete(parent(path), files.first);
        };
        let own = files.own(directory)?;
        directory.delete(own)?;
        directory.delete(&standby(own))?;
        lasting::delete(parent(path), own)
    });
    deleted.map_err(|source| failed("delete record", path, source))
}

fn failed(verb: &'static str, path: &Path, source: io::Error) -> Error {
    Error::io(Operation::new(verb, path.display()), source)
}

fn existing(directory: Option<&Directory>) -> io::Result<&Directory> {
    directory.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Does something in the directory of a record.
fn within<T>(
    path: &Path,
    action: impl FnOnce(Option<&Directory>) -> io::Result<T>,
) -> io::Result<T> {
    action(Directory::open(parent(path))?.as_ref())
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

    /// Makes a record that of another namespace.
    fn elsewhere(path: &Path) -> String {
        let text = fs::read_to_string(path).unwrap();
        let other = text
            .replacen("\"cookie\": ", "\"cookie\": 9", 1)
            .replacen("\"inode\": ", "\"inode\": 9", 1)
            .replacen("\"applied\": false", "\"applied\": true", 1);
        assert_ne!(other, text);
        fs::write(path, &other).unwrap();
        other
    }

    #[test]
    fn two_namespaces_keep_two_records() {
        let (directory, path) = written();
        let other = elsewhere(&path);
        assert!(!read(&path).unwrap().unwrap().is_applied());
        let mut own = record();
        own.applied = true;
        write(&path, &own).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
        assert_eq!(read(&path).unwrap(), Some(own));
        assert_eq!(all(directory.path()).unwrap(), std::slice::from_ref(&path));

        let renamed = directory.path().join("web@lb1.json");
        rename(&path, &renamed).unwrap();
        assert_eq!(read(&renamed).unwrap().unwrap().node().as_str(), "lb1");
        rename(&renamed, &path).unwrap();
        delete(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
        assert!(!exists(&path).unwrap());
    }

    #[test]
    fn what_was_removed_in_another_namespace_is_replaced() {
        let (directory, path) = written();
        let other = elsewhere(&path).replace("\"applied\": true", "\"applied\": false");
        fs::write(&path, other).unwrap();
        write(&path, &record()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
