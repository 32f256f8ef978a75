//! The traits of `netlink-packet-core` and `netlink-packet-generic`, which no other file uses.

use netlink_packet_core::{DecodeError as VendorError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::{DecodeError, FAMILY_NAME, FAMILY_VERSION, IpvsMessage};

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        FAMILY_NAME
    }

    fn command(&self) -> u8 {
        self.command()
    }

    fn version(&self) -> u8 {
        FAMILY_VERSION
    }
}

/// Emits the attributes, without the generic netlink header. If many messages are sent,
/// [`IpvsMessage::encode`] avoids the copy that this trait requires.
impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.len()
    }

    /// Writes as many bytes as `buffer` has room for: all, if it has [`buffer_len`](Self::buffer_len).
    fn emit(&self, buffer: &mut [u8]) {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = from;
        }
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(attributes: &[u8], header: GenlHeader) -> Result<Self, VendorError> {
        Ok(Self::decode(header.cmd, attributes)?)
    }
}

impl From<DecodeError> for VendorError {
    fn from(error: DecodeError) -> Self {
        error.to_string().into()
    }
}
