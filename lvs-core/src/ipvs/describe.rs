//! Services and destinations as one line of text.

use std::fmt;

use super::{Destination, Service, ServiceFlags, Thresholds};

impl Service {
    /// Returns the words for the scheduler's flags, in the order of the bits.
    pub(crate) fn scheduler_flags(&self) -> Vec<&'static str> {
        self.flags.words_of(&self.scheduler)
    }

    /// Describes everything but the identity: `sh sh-port persistent 300s /24`.
    pub(crate) fn describe(&self) -> String {
        let mut words = vec![self.scheduler.to_string()];
        words.extend(self.scheduler_flags().into_iter().map(str::to_owned));
        if self.flags.contains(ServiceFlags::ONE_PACKET) {
            words.push("one-packet".to_owned());
        }
        words.extend(self.persistence.map(|persistence| {
            format!("persistent {} {}", persistence.timeout, persistence.netmask)
        }));
        words.extend(
            self.engine
                .as_ref()
                .map(|engine| format!("engine {engine}")),
        );
        words.join(" ")
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.describe())
    }
}

impl Destination {
    /// Describes everything but the identity: `nat weight 5 thresholds 1000 800` (upper, then lower).
    pub(crate) fn describe(&self) -> String {
        let text = format!("{} weight {}", self.forwarding, self.weight);
        if self.thresholds == Thresholds::OFF {
            return text;
        }
        let (upper, lower) = (self.thresholds.upper(), self.thresholds.lower());
        format!("{text} thresholds {upper} {lower}")
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{Forwarding, Netmask, Persistence, SchedulerName, Seconds, Weight};

    #[test]
    fn a_line_describes_everything() {
        let mut service = Service::new("tcp 172.16.5.11:80".parse().unwrap(), SchedulerName::SH);
        service.flags = ServiceFlags::SH_PORT;
        service.persistence = Some(Persistence {
            timeout: Seconds(300),
            netmask: Netmask::from_prefix(crate::ipvs::Family::Ipv4, 24).unwrap(),
        });
        assert_eq!(
            service.to_string(),
            "tcp 172.16.5.11:80 sh sh-port persistent 300s /24"
        );

        let id = "192.168.1.12:80".parse().unwrap();
        let mut destination = Destination::new(id, Forwarding::Masquerade);
        destination.weight = Weight::new(5).unwrap();
        destination.thresholds = Thresholds::new(1000, 800).unwrap();
        assert_eq!(
            destination.to_string(),
            "192.168.1.12:80 nat weight 5 thresholds 1000 800"
        );
    }
}
