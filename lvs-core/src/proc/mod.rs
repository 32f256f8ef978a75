//! The `/proc` files of IPVS: the table, the totals and every connection.
//!
//! The files are those of `/proc/thread-self/net`, which show the network namespace of the thread that
//! reads them; `/proc/net` would show the main thread's. They need no privilege and no netlink. Reading
//! the table here is several times faster than by netlink, but it contains less: see [`Listing`].

mod connection;
mod listing;
mod text;
mod totals;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use nix::libc::ENOENT;

pub use listing::{
    ListedDestination, ListedForwarding, ListedId, ListedPersistence, ListedService, Listing,
};

use crate::error::{Cause, Error, Operation, Result};
use crate::ipvs::{Connection, Stats};

/// Reads the files that IPVS has in `/proc`.
///
/// ```no_run
/// use lvs_core::proc::Proc;
/// for (service, destination) in Proc::new().listing()?.destinations() {
///     println!("{service:?} {}: {} active", destination.id, destination.active);
/// }
/// # Ok::<(), lvs_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proc {
    root: PathBuf,
}

impl Proc {
    /// Returns a reader of the calling thread's network namespace.
    #[must_use]
    pub fn new() -> Self {
        Self::at("/proc/thread-self/net")
    }

    /// Returns a reader of another directory, such as `/proc/PID/net`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns whether ip_vs is loaded, without ever loading it, as every netlink request would.
    #[must_use]
    pub fn is_ipvs_loaded(&self) -> bool {
        self.root.join("ip_vs").exists()
    }

    /// Reads the table (`ip_vs`): services and destinations in the order in which the kernel walks them.
    ///
    /// # Errors
    /// ip_vs is not loaded ([`Error::is_not_loaded`]), or `/proc` cannot be read.
    pub fn listing(&self) -> Result<Listing> {
        self.read("ip_vs", read_listing)
    }

    /// Reads the sums over all services (`ip_vs_stats`), which are up to 2 seconds old.
    ///
    /// # Errors
    /// ip_vs is not loaded ([`Error::is_not_loaded`]), or `/proc` cannot be read.
    pub fn totals(&self) -> Result<Stats> {
        self.read("ip_vs_stats", read_totals)?.ok_or_else(|| {
            let operation = Operation::new("read", self.root.join("ip_vs_stats").display());
            let problem = "it does not contain five sums".to_owned();
            Error::new(operation, Cause::Decode(problem))
        })
    }

    /// Reads the connections and persistence templates (`ip_vs_conn`), in no particular order.
    ///
    /// While the kernel resizes its table, a connection may be missing or appear twice. Connections of
    /// one-packet services never appear.
    ///
    /// # Errors
    /// ip_vs is not loaded ([`Error::is_not_loaded`]), or `/proc` cannot be read.
    pub fn connections(&self) -> Result<Vec<Connection>> {
        self.read("ip_vs_conn", read_connections)
    }

    /// Reads the connections with the origin of each, but without persistence engines
    /// (`ip_vs_conn_sync`).
    ///
    /// # Errors
    /// ip_vs is not loaded ([`Error::is_not_loaded`]), or `/proc` cannot be read.
    pub fn sync_connections(&self) -> Result<Vec<Connection>> {
        self.read("ip_vs_conn_sync", read_sync_connections)
    }

    fn read<T>(
        &self,
        file: &str,
        read: impl FnOnce(BufReader<File>) -> io::Result<T>,
    ) -> Result<T> {
        let path = self.root.join(file);
        File::open(&path)
            .map(BufReader::new)
            .and_then(read)
            .map_err(|source| unreadable(Operation::new("read", path.display()), source))
    }
}

pub(crate) fn read_listing(reader: impl BufRead) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for_each_line(reader, |line| listing.read_line(line))?;
    Ok(listing)
}

/// Returns `None` unless the file contains five sums.
pub(crate) fn read_totals(reader: impl BufRead) -> io::Result<Option<Stats>> {
    let mut lines = Vec::new();
    for_each_line(reader, |line| lines.push(line.to_owned()))?;
    Ok(totals::parse(lines.iter().map(String::as_str)))
}

pub(crate) fn read_connections(reader: impl BufRead) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for_each_line(reader, |line| connections.extend(connection::parse(line)))?;
    Ok(connections)
}

pub(crate) fn read_sync_connections(reader: impl BufRead) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for_each_line(reader, |line| {
        connections.extend(connection::parse_sync(line));
    })?;
    Ok(connections)
}

/// Reads line by line, because there may be millions of connections. Data of persistence engines is raw
/// bytes; bytes that are not UTF-8 are replaced.
fn for_each_line(mut reader: impl BufRead, mut read: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        read(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        line.clear();
    }
    Ok(())
}

impl Default for Proc {
    fn default() -> Self {
        Self::new()
    }
}

fn unreadable(operation: Operation, source: io::Error) -> Error {
    if source.raw_os_error() == Some(ENOENT) {
        return Error::new(operation, Cause::NotLoaded)
            .with_hint("load it with \"modprobe ip_vs\", or add a service, which loads it");
    }
    Error::io(operation, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_file_means_not_loaded() {
        let root = tempfile::tempdir().unwrap();
        let proc = Proc::at(root.path());
        assert!(!proc.is_ipvs_loaded());
        assert!(proc.listing().unwrap_err().is_not_loaded());
        assert!(proc.connections().unwrap_err().is_not_loaded());
    }

    #[test]
    fn files_are_read_whole() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("ip_vs"), listing::CAPTURE_6_1).unwrap();
        std::fs::write(root.path().join("ip_vs_stats"), "no numbers\n").unwrap();
        let proc = Proc::at(root.path());
        assert!(proc.is_ipvs_loaded());
        assert_eq!(proc.listing().unwrap().services.len(), 6);
        let error = proc.totals().unwrap_err().to_string();
        assert!(error.contains("does not contain five sums"), "{error}");
    }
}
