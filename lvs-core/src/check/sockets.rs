//! The sockets on which programs listen: `tcp`, `tcp6`, `udp` and `udp6` of `/proc/thread-self/net`.
//!
//! A line of headings is followed by one line for each socket: number, local address and port, remote address and
//! port, state, and fields that are not needed here. An address is printed as 32-bit words in the host's byte order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::facts::ListeningSocket;
use crate::ipvs::Protocol;

/// `TCP_LISTEN`.
const LISTENING: &str = "0A";
/// `TCP_SYN_RECV`: the answer to a request was not confirmed yet.
const WAITING: &str = "03";
/// `TCP_ESTABLISHED` and `TCP_CLOSE_WAIT`, the states of a connection whose client awaits, or awaited, a reply.
const OPEN: [&str; 2] = ["01", "08"];
/// The inode of a socket that belongs to no program: before it is accepted, and after it was closed.
const UNOWNED: &str = "0";
/// `TCP_CLOSE`, the state of a UDP socket that is not connected.
const UNCONNECTED: &str = "07";

/// Returns the sockets of a file that take packets of any sender; lines that are not understood are skipped.
pub(super) fn parse(protocol: Protocol, text: &str) -> impl Iterator<Item = ListeningSocket> {
    let wanted = if protocol == Protocol::TCP {
        LISTENING
    } else {
        UNCONNECTED
    };
    text.lines().filter_map(move |line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, _, state) = (words.next()?, words.next()?, words.next()?);
        let address = socket(local).filter(|_| state == wanted)?;
        Some(ListeningSocket { protocol, address })
    })
}

/// Returns the own and the other end of the connections of a TCP file whose peers wait for an answer.
pub(super) fn waiting_peers(text: &str) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (own, other, state) = (words.next()?, words.next()?, words.next()?);
        (state == WAITING).then_some((canonical(own)?, canonical(other)?))
    })
}

/// Returns the own and the other end of the connections of a TCP file that no program has accepted yet.
pub(super) fn unaccepted(text: &str) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (own, other, state) = (words.next()?, words.next()?, words.next()?);
        let inode = words.nth(5)?;
        let waits = OPEN.contains(&state) && inode == UNOWNED;
        waits.then_some((canonical(own)?, canonical(other)?))
    })
}

/// Returns the sockets of a UDP file whose queue holds datagrams that no program has read.
pub(super) fn unread(text: &str) -> impl Iterator<Item = SocketAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (own, queues) = (words.next()?, words.nth(2)?);
        let (_, received) = queues.split_once(':')?;
        let bytes = u32::from_str_radix(received, 16).ok()?;
        socket(own).filter(|_| bytes > 0)
    })
}

/// Reads a socket, an IPv4 one of an IPv6 file as IPv4.
fn canonical(text: &str) -> Option<SocketAddr> {
    let end = socket(text)?;
    Some(SocketAddr::new(end.ip().to_canonical(), end.port()))
}

fn socket(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddr::new(ip(address)?, port))
}

fn ip(hex: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = hex.as_bytes().chunks(8).map(word).collect();
    match words?.as_slice() {
        [bytes] => Some(Ipv4Addr::from(*bytes).into()),
        words => {
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
    }
}

fn word(hex: &[u8]) -> Option<[u8; 4]> {
    let hex = std::str::from_utf8(hex).ok().filter(|hex| hex.len() == 8)?;
    u32::from_str_radix(hex, 16).ok().map(u32::to_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a little-endian host: one listening on 127.0.0.1:80, one on every address, one connected.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0B01A8C0:0016 0C01A8C0:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1
";
    const TCP6: &str = "  sl  local_address                         remote_address st
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0
   1: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0
";
    const UDP: &str = "  sl  local_address rem_address   st
  12: 00000000:0035 00000000:0000 07 0
  13: 0100007F:8000 0100007F:0035 01 0
";

    fn addresses(protocol: Protocol, text: &str) -> Vec<String> {
        parse(protocol, text)
            .map(|socket| socket.address.to_string())
            .collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_listen_are_found() {
        assert_eq!(
            addresses(Protocol::TCP, TCP),
            ["127.0.0.1:80", "0.0.0.0:22"]
        );
        assert_eq!(
            addresses(Protocol::TCP, TCP6),
            ["[::]:80", "[2001:db8::1]:443"]
        );
        assert_eq!(addresses(Protocol::UDP, UDP), ["0.0.0.0:53"]);
    }

    #[test]
    fn who_waits_for_an_answer() {
        let text = "  sl  local_address rem_address   st
   0: 0C01A8C0:0050 640510AC:D431 03 0
   1: 0C01A8C0:0050 650510AC:D431 01 0
   2: 0000000000000000FFFF00000C01A8C0:0050 0000000000000000FFFF0000660510AC:0102 03 0
";
        let found: Vec<_> = waiting_peers(text)
            .map(|(own, other)| format!("{own} {other}"))
            .collect();
        let expected = [
            "192.168.1.12:80 172.16.5.100:54321",
            "192.168.1.12:80 172.16.5.102:258",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn connections_that_no_program_has_accepted() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0C01A8C0:0050 640510AC:D431 01 00000000:00000005 00:00000000 00000000     0        0 0 1 0
   1: 0C01A8C0:0050 650510AC:D431 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   2: 0C01A8C0:0050 660510AC:D431 08 00000000:00000006 00:00000000 00000000     0        0 0 1 0
   3: 0C01A8C0:0050 670510AC:D431 06 00000000:00000000 03:00000019 00000000     0        0 0 3 0
";
        let found: Vec<_> = unaccepted(text)
            .map(|(_, other)| other.to_string())
            .collect();
        assert_eq!(found, ["172.16.5.100:54321", "172.16.5.102:54321"]);
    }

    #[test]
    fn datagrams_that_no_program_has_read() {
        let text =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
  12: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  13: 00000000:0050 00000000:0000 07 00000000:00000300 00:00000000 00000000     0
";
        let found: Vec<_> = unread(text).map(|own| own.to_string()).collect();
        assert_eq!(found, ["0.0.0.0:80"]);
    }

    #[test]
    fn text_that_is_cut_off_is_read_without_harm() {
        for text in [TCP, TCP6, UDP] {
            for end in 0..text.len() {
                assert!(parse(Protocol::TCP, &text[..end]).count() <= 2);
            }
        }
        assert_eq!(
            addresses(Protocol::TCP, "0: \u{e9}\u{e9}\u{e9}\u{e9}:0050 x 0A"),
            [""; 0]
        );
    }
}
