//! Requests to the kernel: one or many netlink messages in one send.

use super::attributes::align;

/// The length of `nlmsghdr`: `u32` length, `u16` type, `u16` flags, `u32` sequence, `u32` port.
pub(crate) const HEADER: usize = 16;

/// `NLM_F_REQUEST`, which every request carries.
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`: the kernel answers success too.
pub(crate) const ACK: u16 = 0x4;
/// `NLM_F_DUMP`.
pub(crate) const DUMP: u16 = 0x300;

/// Holds netlink messages one behind the other, each aligned to 4 bytes.
///
/// The kernel executes them all, in order, even after a failure; it answers failures, and success only where
/// [`ACK`] is set. Sequence numbers are assigned when the packet is sent.
#[derive(Debug, Default)]
pub(crate) struct Packet {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Packet {
    /// Returns a packet of one message.
    pub(crate) fn single(kind: u16, flags: u16, payload: &[u8]) -> Self {
        let mut packet = Self::default();
        packet.push(kind, flags, |out| out.extend_from_slice(payload));
        packet
    }

    /// Reserves room for so many messages and bytes at once: growing step by step costs many times the
    /// memory, and each page of it, when it is touched for the first time, costs more than a message.
    pub(crate) fn reserve(&mut self, messages: usize, bytes: usize) {
        self.starts.reserve(messages);
        self.bytes.reserve(bytes);
    }

    /// Adds a message; `payload` appends all bytes behind its netlink header.
    pub(crate) fn push(&mut self, kind: u16, flags: u16, payload: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.starts.push(start);
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        payload(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.patch(start, length.to_ne_bytes());
        self.bytes.resize(align(self.bytes.len()), 0);
    }

    /// Returns how many messages there are.
    pub(crate) const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns how many bytes the messages take.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Removes the messages and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Returns the bytes to send, with sequence numbers counting up from `first` (and wrapping).
    pub(crate) fn numbered(&mut self, first: u32) -> &[u8] {
        let mut sequence = first;
        for at in 0..self.starts.len() {
            if let Some(&start) = self.starts.get(at) {
                self.patch(start.saturating_add(8), sequence.to_ne_bytes());
            }
            sequence = sequence.wrapping_add(1);
        }
        &self.bytes
    }

    fn patch(&mut self, at: usize, value: [u8; 4]) {
        let field = self.bytes.get_mut(at..);
        if let Some(field) = field.and_then(|rest| rest.first_chunk_mut()) {
            *field = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_aligned_and_numbered() {
        let mut packet = Packet::single(0x10, 0, &[1, 2, 3]);
        packet.push(0x11, ACK, |out| out.push(9));
        assert_eq!((packet.len(), packet.size()), (2, 40));

        let word = |value: u32| value.to_ne_bytes();
        let half = |value: u16| value.to_ne_bytes();
        let first = [
            &word(19)[..],
            &half(0x10),
            &half(1),
            &word(u32::MAX),
            &word(0),
        ]
        .concat();
        let second = [&word(17)[..], &half(0x11), &half(5), &word(0), &word(0)].concat();
        let expected = [&first[..], &[1, 2, 3, 0], &second, &[9, 0, 0, 0]].concat();
        assert_eq!(packet.numbered(u32::MAX), expected);
        packet.clear();
        assert_eq!((packet.len(), packet.size()), (0, 0));
    }
}
