//! The attributes of one nest by number, with typed access whose errors name the attribute.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DecodeError;
use crate::ipvs::Family;
use crate::netlink::attributes::{
    Attributes, read_be16, read_text, read_u8, read_u16, read_u32, read_u64,
};

/// Holds the number of an attribute within its nest, and the kernel's name for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub(super) kind: u16,
    pub(super) name: &'static str,
}

/// Declares attributes with their numbers and the kernel's names.
macro_rules! attributes {
    ($($constant:ident = $kind:literal, $name:literal;)*) => {
        $(const $constant: $crate::ipvs::message::fields::Attribute =
            $crate::ipvs::message::fields::Attribute { kind: $kind, name: $name };)*
    };
}
pub(super) use attributes;

impl Attribute {
    pub(super) fn missing(self) -> DecodeError {
        DecodeError::new(self.name, "is missing")
    }

    pub(super) fn short(self) -> DecodeError {
        DecodeError::new(self.name, "is too short")
    }

    pub(super) fn senseless(self) -> DecodeError {
        DecodeError::new(self.name, "has a value without meaning")
    }
}

/// One more than the highest number of any nest (a destination's 15).
const SLOTS: usize = 16;

/// Holds the attributes of a nest. Unknown numbers are skipped; of duplicates the last one counts, as in
/// the kernel.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>([Option<&'a [u8]>; SLOTS]);

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for (kind, value) in Attributes::new(bytes) {
            if let Some(slot) = fields.0.get_mut(usize::from(kind)) {
                *slot = Some(value);
            }
        }
        fields
    }

    pub(super) fn bytes(&self, attribute: Attribute) -> Option<&'a [u8]> {
        self.0.get(usize::from(attribute.kind)).copied().flatten()
    }

    /// Returns the attributes of a nest in this nest.
    pub(super) fn nest(&self, attribute: Attribute) -> Option<Self> {
        self.bytes(attribute).map(Self::new)
    }

    pub(super) fn u8(&self, attribute: Attribute) -> Result<Option<u8>, DecodeError> {
        self.read(attribute, read_u8)
    }

    pub(super) fn u16(&self, attribute: Attribute) -> Result<Option<u16>, DecodeError> {
        self.read(attribute, read_u16)
    }

    pub(super) fn be16(&self, attribute: Attribute) -> Result<Option<u16>, DecodeError> {
        self.read(attribute, read_be16)
    }

    pub(super) fn u32(&self, attribute: Attribute) -> Result<Option<u32>, DecodeError> {
        self.read(attribute, read_u32)
    }

    pub(super) fn u64(&self, attribute: Attribute) -> Result<Option<u64>, DecodeError> {
        self.read(attribute, read_u64)
    }

    pub(super) fn ipv4(&self, attribute: Attribute) -> Result<Option<Ipv4Addr>, DecodeError> {
        self.read(attribute, |value| {
            value.first_chunk::<4>().map(|octets| (*octets).into())
        })
    }

    pub(super) fn ipv6(&self, attribute: Attribute) -> Result<Option<Ipv6Addr>, DecodeError> {
        self.read(attribute, |value| {
            value.first_chunk::<16>().map(|octets| (*octets).into())
        })
    }

    /// Returns an address of a family: 16 bytes, of which IPv4 uses the first 4.
    pub(super) fn address(
        &self,
        attribute: Attribute,
        family: Family,
    ) -> Result<IpAddr, DecodeError> {
        let address = match family {
            Family::Ipv4 => self.ipv4(attribute)?.map(IpAddr::V4),
            Family::Ipv6 => self.ipv6(attribute)?.map(IpAddr::V6),
        };
        address.ok_or_else(|| attribute.missing())
    }

    /// Returns a text that is a name of the kernel.
    pub(super) fn name<T>(
        &self,
        attribute: Attribute,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.bytes(attribute) else {
            return Ok(None);
        };
        let name = parse(read_text(value));
        name.map(Some).ok_or_else(|| attribute.senseless())
    }

    fn read<T>(
        &self,
        attribute: Attribute,
        read: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        match self.bytes(attribute) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| attribute.short()),
        }
    }
}

/// Returns the 16 bytes of an address: IPv4 in the first 4, the rest 0.
pub(super) fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}
