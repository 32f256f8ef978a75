//! How far each area was examined, and what a check may therefore say of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::area::Area;
use super::facts::{ClockFact, Facts};
use super::scene::{DirectorScene, Place, RealServerScene, Scene};
use super::source::Source;
use super::words;
use crate::cluster::VirtualService;
use crate::ipvs::{Forwarding, Protocol};

/// Says how far an area was examined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Examined {
    /// On the host that the facts are of.
    OnHost,
    /// In the cluster file alone.
    OnPaper,
    /// Not at all, or not enough to tell.
    Not(NotExamined),
}

/// Says why an area was not examined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NotExamined {
    /// Only the cluster file was read.
    NoHost,
    /// The host did not let it be read; the text names what, and the error.
    Unreadable(String),
    /// It was not asked for; the text says how to ask.
    NotAsked(&'static str),
    /// Another host can tell; the text says which.
    Elsewhere(&'static str),
    /// Too little was seen.
    Undecided(String),
}

impl fmt::Display for NotExamined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("no host was examined"),
            Self::Unreadable(text) | Self::Undecided(text) => f.write_str(text),
            Self::NotAsked(text) | Self::Elsewhere(text) => f.write_str(text),
        }
    }
}

impl Area {
    /// Returns what the examination of an area shows if there is no finding; empty where it was not examined.
    pub(super) fn claim(self, examined: &Examined, scene: &Scene<'_>) -> Cow<'static, str> {
        match (examined, self, &scene.place) {
            (Examined::OnHost, Self::Traffic, Place::Director(director)) => {
                director.traffic_claim().into()
            }
            (Examined::OnHost, Self::Arp, _) => match scene.asked_partly() {
                Some(claim) => claim.into(),
                None => self.plain_claim(examined, scene).into(),
            },
            _ => self.plain_claim(examined, scene).into(),
        }
    }

    fn plain_claim(self, examined: &Examined, scene: &Scene<'_>) -> &'static str {
        let is_director = matches!(scene.place, Place::Director(_));
        let has_asked = scene.facts.is_some_and(|facts| !facts.arp.is_empty());
        match (examined, self) {
            (Examined::Not(_), _) => "",
            (Examined::OnPaper, Self::Addresses) => {
                "the addresses of the file agree with each other"
            }
            (Examined::OnPaper, _) => "every service of the file has a destination with weight",
            (Examined::OnHost, Self::Addresses) => {
                "this host has every address of the file where it belongs"
            }
            (Examined::OnHost, Self::Arp) if has_asked => {
                "only the director answered for the virtual IPs"
            }
            (Examined::OnHost, Self::Arp) => "this host does not answer ARP for the virtual IPs",
            (Examined::OnHost, Self::Routing) => {
                "the routes and sysctls of this host let requests and answers pass"
            }
            (Examined::OnHost, Self::Services) if is_director => {
                "every service of the file is in the table, with a destination that takes connections"
            }
            (Examined::OnHost, Self::Services) => {
                "a program listens for every service of this host"
            }
            (Examined::OnHost, Self::Traffic) => "",
            (Examined::OnHost, Self::Clock) => "the clock of this host agrees with the time server",
            (Examined::OnHost, Self::Upkeep) => {
                "this host has what the file says, and no other program manages it"
            }
        }
    }
}

impl Scene<'_> {
    /// Returns what neighbours answered where they were asked for some of the virtual IPs.
    fn asked_partly(&self) -> Option<String> {
        let all = self.cluster.virtual_ips();
        let asked: BTreeSet<_> = self.facts?.arp.iter().map(|asked| asked.vip).collect();
        let count = asked.len();
        (count > 0 && count < all.len()).then(|| {
            let vips: Vec<_> = asked.iter().take(3).map(ToString::to_string).collect();
            let more = match count - vips.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let vips = vips.join(", ");
            format!("only the director answered for {vips}{more}; the others were not asked for")
        })
    }

    /// Returns how far an area was examined.
    pub(super) fn examined(&self, area: Area) -> Examined {
        let asked = self.facts.and_then(Facts::asked);
        match (&self.place, area, asked) {
            (_, Area::Arp, Some(asked)) => asked,
            (Place::Paper, ..) => on_paper(area),
            (Place::Director(scene), ..) => scene.examined(area),
            (Place::RealServer(scene), ..) => scene.examined(area),
        }
    }
}

const fn on_paper(area: Area) -> Examined {
    match area {
        Area::Addresses | Area::Services => Examined::OnPaper,
        _ => Examined::Not(NotExamined::NoHost),
    }
}

impl DirectorScene<'_> {
    fn examined(&self, area: Area) -> Examined {
        let facts = self.facts;
        match area {
            Area::Services => facts.needing(&[Source::Net, Source::Ipvs, Source::Controller]),
            Area::Traffic if facts.is_standby() => Examined::Not(NotExamined::Elsewhere(
                "the active director has the connections; --arp asks whether there is one",
            )),
            Area::Traffic => facts
                .unreadable(&[Source::Net, Source::Ipvs])
                .or_else(|| self.undecided())
                .unwrap_or(Examined::OnHost),
            _ => facts.examined(area, !self.received_vips().is_empty()),
        }
    }

    /// Returns why the connections do not tell whether clients are answered.
    fn undecided(&self) -> Option<Examined> {
        let reason = match self.facts.two_readings() {
            None => NotExamined::NotAsked("the table was read once"),
            Some(_) => match self.waiting() {
                Some(reason) => NotExamined::Undecided(reason),
                None if self.shows_answers() => return None,
                None => NotExamined::Elsewhere(self.unseen()?),
            },
        };
        Some(Examined::Not(reason))
    }

    /// Returns whether the table shows answers of any service.
    fn shows_answers(&self) -> bool {
        self.cluster
            .services()
            .iter()
            .any(|service| has_states(service) || is_counted(service))
    }

    /// Returns why no reading shows the answers of some services.
    fn unseen(&self) -> Option<&'static str> {
        let unseen = self
            .cluster
            .services()
            .iter()
            .find(|service| !has_states(service) && !is_counted(service))?;
        Some(match unseen.sockets().is_empty() {
            true => "the connections of a mark without match are not told from others",
            false => "answers to datagrams go past the director: ask the service from a client",
        })
    }

    /// Returns what the readings show if there is no finding.
    fn traffic_claim(&self) -> String {
        let services = || self.cluster.services().iter();
        let states = services()
            .any(has_states)
            .then(|| "every TCP connection that asked during the check is established".to_owned());
        let counted = services()
            .any(|service| !has_states(service) && is_counted(service))
            .then(|| "masqueraded datagrams are answered".to_owned());
        let unseen = self.unseen().map(str::to_owned);
        let before = match self.given_up() {
            0 => None,
            count => Some(words::counted(
                count,
                "connection before it was given up without an answer",
                "connections before it were given up without an answer",
            )),
        };
        let parts: Vec<_> = [states, counted, before, unseen]
            .into_iter()
            .flatten()
            .collect();
        parts.join("; ")
    }
}

/// Returns whether the kernel's table shows what became of a service's connections: that of TCP.
fn has_states(service: &VirtualService) -> bool {
    let sockets = service.sockets();
    sockets.iter().any(|to| to.protocol == Protocol::TCP)
}

/// Returns whether the answers of all of a service's destinations pass the director, which counts them.
fn is_counted(service: &VirtualService) -> bool {
    service
        .destinations
        .iter()
        .all(|destination| destination.forwarding == Forwarding::Masquerade)
}

impl RealServerScene<'_> {
    /// Returns why what was seen does not tell whether answers arrive.
    fn doubtful(&self) -> Option<Examined> {
        let reason = self.unproven_way().or_else(|| self.silence())?;
        Some(Examined::Not(NotExamined::Undecided(reason)))
    }

    fn examined(&self, area: Area) -> Examined {
        match area {
            Area::Services => self.facts.needing(&[Source::Net]),
            Area::Traffic => {
                Examined::Not(NotExamined::Elsewhere("the director has the connections"))
            }
            Area::Routing => self
                .facts
                .unreadable(&[Source::Sysctls])
                .or_else(|| self.doubtful())
                .unwrap_or(Examined::OnHost),
            _ => self.facts.examined(area, !self.received_vips().is_empty()),
        }
    }
}

impl Facts {
    /// Returns how far the areas were examined that are alike on every node; those that receive a virtual IP must
    /// not answer ARP for it.
    fn examined(&self, area: Area, receives: bool) -> Examined {
        match area {
            Area::Arp if !receives => Examined::Not(NotExamined::NotAsked(
                "--arp asks who has the virtual IPs, where this host is on their link",
            )),
            Area::Arp | Area::Routing => self.needing(&[Source::Sysctls]),
            Area::Clock => self.clock_examined(),
            Area::Upkeep => self.upkeep_examined(),
            Area::Addresses | Area::Services | Area::Traffic => Examined::OnHost,
        }
    }

    /// Returns the examination of an area that needs these sources.
    fn needing(&self, sources: &[Source]) -> Examined {
        self.unreadable(sources).unwrap_or(Examined::OnHost)
    }

    /// Returns the first of the sources that could not be read.
    fn unreadable(&self, sources: &[Source]) -> Option<Examined> {
        let reason = sources.iter().find_map(|source| self.unread.get(source))?;
        Some(Examined::Not(NotExamined::Unreadable(reason.clone())))
    }

    /// Returns whether the neighbours were examined, if they were asked.
    fn asked(&self) -> Option<Examined> {
        self.unreadable(&[Source::Neighbours])
            .or_else(|| (!self.arp.is_empty()).then_some(Examined::OnHost))
    }

    fn clock_examined(&self) -> Examined {
        match &self.clock {
            Some(ClockFact::Offset(_) | ClockFact::Silent(_)) => Examined::OnHost,
            None => Examined::Not(NotExamined::NotAsked("no time server was asked")),
        }
    }

    fn upkeep_examined(&self) -> Examined {
        let hidden = self.unreadable(&[
            Source::Sysctls,
            Source::Net,
            Source::Ipvs,
            Source::Processes,
        ]);
        let unread = Examined::Not(NotExamined::NotAsked(
            "the node was not compared with the file",
        ));
        hidden.unwrap_or(match self.observed {
            Some(_) => Examined::OnHost,
            None => unread,
        })
    }
}
