//! The two statistics nests, `IPVS_STATS_ATTR_*`.

use super::DecodeError;
use super::fields::{Attribute, Fields, attributes};
use crate::ipvs::{Rates, Stats};
use crate::netlink::attributes::Writer;

attributes! {
    CONNS = 1, "IPVS_STATS_ATTR_CONNS";
    INPKTS = 2, "IPVS_STATS_ATTR_INPKTS";
    OUTPKTS = 3, "IPVS_STATS_ATTR_OUTPKTS";
    INBYTES = 4, "IPVS_STATS_ATTR_INBYTES";
    OUTBYTES = 5, "IPVS_STATS_ATTR_OUTBYTES";
    CPS = 6, "IPVS_STATS_ATTR_CPS";
    INPPS = 7, "IPVS_STATS_ATTR_INPPS";
    OUTPPS = 8, "IPVS_STATS_ATTR_OUTPPS";
    INBPS = 9, "IPVS_STATS_ATTR_INBPS";
    OUTBPS = 10, "IPVS_STATS_ATTR_OUTBPS";
}

/// Decodes the 64-bit nest if there is one (since kernel 4.1), otherwise the one of 32 bits, which
/// overflows.
///
/// Number 11 is padding that some architectures put before 64-bit values; like everything unknown it is
/// skipped.
pub(super) fn decode(
    parent: &Fields<'_>,
    narrow: Attribute,
    wide: Attribute,
) -> Result<Option<Stats>, DecodeError> {
    if let Some(fields) = parent.nest(wide) {
        return read(|attribute| fields.u64(attribute), &fields).map(Some);
    }
    let Some(fields) = parent.nest(narrow) else {
        return Ok(None);
    };
    read(
        |attribute| Ok(fields.u32(attribute)?.map(u64::from)),
        &fields,
    )
    .map(Some)
}

/// Reads a nest. Byte counts have 64 bits in both nests; the width of the others differs.
fn read(
    count: impl Fn(Attribute) -> Result<Option<u64>, DecodeError>,
    fields: &Fields<'_>,
) -> Result<Stats, DecodeError> {
    Ok(Stats {
        connections: count(CONNS)?.unwrap_or(0),
        packets_in: count(INPKTS)?.unwrap_or(0),
        packets_out: count(OUTPKTS)?.unwrap_or(0),
        bytes_in: fields.u64(INBYTES)?.unwrap_or(0),
        bytes_out: fields.u64(OUTBYTES)?.unwrap_or(0),
        rates: Rates {
            connections: count(CPS)?.unwrap_or(0),
            packets_in: count(INPPS)?.unwrap_or(0),
            packets_out: count(OUTPPS)?.unwrap_or(0),
            bytes_in: count(INBPS)?.unwrap_or(0),
            bytes_out: count(OUTBPS)?.unwrap_or(0),
        },
    })
}

/// Encodes both nests as the kernel sends them, the narrow one with the low 32 bits.
pub(super) fn encode(out: &mut Writer<'_>, narrow: Attribute, wide: Attribute, stats: &Stats) {
    let low = |out: &mut Writer<'_>, kind, value: u64| out.put_u32(kind, value as u32);
    out.plain_nest(narrow.kind, |out| write(out, stats, low));
    out.plain_nest(wide.kind, |out| {
        write(out, stats, |out, kind, value| out.put_u64(kind, value))
    });
}

fn write(out: &mut Writer<'_>, stats: &Stats, put: fn(&mut Writer<'_>, u16, u64)) {
    put(out, CONNS.kind, stats.connections);
    put(out, INPKTS.kind, stats.packets_in);
    put(out, OUTPKTS.kind, stats.packets_out);
    out.put_u64(INBYTES.kind, stats.bytes_in);
    out.put_u64(OUTBYTES.kind, stats.bytes_out);
    put(out, CPS.kind, stats.rates.connections);
    put(out, INPPS.kind, stats.rates.packets_in);
    put(out, OUTPPS.kind, stats.rates.packets_out);
    put(out, INBPS.kind, stats.rates.bytes_in);
    put(out, OUTBPS.kind, stats.rates.bytes_out);
}
