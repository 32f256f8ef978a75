//! Records as files. A record is written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::former::names;
use super::place::Place;
use crate::cluster::{ClusterName, NodeName, Record};
use crate::error::{Error, Operation, Result};

/// A record with the kernel and network namespace that it describes.
#[derive(Serialize, Deserialize)]
struct Placed<T> {
    place: Place,
    record: T,
}

/// No name of a cluster has an `@`, so no two records share a file.
pub(super) fn path(directory: &Path, cluster: &ClusterName, node: &NodeName) -> PathBuf {
    directory.join(format!("{cluster}@{node}.json"))
}

/// Lists the records in a directory; a directory that does not exist has none.
pub(super) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io(Operation::new("list", directory.display()), source);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.contains('@') && name.ends_with(".json")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads a record; `None` if there is no file. Of a record of another kernel or network namespace only the
/// drains count.
pub(super) fn read(path: &Path) -> Result<Option<Record>> {
    let operation = || Operation::new("read record", path.display());
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|source| Error::io(operation(), source).with_hint(WITHOUT))?,
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
    Ok(Some(placed.record.drains_only()))
}

const WITHOUT: &str = "nothing was changed: correct the file, or delete it. Without it `apply` takes the \
     present configuration for the original one, and `remove` deletes only what cannot be unmanaged";

/// Writes a record so that after a crash at any instant either the old or the new one exists, whole.
pub(super) fn write(path: &Path, record: &Record) -> Result<()> {
    let placed = Placed {
        place: Place::here()?,
        record,
    };
    let text = serde_json::to_string_pretty(&placed);
    let new = path.with_extension("json.new");
    let written = text
        .map_err(io::Error::from)
        .and_then(|text| replace(path, &new, text.as_bytes()));
    written.map_err(|source| {
        // Half a file is of no use, least of all on a full disk.
        let _ = fs::remove_file(&new);
        let operation = Operation::new("write record", path.display());
        Error::io(operation, source)
            .with_hint("the record of the original configuration is kept there: make room, or name another directory (--state)")
    })
}

fn replace(path: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).open(new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    sync_directory(path)
}

/// Moves a record to another name, whole or not at all.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .and_then(|()| sync_directory(to))
        .map_err(|source| Error::io(Operation::new("move record", from.display()), source))
}

/// Deletes a record; one that does not exist is deleted already.
pub(super) fn delete(path: &Path) -> Result<()> {
    let deleted = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(path),
    };
    deleted.map_err(|source| Error::io(Operation::new("delete record", path.display()), source))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn one_of_another_boot_tells_nothing() {
        let (_directory, path) = written();
        let text = fs::read_to_string(&path).unwrap();
        let other = text.replacen("\"boot\": \"", "\"boot\": \"0", 1);
        let other = other.replace("\"applied\": false", "\"applied\": true");
        fs::write(&path, other).unwrap();
        assert!(!read(&path).unwrap().unwrap().is_applied());
    }
}
