//! `real = ADDRESS[->ADDRESS][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:N] [u:N]`

use std::net::{IpAddr, Ipv4Addr};

use super::virtual_service::{Asks, Target, Virtual};
use super::{Line, Walk};
use crate::import::ImportError;
use crate::import::draft::DraftDestination;
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
        let Some(addresses) = between(real.first, real.last, self.destinations_left) else {
            let problem = "not a range of addresses, or more than can be imported";
            return Err(ImportError::new(&line.place, problem));
        };
        self.destinations_left -= addresses.len();
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

fn between(first: IpAddr, last: IpAddr, most: usize) -> Option<Vec<IpAddr>> {
    if first == last {
        return (most > 0).then(|| vec![first]);
    }
    let (IpAddr::V4(first), IpAddr::V4(last)) = (first, last) else {
        return None;
    };
    let count = usize::try_from(last.to_bits().checked_sub(first.to_bits())?).ok()?;
    let bits = (count < most).then(|| first.to_bits()..=last.to_bits())?;
    Some(bits.map(|bits| Ipv4Addr::from_bits(bits).into()).collect())
}
