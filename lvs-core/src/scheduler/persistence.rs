//! Persistence templates: which client is bound to which server.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::ipvs::{DestinationId, Netmask, Persistence};

/// How much longer a template lives each time it is due but still has connections.
const AGAIN: Duration = Duration::from_secs(60);

/// Holds the templates of a service, by the client's masked address.
#[derive(Clone, Debug, Default)]
pub(super) struct Templates {
    by_client: HashMap<IpAddr, Template>,
    /// The time at which each expires.
    by_time: BTreeSet<(Duration, IpAddr)>,
    /// Distinguishes a template from an earlier one of the same client.
    serial: u64,
}

#[derive(Clone, Debug)]
struct Template {
    serial: u64,
    destination: DestinationId,
    timeout: Duration,
    expires: Duration,
    connections: u32,
}

/// Identifies the template that a connection keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    client: IpAddr,
    serial: u64,
}

impl Templates {
    /// Removes the expired templates, and returns their destinations.
    ///
    /// A template that still has connections is kept for one more minute at a time, and has a minute as its
    /// timeout from then on.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<DestinationId> {
        let mut expired = Vec::new();
        while let Some(&(due, client)) = self.by_time.first().filter(|(due, _)| *due <= now) {
            self.by_time.pop_first();
            let Some(template) = self.by_client.get_mut(&client) else {
                continue;
            };
            if template.connections == 0 {
                expired.push(template.destination);
                self.by_client.remove(&client);
                continue;
            }
            let minutes = (now - due).as_secs() / AGAIN.as_secs() + 1;
            let wait = Duration::from_secs(minutes.saturating_mul(AGAIN.as_secs()));
            template.timeout = AGAIN;
            template.expires = due.saturating_add(wait);
            if template.expires > now {
                self.by_time.insert((template.expires, client));
            }
        }
        expired
    }

    /// Returns the destination of the client's template.
    pub(super) fn find(&self, client: IpAddr) -> Option<DestinationId> {
        Some(self.by_client.get(&client)?.destination)
    }

    /// Inserts a template for the client. It expires when its timeout has passed since it was last
    /// [held](Self::hold).
    pub(super) fn insert(
        &mut self,
        client: IpAddr,
        destination: DestinationId,
        persistence: Persistence,
    ) {
        self.serial += 1;
        let template = Template {
            serial: self.serial,
            destination,
            timeout: persistence.timeout.into(),
            expires: Duration::MAX,
            connections: 0,
        };
        self.by_client.insert(client, template);
    }

    /// Removes the client's template.
    pub(super) fn remove(&mut self, client: IpAddr) {
        if let Some(template) = self.by_client.remove(&client) {
            self.by_time.remove(&(template.expires, client));
        }
    }

    /// Counts a new connection by the client's template, and restarts its timeout.
    pub(super) fn hold(&mut self, client: IpAddr, now: Duration) -> Option<Hold> {
        let template = self.by_client.get_mut(&client)?;
        self.by_time.remove(&(template.expires, client));
        template.connections += 1;
        template.expires = now.saturating_add(template.timeout);
        self.by_time.insert((template.expires, client));
        Some(Hold {
            client,
            serial: template.serial,
        })
    }

    /// Counts the end of a connection.
    pub(super) fn release(&mut self, hold: Hold) {
        if let Some(template) = self.by_client.get_mut(&hold.client)
            && template.serial == hold.serial
        {
            template.connections = template.connections.saturating_sub(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }
}

/// Returns the client's address under the mask, or unchanged if the mask is of the other family.
pub(super) fn mask(client: IpAddr, mask: Netmask) -> IpAddr {
    match (client, mask) {
        (IpAddr::V4(client), Netmask::Ipv4(mask)) => {
            Ipv4Addr::from_bits(client.to_bits() & mask.to_bits()).into()
        }
        (IpAddr::V6(client), Netmask::Ipv6(length)) => {
            let host_bits = 128_u32.saturating_sub(length.into());
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv6Addr::from_bits(client.to_bits() & mask).into()
        }
        (client, _) => client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{Family, Seconds};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn template(timeout: u32) -> (Templates, Hold) {
        let mut templates = Templates::default();
        let persistence = Persistence {
            timeout: Seconds(timeout),
            netmask: Netmask::host(Family::Ipv4),
        };
        let server = "192.168.1.12:80".parse().unwrap();
        templates.insert(CLIENT, server, persistence);
        let hold = templates.hold(CLIENT, seconds(0)).unwrap();
        (templates, hold)
    }

    #[test]
    fn expires_after_its_timeout_without_connections() {
        let (mut templates, hold) = template(300);
        templates.release(hold);
        assert!(templates.expire(seconds(299)).is_empty());
        assert_eq!(templates.expire(seconds(300)).len(), 1);
        assert_eq!((templates.len(), templates.find(CLIENT)), (0, None));
    }

    #[test]
    fn lives_on_with_its_connections_minute_by_minute() {
        for timeout in [0, 300] {
            let (mut templates, hold) = template(timeout);
            let first = u64::from(timeout);
            assert!(templates.expire(seconds(first + 61)).is_empty());
            templates.release(hold);
            assert!(templates.expire(seconds(first + 119)).is_empty());
            assert_eq!(templates.expire(seconds(first + 120)).len(), 1);
        }
    }

    #[test]
    fn a_new_connection_restarts_the_timeout() {
        let (mut templates, hold) = template(300);
        templates.release(hold);
        let again = templates.hold(CLIENT, seconds(200)).unwrap();
        templates.release(again);
        assert!(templates.expire(seconds(499)).is_empty());
        assert_eq!(templates.expire(seconds(500)).len(), 1);
    }

    #[test]
    fn masks_of_both_families() {
        let masked = |client: &str, netmask| mask(client.parse().unwrap(), netmask).to_string();
        let v4 = Netmask::Ipv4(Ipv4Addr::new(255, 255, 0, 255));
        assert_eq!(masked("10.1.2.3", v4), "10.1.0.3");
        assert_eq!(masked("2001:db8:1::1", Netmask::Ipv6(32)), "2001:db8::");
        assert_eq!(masked("2001:db8::1", Netmask::Ipv6(128)), "2001:db8::1");
        assert_eq!(masked("2001:db8::1", Netmask::Ipv6(0)), "::");
        assert_eq!(masked("2001:db8::1", v4), "2001:db8::1");
    }
}
