//! The kernel's hashes of addresses. No key in them is random: results are the same after a reboot.

use std::net::IpAddr;

/// Returns an address in 32 bits: IPv4 as a number, IPv6 as its four words combined by XOR.
pub(super) fn fold(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let half = (bits >> 64) as u64 ^ bits as u64;
            (half >> 32) as u32 ^ half as u32
        }
    }
}

/// Returns the upper `bits` (1 to 31) of a multiplicative hash, as in
/// <https://github.com/torvalds/linux/blob/v6.1/include/linux/hash.h>.
pub(super) const fn hash32(value: u32, bits: u32) -> u32 {
    value.wrapping_mul(0x61c8_8647) >> (32 - bits)
}

/// Returns the kernel's `hsiphash_1u32` on 64 bits: SipHash-1-3 of the four bytes, low half of the result.
/// Both halves of the key are `key`, as mh has them.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/lib/siphash.c> and the SipHash paper.
pub(super) fn hsiphash(key: u64, value: u32) -> u32 {
    let mut state = [
        key ^ u64::from_be_bytes(*b"somepseu"),
        key ^ u64::from_be_bytes(*b"dorandom"),
        key ^ u64::from_be_bytes(*b"lygenera"),
        key ^ u64::from_be_bytes(*b"tedbytes"),
    ];
    let block = (4 << 56) | u64::from(value);
    state[3] ^= block;
    sip_round(&mut state);
    state[0] ^= block;
    state[2] ^= 0xff;
    for _ in 0..3 {
        sip_round(&mut state);
    }
    (state[0] ^ state[1] ^ state[2] ^ state[3]) as u32
}

fn sip_round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hash_as_in_the_kernel() {
        for (address, slot) in [
            ("10.0.0.1", 39),
            ("192.168.1.1", 136),
            ("127.0.0.1", 154),
            ("2001:db8::1", 63),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(hash32(fold(address), 8), slot, "{address}");
        }
        assert_eq!(fold("2001:db8::1".parse().unwrap()), 0x2001_0db9);
    }

    #[test]
    fn hsiphash_as_in_the_kernel() {
        let (first, second) = (2_654_435_761, 2_654_446_892);
        assert_eq!(hsiphash(first, 0), 0x1d5a_77c2);
        assert_eq!(hsiphash(first, 1), 0x16ec_66b2);
        assert_eq!(hsiphash(second, 0), 0xf882_433f);
        assert_eq!(hsiphash(first, 0x0a00_0001), 0x0308_0ce4);
    }
}
