//! The table of all kinds of findings, and what it tells of a code.

use std::str::FromStr;

use super::area::Area;
use super::code::Code;
use super::kind::FindingKind;
use super::rules::*;
use super::severity::Severity;
use crate::error::InvalidValue;

/// Every kind of finding by its number, which counts from 1.
const TABLE: &[&FindingKind] = &[
    &arp_sysctls::ARP_IGNORE,
    &arp_sysctls::ARP_ANNOUNCE,
    &arp_answers::ARP_PROBE,
    &server_vip::VIP_ON_NIC,
    &server_vip::VIP_MISSING_ON_SERVER,
    &director_vip::VIP_MISSING_ON_DIRECTOR,
    &network_on_lo::NETWORK_ON_LO,
    &broadcast::BROADCAST,
    &secondary_vip::SECONDARY_VIP,
    &upstream::VIP_UPSTREAM,
    &duplicate::DUPLICATE_ADDRESS,
    &real_ip::REAL_IP,
    &gateway::NAT_GATEWAY,
    &gateway::DR_GATEWAY,
    &shared_link::SHARED_LINK,
    &gateway::NO_DEFAULT_ROUTE,
    &redirects::REDIRECTS,
    &clients::CLIENT_ON_SERVER_NETWORK,
    &forwarding::FORWARDING,
    &rp_filter::RP_FILTER,
    &weights::NO_DESTINATION,
    &hashing::HASH_WITHOUT_FALLBACK,
    &ftp::FTP,
    &kernel_table::PORT_ZERO,
    &persistence::WIDE_PERSISTENCE,
    &persistence::STICKY_DRAIN,
    &thresholds::THRESHOLD_RULE,
    &thresholds::OVERLOADED,
    &redundancy::ONE_SERVER,
    &kernel_table::NOT_LOADED,
    &kernel_table::NO_SCHEDULER,
    &kernel_table::PORT_WITHOUT_NAT,
    &listener::NO_LISTENER,
    &reuse::REUSE_STALLS,
    &method_change::METHOD_CHANGE,
    &half_open::HALF_OPEN,
    &traffic::NO_ANSWERS,
    &traffic::ONE_GETS_ALL,
    &connections::GONE_DESTINATION,
    &udp::STUCK_UDP,
    &clients::DIRECTOR_AS_CLIENT,
    &traffic::NO_TRAFFIC,
    &kernel_table::DEAD_DESTINATION,
    &drift::DRIFT,
    &managers::MANAGED_INTERFACE,
    &managers::OTHER_MANAGER,
    &clock::NO_TIME_SERVER,
    &clock::CLOCK_OFF,
    &clock::TIME_SERVER_SILENT,
    &tunnel::TUNNEL_DEVICE,
    &tunnel::TUNNEL_PORT,
    &tunnel::ENCAPSULATION,
    &tunnel_mtu::TUNNEL_MTU,
    &marks::NEVER_MARKED,
    &marks::SHADOWED_BY_MARK,
    &sync::SYNC_LENGTH,
    &vip_as_source::VIP_AS_SOURCE,
    &exposed::EXPOSED,
    &conntrack::CONNTRACK_FULL,
    &director_vip::FLOATING_ON_STANDBY,
    &arp_answers::TWO_ACTIVE,
    &arp_answers::VIP_UNANSWERED,
    &balanced_twice::BALANCED_TWICE,
    &advertised::ADVERTISED_ROUTE,
    &outage::CHANGE_OUTAGE,
    &links::LINK_MISSING,
    &links::LINK_DOWN,
    &one_packet::ONE_PACKET_NAT,
    &uplink::OTHER_UPLINK,
    &neighbours::DEAD_NEIGHBOUR,
    &neighbours::WRONG_NEIGHBOUR,
    &neighbours::SHARED_ADDRESS,
    &balanced_here::BALANCED_HERE,
    &way_to_server::NO_WAY_TO_SERVER,
    &ipvs_drops::IPVS_DROPS,
    &ipvs_drops::IPVS_PAUSED,
    &arp_hidden::ARP_HIDDEN,
    &not_local::NOT_LOCAL,
    &leftover_vip::LEFTOVER_VIP,
    &timeouts::SHORT_TIMEOUT,
    &arp_off::ARP_OFF,
    &small_mtu::SMALL_MTU,
    &unanswered::UNANSWERED,
    &unaccepted::UNACCEPTED,
    &qdisc_drops::QDISC_DROPS,
    &astray::ASTRAY,
    &enslaved::ENSLAVED,
    &neighbours::SHARED_MAC,
    &unsolicited::VIP_UNSOLICITED,
    &refused::REFUSED,
    &health::WITHDRAWN,
    &health::BELOW_MINIMUM,
    &health::SERVER_DOWN,
    &health::NO_CONTROLLER,
    &health::UNTESTED,
];

impl Code {
    /// Returns all codes in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|kind| kind.code)
    }

    /// Returns the problem in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.kind().map_or("", |kind| kind.title)
    }

    /// Returns what the problem does, in one sentence without its full stop.
    #[must_use]
    pub fn impact(self) -> &'static str {
        self.kind().map_or("", |kind| kind.impact)
    }

    /// Returns a paragraph: how the problem arises, how it shows and what to do.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.kind().map_or("", |kind| kind.explanation)
    }

    /// Returns how bad the problem is, unless a finding says otherwise.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.kind().map_or(Severity::Note, |kind| kind.severity)
    }

    /// Returns the area the problem belongs to.
    #[must_use]
    pub fn area(self) -> Area {
        self.kind().map_or(Area::Upkeep, |kind| kind.area)
    }

    /// There is one for every code: the constants and those that were parsed.
    fn kind(self) -> Option<&'static FindingKind> {
        TABLE.iter().copied().find(|kind| kind.code == self)
    }
}

impl FromStr for Code {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let number = text
            .strip_prefix("LVS")
            .or_else(|| text.strip_prefix("lvs"))
            .and_then(|digits| digits.parse::<usize>().ok());
        number
            .and_then(|number| TABLE.get(number.checked_sub(1)?))
            .map(|kind| kind.code)
            .ok_or_else(|| {
                let problem = match TABLE {
                    [first, .., last] => format!("is not one of {} to {}", first.code, last.code),
                    _ => "is not known".to_owned(),
                };
                InvalidValue::new("code", text, problem)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_without_gaps() {
        for (code, number) in Code::all().zip(1..) {
            assert_eq!(code.to_string(), format!("LVS{number:03}"));
        }
    }

    #[test]
    fn every_code_explains_itself() {
        for code in Code::all() {
            assert!(code.explanation().len() > 150, "{code} says little");
            assert!(code.explanation().ends_with('.'), "{code}");
            assert!(!code.impact().ends_with('.'), "{code}");
            assert!(!code.title().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn only_codes_that_exist_are_read() {
        let lower = Code::NAT_GATEWAY.to_string().to_lowercase();
        assert_eq!(lower.parse(), Ok(Code::NAT_GATEWAY));
        for bad in ["", "LVS", "LVS000", "LVS999", "13", "LVS99999999"] {
            assert!(bad.parse::<Code>().is_err(), "{bad:?}");
        }
    }
}
