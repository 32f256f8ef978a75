//! Packets as they arrive, and what answers them, as they are seen on this host.

use std::time::Instant;

use super::exchanges::Exchanges;
use super::packet_head::Arrival;
use super::tap::Tap;
use crate::error::Result;

/// So many packets of a busy host are enough.
const MOST_PACKETS: usize = 200_000;

/// Watches packets to and from this host, by any interface and out of any tunnel.
pub(crate) struct Arrivals {
    tap: Tap,
    packets: usize,
    exchanges: Exchanges,
}

impl Arrivals {
    /// Begins to watch.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW` no packet is seen.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self {
            tap: Tap::open()?,
            packets: 0,
            exchanges: Exchanges::new(Instant::now()),
        })
    }

    /// Notes what arrives and is wanted, and what answers it, until the time is over or enough was seen.
    ///
    /// # Errors
    /// The socket fails.
    pub(crate) fn watch(
        &mut self,
        until: Instant,
        is_wanted: impl Fn(&Arrival) -> bool,
    ) -> Result<()> {
        while self.packets < MOST_PACKETS && !self.exchanges.is_full() {
            let packet = self.tap.next(until)?;
            self.exchanges.pass(Instant::now());
            let Some(packet) = packet else {
                break;
            };
            self.packets += 1;
            self.exchanges.note(packet, &is_wanted);
        }
        Ok(())
    }

    /// Returns what was seen.
    pub(crate) const fn seen(&self) -> &Exchanges {
        &self.exchanges
    }
}
