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
use std::ops::ControlFlow;
use std::path::PathBuf;

use nix::libc::ENOENT;

pub use listing::{
    ListedChange, ListedDestination, ListedForwarding, ListedId, ListedPersistence, ListedService,
    Listing,
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

    /// Returns whether the directory can be read. If not (`/proc` is not mounted, or hidden), nothing is
    /// known of ip_vs: that its files do not exist does not mean that it is not loaded.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.root.is_dir()
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

    /// Reads the table as [`listing`](Self::listing) does, service by service, until `visit` breaks: there may be tens of
    /// thousands of them. Returns what it broke with.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use lvs_core::proc::Proc;
    /// let mut active = 0;
    /// Proc::new().for_each_listed(|service| {
    ///     active += service.destinations.iter().map(|found| u64::from(found.active)).sum::<u64>();
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`listing`](Self::listing).
    pub fn for_each_listed<B>(
        &self,
        visit: impl FnMut(ListedService) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        self.read("ip_vs", |reader| while_listed(reader, visit))
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

    /// Reads the connections as [`connections`](Self::connections) does, one by one, until `visit` breaks:
    /// there may be millions of them. Returns what it broke with.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use lvs_core::ipvs::ConnectionState;
    /// use lvs_core::proc::Proc;
    /// let mut established = 0;
    /// Proc::new().for_each_connection(|connection| {
    ///     established += usize::from(connection.state == ConnectionState::Established);
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`connections`](Self::connections).
    pub fn for_each_connection<B>(
        &self,
        mut visit: impl FnMut(Connection) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        self.read("ip_vs_conn", |reader| {
            while_lines(reader, |line| match connection::parse(line) {
                Some(connection) => visit(connection),
                None => ControlFlow::Continue(()),
            })
        })
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
            .map_err(|source| self.unreadable(Operation::new("read", path.display()), source))
    }

    fn unreadable(&self, operation: Operation, source: io::Error) -> Error {
        let is_absent = source.raw_os_error() == Some(ENOENT);
        if is_absent && !self.is_readable() {
            return Error::io(operation, source).with_hint(
                "/proc is not mounted here, or hidden; mount it to see the state of ip_vs",
            );
        }
        if is_absent {
            return Error::new(operation, Cause::NotLoaded)
                .with_hint("load it with \"modprobe ip_vs\", or add a service, which loads it");
        }
        Error::io(operation, source)
    }
}

pub(crate) fn read_listing(reader: impl BufRead) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for_each_line(reader, |line| listing.read_line(line))?;
    Ok(listing)
}

/// Visits each service once the next one begins: its destinations are listed in between.
fn while_listed<B>(
    reader: impl BufRead,
    mut visit: impl FnMut(ListedService) -> ControlFlow<B>,
) -> io::Result<ControlFlow<B>> {
    let mut listing = Listing::default();
    let end = while_lines(reader, |line| {
        listing.read_line(line);
        match listing.services.len() {
            2.. => visit(listing.services.swap_remove(0)),
            _ => ControlFlow::Continue(()),
        }
    })?;
    let last = listing.services.pop().filter(|_| end.is_continue());
    Ok(last.map_or(end, visit))
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
fn for_each_line(reader: impl BufRead, mut read: impl FnMut(&str)) -> io::Result<()> {
    let end = while_lines(reader, |line| {
        read(line);
        ControlFlow::<()>::Continue(())
    });
    end.map(drop)
}

fn while_lines<B>(
    mut reader: impl BufRead,
    mut read: impl FnMut(&str) -> ControlFlow<B>,
) -> io::Result<ControlFlow<B>> {
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let end = read(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        if end.is_break() {
            return Ok(end);
        }
        line.clear();
    }
    Ok(ControlFlow::Continue(()))
}

impl Default for Proc {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::ConnectionState;

    #[test]
    fn an_absent_file_means_not_loaded() {
        let root = tempfile::tempdir().unwrap();
        let proc = Proc::at(root.path());
        assert!(!proc.is_ipvs_loaded());
        assert!(proc.listing().unwrap_err().is_not_loaded());
        assert!(proc.connections().unwrap_err().is_not_loaded());
    }

    /// Without /proc the files do not exist either, but nothing is known.
    #[test]
    fn an_absent_directory_does_not_mean_not_loaded() {
        let root = tempfile::tempdir().unwrap();
        let proc = Proc::at(root.path().join("net"));
        assert!(!proc.is_readable());
        let error = proc.listing().unwrap_err();
        assert!(!error.is_not_loaded() && error.is_not_found());
        assert!(
            error.to_string().contains("/proc is not mounted"),
            "{error}"
        );
    }

    #[test]
    fn services_are_visited_as_they_are_listed() {
        let text = listing::CAPTURE_6_1;
        let listed = read_listing(text.as_bytes()).unwrap().services;
        for most in 0..=listed.len() {
            let mut visited = Vec::new();
            let end = while_listed(text.as_bytes(), |service| {
                visited.push(service);
                match visited.len() > most {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            assert_eq!(end.unwrap().is_break(), most < listed.len());
            assert_eq!(visited, listed[..listed.len().min(most + 1)]);
        }
        let none = while_listed(&b""[..], |_| ControlFlow::Break(()));
        assert!(none.unwrap().is_continue());
    }

    #[test]
    fn connections_are_visited_until_it_breaks() {
        let root = tempfile::tempdir().unwrap();
        let line = "TCP 0A000001 CF66 0A000001 0050 0A000102 0050 SYN_RECV         59\n";
        std::fs::write(root.path().join("ip_vs_conn"), line.repeat(3)).unwrap();
        let mut seen = 0;
        let end = Proc::at(root.path()).for_each_connection(|connection| {
            seen += 1;
            match seen {
                2 => ControlFlow::Break(connection.state),
                _ => ControlFlow::Continue(()),
            }
        });
        assert_eq!(end.unwrap(), ControlFlow::Break(ConnectionState::SynRecv));
        assert_eq!(seen, 2);
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
