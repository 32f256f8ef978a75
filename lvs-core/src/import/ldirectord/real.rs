//! `real = ADDRESS[->ADDRESS][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:N] [u:N]`

use std::net::{IpAddr, Ipv4Addr};

use super::virtual_service::{Asks, Target, Virtual};
use super::{Line, Walk};
use crate::import::ImportError;
use crate::import::draft::DraftDestination;
use crate::import::limits::DESTINATIONS;
use crate::ipvs::{Destination, DestinationId, Encapsulation, Forwarding, Thresholds, Weight};

/// What a line says of every server in its range.
struct Real {
    first: IpAddr,
    last: IpAddr,
    port: Option<u16>,
    forwarding: Forwarding,
    weight: Weight,
    thresholds: Thresholds,
    /// A request and an answer of its own.
    asks: Option<Asks>,
}

impl Walk<'_, '_> {
    pub(super) fn real(
        &mut self,
        line: &Line<'_>,
        service: &mut Virtual,
    ) -> Result<(), ImportError> {
        let real = match self.parse(line.value) {
            Ok(real) => real,
            Err(reason) => {
                self.tally.left(line.id, reason);
                return Ok(());
            }
        };
        let of_service = match &service.target {
            Ok(Target::Socket(address)) => address.port(),
            _ => 0,
        };
        let Some(count) = count(real.first, real.last) else {
            self.tally.left(line.id, NO_RANGE);
            return Ok(());
        };
        let left = self.destinations_left.checked_sub(count);
        self.destinations_left = left.ok_or_else(|| {
            let problem = format!("more than {DESTINATIONS} destinations");
            ImportError::new(&line.place, problem)
        })?;
        let addresses = between(real.first, real.last);
        service.asks.push((line.id, real.asks));
        for address in addresses {
            let port = real.port.unwrap_or(of_service);
            service.destinations.push(DraftDestination {
                destination: Destination {
                    weight: real.weight,
                    thresholds: real.thresholds,
                    ..Destination::new(DestinationId::new(address, port), real.forwarding)
                },
                directive: line.id,
                assumed: None,
                is_fallback: false,
                is_checked: true,
            });
        }
        Ok(())
    }

    fn parse(&mut self, value: &str) -> Result<Real, String> {
        let (plain, quoted) = match value.split_once('"') {
            Some((plain, quoted)) => (plain, Some(quoted)),
            None => (value, None),
        };
        // Thresholds may stand behind the quotes.
        let behind = quoted
            .and_then(|text| text.rsplit_once('"'))
            .map_or("", |(_, behind)| behind);
        let mut words = plain.split_whitespace();
        let endpoint = words.next().ok_or("it has no address")?;
        let (first, rest) = endpoint.split_once("->").unwrap_or((endpoint, ""));
        let (first, first_port) = self.endpoint(first)?;
        let (last, port) = match rest {
            "" => (first, first_port),
            rest => self.endpoint(rest)?,
        };
        let forwarding = words.next().and_then(forwarding);
        let forwarding = forwarding.ok_or("its forwarding is not gate, masq or ipip")?;
        let mut weight = Weight::ONE;
        let (mut lower, mut upper) = (0, 0);
        let wrong = |word: &str| format!("{word:?} is not known here");
        for word in words.chain(behind.split_whitespace()) {
            let (key, number) = word.split_once(':').unwrap_or(("w", word));
            let number: u32 = number.parse().map_err(|_| wrong(word))?;
            match key {
                "w" => weight = Weight::new(number).map_err(|invalid| invalid.to_string())?,
                "l" => lower = number,
                "u" => upper = number,
                _ => return Err(wrong(word)),
            }
        }
        Ok(Real {
            first,
            last,
            port,
            forwarding,
            weight,
            thresholds: Thresholds::new(upper, lower).unwrap_or_default(),
            asks: quoted.and_then(asked),
        })
    }
}

/// Returns what stands in quotes: `REQUEST", "RECEIVE"`, the first one open.
fn asked(text: &str) -> Option<Asks> {
    let mut parts = text.split('"');
    let request = parts.next()?.to_owned();
    let receive = parts.nth(1).map(str::to_owned);
    Some(Asks { request, receive })
}

pub(super) fn forwarding(word: &str) -> Option<Forwarding> {
    Some(match word {
        "gate" => Forwarding::DirectRouting,
        "masq" => Forwarding::Masquerade,
        "ipip" => Forwarding::Tunnel(Encapsulation::Ipip),
        _ => return None,
    })
}

/// Why a line with `->` has no real server.
const NO_RANGE: &str =
    "it is not a range, which is two addresses of IPv4, the lower one first: write A->B";

/// Returns how many addresses a range has, which may be one.
fn count(first: IpAddr, last: IpAddr) -> Option<usize> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let others = last.to_bits().checked_sub(first.to_bits())?;
            Some(usize::try_from(others).ok()?.saturating_add(1))
        }
        (first, last) => (first == last).then_some(1),
    }
}

fn between(first: IpAddr, last: IpAddr) -> Vec<IpAddr> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let bits = first.to_bits()..=last.to_bits();
            bits.map(|bits| Ipv4Addr::from_bits(bits).into()).collect()
        }
        (first, _) => vec![first],
    }
}
