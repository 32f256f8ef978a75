//! Services and destinations in a line of text.

use std::fmt::{self, Write};

use super::{Destination, Service, ServiceFlags, Thresholds};

impl Service {
    /// The scheduler's flags in the words of the cluster file and of `ipvsadm --sched-flags`: what a
    /// bit means depends on the scheduler.
    pub(crate) fn scheduler_flags(&self) -> Vec<&'static str> {
        let words = match self.scheduler.as_str() {
            "sh" => ["sh-fallback", "sh-port", "flag-3"],
            "mh" => ["mh-fallback", "mh-port", "flag-3"],
            _ => ["flag-1", "flag-2", "flag-3"],
        };
        let bits = [
            ServiceFlags::FLAG_1,
            ServiceFlags::FLAG_2,
            ServiceFlags::FLAG_3,
        ];
        let set = bits
            .iter()
            .zip(words)
            .filter(|(bit, _)| self.flags.contains(**bit));
        set.map(|(_, word)| word).collect()
    }

    /// Everything but its identity: `sh sh-port persistent 300s /24`.
    pub(crate) fn describe(&self) -> String {
        let mut text = self.scheduler.to_string();
        for flag in self.scheduler_flags() {
            text.push(' ');
            text.push_str(flag);
        }
        if self.flags.contains(ServiceFlags::ONE_PACKET) {
            text.push_str(" one-packet");
        }
        // Writing to a String cannot fail.
        if let Some(persistence) = self.persistence {
            let _ = write!(
                text,
                " persistent {} {}",
                persistence.timeout, persistence.netmask
            );
        }
        if let Some(engine) = &self.engine {
            let _ = write!(text, " engine {engine}");
        }
        text
    }
}

impl fmt::Display for Service {
    /// `tcp 172.16.5.11:80 sh sh-port persistent 300s /24`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.describe())
    }
}

impl Destination {
    /// Everything but its identity: `nat weight 5 thresholds 1000 800` (upper, then lower).
    pub(crate) fn describe(&self) -> String {
        let Self {
            forwarding,
            weight,
            thresholds,
            ..
        } = self;
        let mut text = format!("{forwarding} weight {weight}");
        if *thresholds != Thresholds::OFF {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                " thresholds {} {}",
                thresholds.upper(),
                thresholds.lower()
            );
        }
        text
    }
}

impl fmt::Display for Destination {
    /// `192.168.1.12:80 nat weight 5 thresholds 1000 800`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{Forwarding, Netmask, Persistence, SchedulerName, Seconds, Weight};

    #[test]
    fn a_line_says_everything() {
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
