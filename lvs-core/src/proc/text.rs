//! The notation that IPVS uses for addresses and protocols in `/proc`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::ipvs::Protocol;

/// Parses an address: `0A000001` is 10.0.0.1; IPv6 is written out in full, with or without brackets.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        return inner.unwrap_or(text).parse().ok().map(IpAddr::V6);
    }
    hex(text, 8).map(|bits| Ipv4Addr::from_bits(bits).into())
}

/// Parses an address and a port of 4 hexadecimal digits.
pub(super) fn socket(address: &str, port: &str) -> Option<SocketAddr> {
    let port = u16::try_from(hex(port, 4)?).ok()?;
    Some(SocketAddr::new(ip(address)?, port))
}

/// Parses exactly that many hexadecimal digits, and no sign, which the standard library would accept.
pub(super) fn hex(text: &str, digits: usize) -> Option<u32> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(text, 16).ok())?
}

/// Returns the protocol for which IPVS prints this name.
pub(super) fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "TCP" => Some(Protocol::TCP),
        "UDP" => Some(Protocol::UDP),
        "SCTP" => Some(Protocol::SCTP),
        "IP" => Some(Protocol(0)),
        "ESP" => Some(Protocol(50)),
        "AH" => Some(Protocol(51)),
        _ => name.strip_prefix("IP_")?.parse().ok().map(Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families() {
        let expected = |text: &str| Some(text.parse().unwrap());
        assert_eq!(socket("0A000102", "1F90"), expected("10.0.1.2:8080"));
        let long = "fd00:0000:0000:0000:0000:0000:0000:0055";
        assert_eq!(socket(long, "01BB"), expected("[fd00::55]:443"));
        assert_eq!(ip(&format!("[{long}]")), Some("fd00::55".parse().unwrap()));
    }

    #[test]
    fn text_that_is_no_address_is_refused() {
        for (address, port) in [
            ("", ""),
            ("0A00010", "0050"),
            ("+A000102", "0050"),
            ("0A000102", "50"),
            ("[fd00::1", "0050"),
            ("[", "0050"),
            ("\u{e9}A00010", "0050"),
        ] {
            assert_eq!(socket(address, port), None, "{address:?} {port:?}");
        }
    }
}
