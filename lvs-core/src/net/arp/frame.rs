//! An ARP message in its Ethernet frame. Pure: no socket.

use std::net::Ipv4Addr;

use crate::net::MacAddress;

/// `EtherType` of ARP.
const ARP: [u8; 2] = [0x08, 0x06];
/// Hardware type 1 (Ethernet), protocol 0x0800 (IPv4), addresses of 6 and 4 bytes.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Tells whether an ARP message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameOperation {
    /// "Who has the target address?"
    Request,
    /// "The sender address is at the sender's hardware address."
    Reply,
}

/// Holds an ARP message for IPv4 over Ethernet.
///
/// It has 42 bytes on the wire, all in network order: destination 6, source 6, type 2; hardware type 2,
/// protocol type 2, lengths 1 and 1, operation 2; sender hardware 6 and protocol address 4, target
/// hardware 6 and protocol address 4 (RFC 826).
///
/// ```
/// use lvs_core::net::arp::Frame;
/// let probe = Frame::probe("02:00:00:00:00:01".parse()?, [172, 16, 5, 11].into());
/// assert_eq!(Frame::parse(&probe.to_bytes()), Some(probe));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The destination of the Ethernet frame.
    pub destination: MacAddress,
    /// Whether it is a question or an answer.
    pub operation: FrameOperation,
    /// The sender's hardware address, also the frame's source.
    pub sender: MacAddress,
    /// The sender's address; 0.0.0.0 in a probe.
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address; zero in a question.
    pub target: MacAddress,
    /// The address asked for, or in an answer that of the asker.
    pub target_ip: Ipv4Addr,
}

impl Frame {
    /// The length of a message in bytes.
    pub const LENGTH: usize = 42;

    /// Returns the broadcast question who has `ip`, with the sender address 0.0.0.0, which changes no
    /// neighbour's table (RFC 5227).
    #[must_use]
    pub const fn probe(sender: MacAddress, ip: Ipv4Addr) -> Self {
        Self {
            destination: MacAddress([0xff; 6]),
            operation: FrameOperation::Request,
            sender,
            sender_ip: Ipv4Addr::UNSPECIFIED,
            target: MacAddress([0; 6]),
            target_ip: ip,
        }
    }

    /// Returns the broadcast announcement that `ip` is at `sender` (gratuitous ARP): a question about one's
    /// own address, which every neighbour that knows the address takes note of (RFC 5227).
    #[must_use]
    pub const fn announcement(sender: MacAddress, ip: Ipv4Addr) -> Self {
        Self {
            sender_ip: ip,
            ..Self::probe(sender, ip)
        }
    }

    /// Returns the bytes of the frame, without padding: the interface adds it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let operation = match self.operation {
            FrameOperation::Request => [0, 1],
            FrameOperation::Reply => [0, 2],
        };
        [
            &self.destination.0[..],
            &self.sender.0,
            &ARP,
            &ETHERNET_IPV4,
            &operation,
            &self.sender.0,
            &self.sender_ip.octets(),
            &self.target.0,
            &self.target_ip.octets(),
        ]
        .concat()
    }

    /// Reads the message of a frame; returns `None` where it is too short or anything else than an ARP
    /// question or answer for IPv4 over Ethernet. Padding is ignored.
    ///
    /// The sender is that of the message, not the frame's source.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (destination, rest) = bytes.split_first_chunk()?;
        let (_source, rest) = rest.split_first_chunk::<6>()?;
        let rest = rest.strip_prefix(&ARP)?.strip_prefix(&ETHERNET_IPV4)?;
        let (operation, rest) = rest.split_first_chunk()?;
        let (sender, rest) = rest.split_first_chunk()?;
        let (sender_ip, rest) = rest.split_first_chunk::<4>()?;
        let (target, rest) = rest.split_first_chunk()?;
        let (target_ip, _padding) = rest.split_first_chunk::<4>()?;
        Some(Self {
            destination: MacAddress(*destination),
            operation: match operation {
                [0, 1] => FrameOperation::Request,
                [0, 2] => FrameOperation::Reply,
                _ => return None,
            },
            sender: MacAddress(*sender),
            sender_ip: (*sender_ip).into(),
            target: MacAddress(*target),
            target_ip: (*target_ip).into(),
        })
    }

    /// Returns whether this answers the question who has `ip`.
    #[must_use]
    pub fn answers(&self, ip: Ipv4Addr) -> bool {
        self.operation == FrameOperation::Reply && self.sender_ip == ip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
    const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 5, 11);

    #[test]
    fn bytes_of_a_probe() {
        let bytes = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 1, // a question about IPv4
            2, 0, 0, 0, 0, 1, 0, 0, 0, 0, // from 0.0.0.0
            0, 0, 0, 0, 0, 0, 172, 16, 5, 11, // for the VIP
        ];
        assert_eq!(Frame::probe(SENDER, VIP).to_bytes(), bytes);
        assert_eq!(bytes.len(), Frame::LENGTH);
    }

    #[test]
    fn bytes_of_an_announcement() {
        let bytes = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 1, // a question about IPv4
            2, 0, 0, 0, 0, 1, 172, 16, 5, 11, // from the VIP
            0, 0, 0, 0, 0, 0, 172, 16, 5, 11, // for the VIP
        ];
        let frame = Frame::announcement(SENDER, VIP);
        assert_eq!(frame.to_bytes(), bytes);
        assert!(!frame.answers(VIP), "it is no answer");
    }

    #[test]
    fn an_answer_names_its_sender() {
        let answer = Frame {
            destination: SENDER,
            operation: FrameOperation::Reply,
            sender: MacAddress([2, 0, 0, 0, 0, 9]),
            sender_ip: VIP,
            target: SENDER,
            target_ip: Ipv4Addr::UNSPECIFIED,
        };
        let mut padded = answer.to_bytes();
        padded.resize(60, 0);
        assert_eq!(Frame::parse(&padded), Some(answer));
        assert!(answer.answers(VIP) && !answer.answers(Ipv4Addr::LOCALHOST));
        assert!(!Frame::probe(SENDER, VIP).answers(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn anything_else_is_none() {
        let good = Frame::probe(SENDER, VIP).to_bytes();
        for end in 0..good.len() {
            assert_eq!(Frame::parse(&good[..end]), None, "cut at {end}");
        }
        for at in 12..22 {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            assert_eq!(Frame::parse(&bytes), None, "byte {at} changed");
        }
    }
}
