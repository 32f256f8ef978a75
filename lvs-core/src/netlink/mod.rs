//! Exchanges with the kernel over netlink: bytes in, bytes out, without their meaning.
//!
//! [`attributes`] reads and writes the type-length-value lists, [`packet`] packs requests,
//! [`exchange`] decides which datagrams answer them, [`conn`] is the only file with a socket.

pub(crate) mod attributes;
pub(crate) mod conn;
pub(crate) mod exchange;
pub(crate) mod family;
pub(crate) mod packet;

pub(crate) use conn::Conn;
pub(crate) use exchange::Reply;
