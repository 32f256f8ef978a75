//! What a virtual server says of its services besides: flags, one-packet scheduling, persistence, and its tunnels.

use super::Walk;
use super::block::Block;
use super::tree::Node;
use crate::ipvs::{
    Encapsulation, Family, Netmask, Persistence, Protocol, Seconds, Service, ServiceFlags,
    ServiceId, TunnelChecksum,
};

/// The persistence that keepalived sets where none, or only a mask, is given: six minutes.
pub(super) const PERSISTENCE: Seconds = Seconds(360);

impl Walk<'_> {
    /// Flags, one-packet scheduling and the engine, where the service can have them.
    pub(super) fn options_of(&mut self, service: &mut Service, block: &Block) {
        for (word, id) in &block.flags {
            match ServiceFlags::from_word(word, &service.scheduler) {
                Ok(flag) => service.flags |= flag,
                Err(_) => {
                    let reason = format!("it means nothing to the scheduler {}", service.scheduler);
                    self.tally.left(*id, reason);
                }
            }
        }
        if let Some(id) = block.one_packet {
            let is_udp = match service.id {
                ServiceId::Socket { protocol, .. } => protocol == Protocol::UDP,
                ServiceId::Fwmark { .. } => true,
            };
            match is_udp && service.persistence.is_none() {
                true => service.flags |= ServiceFlags::ONE_PACKET,
                false => self.tally.left(id, "only for UDP without persistence"),
            }
        }
        if let Some((engine, id)) = &block.engine {
            match service.persistence {
                Some(_) => service.engine = Some(engine.clone()),
                None => self.tally.left(*id, "it needs persistence"),
            }
        }
    }

    pub(super) fn persistence(
        &mut self,
        id: &ServiceId,
        block: &Block,
        assumed: &mut Vec<String>,
    ) -> Option<Persistence> {
        let family = id.family();
        let every_port = matches!(id, ServiceId::Socket { address, .. } if address.port() == 0);
        let netmask = block.mask.as_ref().and_then(|(mask, directive)| {
            let netmask = match family {
                Family::Ipv4 => mask.parse().ok().map(Netmask::Ipv4),
                Family::Ipv6 => mask
                    .parse()
                    .ok()
                    .and_then(|length| Netmask::from_prefix(family, length).ok()),
            };
            let netmask =
                netmask.filter(|netmask| netmask.prefix().is_some_and(|length| length > 0));
            if netmask.is_none() {
                self.tally.left(
                    *directive,
                    format!("{mask:?} is not a prefix length of {family}"),
                );
            }
            netmask
        });
        let implied = (every_port || netmask.is_some()).then_some(PERSISTENCE);
        if block.persistence.is_none() && implied.is_some() {
            assumed.push("persistence 360, as keepalived sets it here".to_owned());
        }
        Some(Persistence {
            timeout: block.persistence.or(implied)?,
            netmask: netmask.unwrap_or_else(|| Netmask::host(family)),
        })
    }
}

/// `TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`
pub(super) fn tunnel(node: &Node) -> Option<Encapsulation> {
    let words = node.words.get(2..).unwrap_or_default();
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let checksum = match (has("csum"), has("remcsum")) {
        (true, _) => TunnelChecksum::Full,
        (_, true) => TunnelChecksum::Remote,
        _ => TunnelChecksum::None,
    };
    if has("gue") {
        let mut words = words.iter();
        words.find(|word| *word == "port")?;
        let port = words.next()?.parse().ok()?;
        return Some(Encapsulation::Gue { port, checksum });
    }
    match has("gre") {
        true if checksum == TunnelChecksum::Remote => None,
        true => Some(Encapsulation::Gre { checksum }),
        false => Some(Encapsulation::Ipip),
    }
}
