//! Frames that any host of the link may send, and what files and command lines hold.

#[cfg(feature = "check")]
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cluster::{ClusterName, Drain, NodeName, Record};
use crate::ipvs::{DestinationId, Encapsulation, Family, Forwarding, Protocol, ServiceId};
use crate::name::{EngineName, IfName, SchedulerName};
use crate::net::MacAddress;
use crate::net::arp::Frame;
use crate::net::ndp;
use crate::sysctl::SysctlKey;

/// Checks that an ARP message that can be read is written and read again the same.
pub fn arp_frame(bytes: &[u8]) {
    if let Some(frame) = Frame::parse(bytes) {
        assert_eq!(Frame::parse(&frame.to_bytes()), Some(frame));
    }
}

/// Checks that an answer about an address names that address: the frame is behind the address that was asked for.
pub fn neighbour_advertisement(bytes: &[u8]) {
    let Some((ip, frame)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    if ndp::advertised(frame, Ipv6Addr::from(*ip)).is_some() {
        assert!(frame.windows(16).any(|part| part == ip));
    }
}

/// Checks that the head of a packet names addresses and ports that are in it.
#[cfg(feature = "check")]
pub fn packet_head(bytes: &[u8]) {
    let Some(head) = crate::net::packet_head::Head::read(bytes) else {
        return;
    };
    for end in [head.source, head.destination] {
        let ip = match end.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let port = end.port().to_be_bytes();
        assert!(bytes.windows(ip.len()).any(|part| part == ip));
        assert!(bytes.windows(port.len()).any(|part| part == port));
    }
}

/// Checks that a record that can be read is written and read again the same.
pub fn record(bytes: &[u8]) {
    json_again::<Record>(bytes);
}

/// Checks that the facts of a node that can be read are written and read again the same.
#[cfg(feature = "check")]
pub fn facts(bytes: &[u8]) {
    json_again::<crate::check::Facts>(bytes);
}

fn json_again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let again = serde_json::to_vec(&value).map(|json| serde_json::from_slice::<T>(&json).ok());
    assert_eq!(again.ok().flatten(), Some(value));
}

/// Checks that the text of a value that can be read is read the same.
///
/// The first byte selects the type, the rest is the text.
pub fn texts(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match kind % 13 {
        0 => text_again::<ServiceId>(text),
        1 => text_again::<DestinationId>(text),
        2 => text_again::<Forwarding>(text),
        3 => text_again::<Encapsulation>(text),
        4 => text_again::<Protocol>(text),
        5 => text_again::<Family>(text),
        6 => text_again::<SchedulerName>(text),
        7 => text_again::<EngineName>(text),
        8 => text_again::<IfName>(text),
        9 => text_again::<MacAddress>(text),
        10 => text_again::<Drain>(text),
        11 => text_again::<NodeName>(text),
        _ => {
            text_again::<ClusterName>(text);
            if let Ok(key) = SysctlKey::new(text) {
                assert_eq!(SysctlKey::new(key.as_str()), Ok(key));
            }
        }
    }
}

fn text_again<T>(text: &str)
where
    T: FromStr + ToString + PartialEq + std::fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().ok(), Some(value));
    }
}
