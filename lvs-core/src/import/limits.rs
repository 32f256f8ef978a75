//! How much is read and made at most, whatever the source: a short text must not become an endless one.

/// Lines of a source, those of the files that it includes counted too: a table of 250,000 destinations has fewer.
pub(super) const LINES: usize = 500_000;
/// Bytes that are read, and made by variables, definitions and loops.
pub(super) const BYTES: usize = 64 << 20;
/// Bytes of one command, once its variables are replaced.
pub(super) const COMMAND: usize = 1 << 20;
/// Services, by ranges of addresses and ports.
pub(super) const SERVICES: usize = 4096;
/// Destinations; a range of services times many servers is many.
pub(super) const DESTINATIONS: usize = 65_536;
/// Lines that sequences and lists of keepalived make.
pub(super) const SEQUENCED: usize = 8192;
/// Rounds of a loop, and values of a list: a range of addresses has about as many.
pub(super) const ROUNDS: usize = 4096;
/// Arguments of a function, as many as a line has by hand.
pub(super) const ARGUMENTS: usize = 256;
/// Sockets that one rule of a packet filter marks, by ranges of ports: each one is a line of the file.
pub(super) const MARKED: usize = 256;
/// How deep files include files, definitions name definitions, blocks, functions and brackets are in one another;
/// those of people are five deep.
pub(super) const DEPTH: usize = 16;
/// Characters of an expression of arithmetic.
pub(super) const EXPRESSION: usize = 1024;
/// Steps of the comparison of a value with a pattern: one for each character and each place in the pattern.
pub(super) const MATCHING: usize = 1 << 20;
/// Steps of all comparisons of the arms of a `case`.
pub(super) const MATCHINGS: usize = 1 << 26;
/// Scripts that a script reads, each with the variables that it may set.
pub(super) const SOURCES: usize = 64;
