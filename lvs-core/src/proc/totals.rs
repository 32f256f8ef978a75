//! The file `ip_vs_stats`: two lines of five hexadecimal numbers, sums and rates, each below two lines
//! of headings.

use crate::ipvs::{Rates, Stats};

/// Parses connections, packets in and out, and bytes in and out; `None` without a line of sums.
pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Stats> {
    let mut numbers = lines.filter_map(five);
    let [connections, packets_in, packets_out, bytes_in, bytes_out] = numbers.next()?;
    Some(Stats {
        connections,
        packets_in,
        packets_out,
        bytes_in,
        bytes_out,
        rates: numbers.next().map(rates).unwrap_or_default(),
    })
}

fn rates([connections, packets_in, packets_out, bytes_in, bytes_out]: [u64; 5]) -> Rates {
    Rates {
        connections,
        packets_in,
        packets_out,
        bytes_in,
        bytes_out,
    }
}

/// Parses a line of five numbers.
fn five(line: &str) -> Option<[u64; 5]> {
    let numbers: Option<Vec<_>> = line
        .split_whitespace()
        .map(|number| u64::from_str_radix(number, 16).ok())
        .collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is a capture from kernel 7.2.
    const CAPTURE: &str = "   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
       2        A        0               8C                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       0        0        0               11                0
";

    #[test]
    fn all_numbers_are_hexadecimal() {
        let stats = parse(CAPTURE.lines()).unwrap();
        assert_eq!((stats.connections, stats.packets_in), (2, 10));
        assert_eq!((stats.bytes_in, stats.rates.bytes_in), (0x8c, 0x11));
    }

    #[test]
    fn headings_alone_have_no_totals() {
        assert_eq!(parse(CAPTURE.lines().take(2)), None);
    }
}
