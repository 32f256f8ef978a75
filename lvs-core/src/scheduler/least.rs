//! The least loaded server by weight, which wlc, sed, nq, lblc and lblcr share.

use super::Server;

/// Returns the first of the eligible servers whose load per weight is least.
///
/// `load / weight` is compared as a cross product in 64 bits, as the kernel does; strictly, so that of equal
/// servers the earlier one is picked.
pub(super) fn least_loaded<'a>(
    servers: impl IntoIterator<Item = (usize, &'a Server)>,
    load: impl Fn(&Server) -> i32,
) -> Option<usize> {
    let mut best: Option<(usize, i64, i64)> = None;
    for (index, server) in servers {
        if !server.is_eligible() {
            continue;
        }
        let (load, weight) = (i64::from(load(server)), i64::from(server.weight()));
        if best.is_none_or(|(_, least, of)| least * weight > load * of) {
            best = Some((index, load, weight));
        }
    }
    best.map(|(index, ..)| index)
}
