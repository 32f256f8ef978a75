//! Netlink attributes: a 4-byte header (`u16` length with the header, `u16` type), the value, and
//! padding to a multiple of 4. Lengths and types are in host byte order.

const HEADER: usize = 4;
/// `NLA_F_NESTED`: the value is itself a list of attributes.
const NESTED: u16 = 1 << 15;
/// `NLA_TYPE_MASK`: the type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const KIND: u16 = 0x3fff;

/// Returns the next multiple of 4, to which all parts of a netlink message are aligned.
pub(crate) const fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Iterates over the attributes of a list as `(type without flags, value)`, in wire order.
///
/// It ends where no whole attribute follows: the kernel too ignores trailing garbage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(read_u16(self.0)?);
        let kind = read_u16(self.0.get(2..)?)? & KIND;
        let value = self.0.get(HEADER..length)?;
        self.0 = self.0.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Reads the first byte.
pub(crate) fn read_u8(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

/// Reads the first 2 bytes in host order. Longer values are allowed: the kernel reads the first bytes too.
pub(crate) fn read_u16(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// Reads the first 2 bytes in network order.
pub(crate) fn read_be16(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Reads the first 4 bytes in host order.
pub(crate) fn read_u32(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Reads the first 8 bytes in host order.
pub(crate) fn read_u64(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// Reads the text before the first NUL, if it is UTF-8.
pub(crate) fn read_str(value: &[u8]) -> Option<&str> {
    str::from_utf8(read_text(value)).ok()
}

/// Returns the bytes of a text, up to its NUL.
pub(crate) fn read_text(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Appends attributes to a buffer, so that one allocation serves many messages.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Appends one attribute; the value must be shorter than 64 KiB, as every value here is.
    #[inline]
    pub(crate) fn put_bytes(&mut self, kind: u16, value: &[u8]) {
        let length = HEADER.saturating_add(value.len());
        debug_assert!(length <= usize::from(u16::MAX), "attribute too long");
        let [a, b] = u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes();
        let [c, d] = kind.to_ne_bytes();
        let padding = [0; 3];
        let padding = padding.get(..align(length).saturating_sub(length));
        self.out.extend_from_slice(&[a, b, c, d]);
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(padding.unwrap_or_default());
    }

    pub(crate) fn put_u8(&mut self, kind: u16, value: u8) {
        self.put_bytes(kind, &[value]);
    }

    pub(crate) fn put_u16(&mut self, kind: u16, value: u16) {
        self.put_bytes(kind, &value.to_ne_bytes());
    }

    pub(crate) fn put_be16(&mut self, kind: u16, value: u16) {
        self.put_bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn put_u32(&mut self, kind: u16, value: u32) {
        self.put_bytes(kind, &value.to_ne_bytes());
    }

    pub(crate) fn put_u64(&mut self, kind: u16, value: u64) {
        self.put_bytes(kind, &value.to_ne_bytes());
    }

    /// Appends a text and its closing NUL.
    pub(crate) fn put_str(&mut self, kind: u16, value: &str) {
        let start = self.begin(kind);
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(0);
        self.end(start);
    }

    /// Appends a list of attributes as the value of one, marked with `NLA_F_NESTED`.
    pub(crate) fn nested(&mut self, kind: u16, inner: impl FnOnce(&mut Writer<'_>)) {
        self.plain_nest(kind | NESTED, inner);
    }

    /// Appends a list of attributes as the value of one, without the mark: how the kernel sends many.
    pub(crate) fn plain_nest(&mut self, kind: u16, inner: impl FnOnce(&mut Writer<'_>)) {
        let start = self.begin(kind);
        inner(&mut Writer::new(self.out));
        self.end(start);
    }

    fn begin(&mut self, kind: u16) -> usize {
        let start = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        self.out.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn end(&mut self, start: usize) {
        let length = self.out.len().saturating_sub(start);
        debug_assert!(length <= usize::from(u16::MAX), "attribute too long");
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes();
        if let Some(field) = self.out.get_mut(start..start.saturating_add(2)) {
            field.copy_from_slice(&length);
        }
        self.out.resize(align(self.out.len()), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.put_u8(1, 7);
        writer.put_be16(2, 80);
        writer.nested(3, |nest| {
            nest.put_str(1, "wlc");
            nest.put_u64(2, 1 << 40);
        });
        assert_eq!(bytes.len() % 4, 0);

        let read: Vec<_> = Attributes::new(&bytes).collect();
        let [(1, one), (2, two), (3, three)] = *read.as_slice() else {
            panic!("{read:?}");
        };
        assert_eq!((read_u8(one), read_be16(two)), (Some(7), Some(80)));
        let inner: Vec<_> = Attributes::new(three).collect();
        let [(1, text), (2, number)] = *inner.as_slice() else {
            panic!("{inner:?}");
        };
        assert_eq!(
            (read_str(text), read_u64(number)),
            (Some("wlc"), Some(1 << 40))
        );
    }

    #[test]
    fn bytes_are_those_of_the_kernels_layout() {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes).nested(1, |nest| nest.put_str(6, "wlc"));
        let (length, nested) = (12u16.to_ne_bytes(), 0x8001u16.to_ne_bytes());
        let (inner, kind) = (8u16.to_ne_bytes(), 6u16.to_ne_bytes());
        assert_eq!(
            bytes,
            [&length[..], &nested, &inner, &kind, b"wlc\0"].concat()
        );
    }

    #[test]
    fn reading_ends_at_what_is_no_attribute() {
        let head = |length: u16| [length.to_ne_bytes(), 1_u16.to_ne_bytes()].concat();
        for garbage in [
            vec![],
            vec![4],
            head(4)[..3].to_vec(),
            head(3),
            vec![0; 4],
            [head(9), vec![1, 2, 3, 4]].concat(),
            vec![0xff; 4],
        ] {
            assert_eq!(Attributes::new(&garbage).count(), 0, "{garbage:?}");
        }
        // The last attribute's padding may be missing.
        assert_eq!(Attributes::new(&[head(5), vec![9]].concat()).count(), 1);
    }

    #[test]
    fn longer_integers_are_read_from_their_first_bytes_and_shorter_are_none() {
        assert_eq!(read_be16(&[0, 80, 1, 2]), Some(80));
        assert_eq!(read_u32(&[1, 2, 3]), None);
        assert_eq!(read_str(b"rr\0rubbish"), Some("rr"));
        assert_eq!(read_str(&[0xff, 0]), None);
    }
}
