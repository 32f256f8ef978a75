//! The findings of a check, and what it can say of each area.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::area::Area;
use super::code::Code;
use super::examined::{Examined, NotExamined};
use super::facts::Facts;
use super::finding::Finding;
use super::object::FindingObject;
use super::scene::Scene;
use super::severity::Severity;
use crate::cluster::change::ObjectId;
use crate::text::escape_line;

/// The findings of a check, the worst first, and what it can say of each area.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    findings: Vec<Finding>,
    areas: Vec<AreaReport>,
}

/// What a check can say of one area.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AreaReport {
    /// The area.
    pub area: Area,
    /// How far it was examined.
    pub examined: Examined,
    /// What the examination shows if there is no finding; empty where the area was not examined.
    pub claim: Cow<'static, str>,
    /// Whether a finding refutes that: one of the area, one that is left out because another one explains it, or an
    /// error elsewhere that this area depends on.
    pub is_refuted: bool,
}

impl AreaReport {
    /// Returns whether the area was examined and nothing speaks against its claim.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !matches!(self.examined, Examined::Not(_)) && !self.is_refuted
    }
}

/// Writes the line of a report; nothing for an area whose findings say everything.
impl fmt::Display for AreaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { area, claim, .. } = self;
        match &self.examined {
            Examined::Not(reason) => {
                let reason = reason.to_string();
                write!(f, "not examined {area}: {}", escape_line(&reason))
            }
            _ if self.is_refuted => Ok(()),
            Examined::OnHost => write!(f, "ok {area}: {claim}"),
            Examined::OnPaper => write!(f, "ok on paper {area}: {claim}"),
        }
    }
}

/// `{area, ok, examined, reason}`, where `examined` is `host`, `paper` or `no`.
impl Serialize for AreaReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (examined, reason) = match &self.examined {
            Examined::OnHost => ("host", None),
            Examined::OnPaper => ("paper", None),
            Examined::Not(reason) => ("no", Some(reason.to_string())),
        };
        let mut report = serializer.serialize_struct("AreaReport", 4)?;
        report.serialize_field("area", &self.area)?;
        report.serialize_field("ok", &self.is_ok())?;
        report.serialize_field("examined", examined)?;
        report.serialize_field("reason", &reason)?;
        report.end()
    }
}

impl Report {
    /// Makes the report of findings, and of areas that are not sound although a finding of another area covers why.
    pub(super) fn new(scene: &Scene<'_>, found: Vec<Finding>, unsound: BTreeSet<Area>) -> Self {
        let mut findings = without_repetitions(found);
        for finding in &mut findings {
            let node = finding.node.clone();
            if let Some(host) = scene.other_host(node.as_ref()) {
                finding.name_host(host);
            }
        }
        let refuted = refuted(&findings, unsound);
        let causes: Vec<_> = findings
            .iter()
            .filter(|finding| is_cause(finding, scene.facts))
            .cloned()
            .collect();
        findings.retain(|finding| {
            !is_explainable(finding.code) || !causes.iter().any(|cause| explains(cause, finding))
        });
        findings.sort_by(worst_first);
        let areas = Area::ALL.map(|area| {
            let examined = scene.examined(area);
            AreaReport {
                area,
                claim: area.claim(&examined, scene),
                examined,
                is_refuted: refuted.contains(&area),
            }
        });
        Self {
            findings,
            areas: areas.into(),
        }
    }

    /// Returns the findings, the worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns every area, with how far it was examined.
    #[must_use]
    pub fn areas(&self) -> &[AreaReport] {
        &self.areas
    }

    /// Returns the worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns the areas that were examined and have no finding.
    pub fn sound(&self) -> impl Iterator<Item = Area> {
        self.areas
            .iter()
            .filter(|report| report.is_ok())
            .map(|report| report.area)
    }

    /// Returns whether everything that was asked for could be read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self
            .areas
            .iter()
            .any(|report| matches!(report.examined, Examined::Not(NotExamined::Unreadable(_))))
    }

    /// Returns whether too little was seen of an area, and that is suspicious: clients wait for an answer.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.areas
            .iter()
            .any(|report| matches!(report.examined, Examined::Not(NotExamined::Undecided(_))))
    }

    /// Returns the report with further findings.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(more);
        self.findings.sort_by(worst_first);
        let refuted = refuted(&self.findings, BTreeSet::new());
        for report in &mut self.areas {
            report.is_refuted |= refuted.contains(&report.area);
        }
        self
    }
}

/// Returns the areas of which nothing reassuring may be said: those of all findings, and those that an error beyond
/// them affects.
fn refuted(findings: &[Finding], mut unsound: BTreeSet<Area>) -> BTreeSet<Area> {
    for finding in findings {
        unsound.insert(finding.code.area());
        if finding.severity == Severity::Error {
            unsound.extend(affected(finding.code));
        }
    }
    unsound
}

/// Returns the areas beyond its own that an error affects: connections need everything else, routes need their
/// interface, and a node whose answers take another way is not as the file says.
fn affected(code: Code) -> &'static [Area] {
    match code {
        Code::ARP_OFF => &[Area::Traffic, Area::Routing],
        Code::SMALL_MTU => &[Area::Traffic, Area::Addresses, Area::Upkeep],
        Code::UNANSWERED => &[Area::Traffic, Area::Services],
        Code::ENSLAVED => &[Area::Traffic, Area::Routing],
        Code::LINK_MISSING | Code::LINK_DOWN => &[Area::Traffic, Area::Routing, Area::Upkeep],
        Code::NAT_GATEWAY | Code::DR_GATEWAY | Code::NO_DEFAULT_ROUTE => {
            &[Area::Traffic, Area::Upkeep]
        }
        Code::CLOCK_OFF => &[],
        Code::WITHDRAWN => &[Area::Traffic, Area::Services, Area::Upkeep],
        Code::NO_CONTROLLER => &[Area::Services],
        _ => &[Area::Traffic],
    }
}

/// Objects are in the order of their texts, whichever kinds they are of.
fn worst_first(one: &Finding, other: &Finding) -> Ordering {
    let key = |finding: &Finding| {
        (
            finding.code,
            finding.node.clone(),
            finding.object.to_string(),
        )
    };
    other
        .severity
        .cmp(&one.severity)
        .then_with(|| key(one).cmp(&key(other)))
        .then_with(|| one.cmp(other))
}

/// Keeps the first of the findings of a code, an object and a node; one about the cluster is left out where there is
/// one about a node before it.
fn without_repetitions(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    findings.retain(|finding| {
        let key = |node| (finding.code, finding.object.clone(), node);
        let is_new = seen.insert(key(finding.node.clone()));
        seen.insert(key(None));
        is_new
    });
    findings
}

/// Returns whether a finding shows an effect only: it is left out where the node shows the cause.
fn is_symptom(code: Code) -> bool {
    matches!(
        code,
        Code::HALF_OPEN | Code::NO_ANSWERS | Code::NO_TRAFFIC | Code::UNANSWERED | Code::ASTRAY
    )
}

/// Returns whether a finding tells of requests that were seen to get no answer.
fn is_of_requests(code: Code) -> bool {
    matches!(code, Code::UNANSWERED | Code::ASTRAY)
}

/// Returns whether a cause may explain a finding, without which none is asked.
fn is_explainable(code: Code) -> bool {
    is_symptom(code)
        || matches!(
            code,
            Code::NO_DEFAULT_ROUTE
                | Code::OTHER_UPLINK
                | Code::VIP_MISSING_ON_DIRECTOR
                | Code::VIP_MISSING_ON_SERVER
                | Code::DEAD_NEIGHBOUR
                | Code::NOT_LOCAL
        )
}

fn is_cause(finding: &Finding, facts: Option<&Facts>) -> bool {
    let is_here = finding.node.as_ref() == facts.map(|facts| &facts.node);
    let is_bad = finding.severity == Severity::Error
        || matches!(finding.code, Code::NEVER_MARKED | Code::OVERLOADED);
    let is_of_file = matches!(
        finding.code,
        Code::ONE_PACKET_NAT | Code::SHARED_LINK | Code::HASH_WITHOUT_FALLBACK
    );
    // Both are effects of what else is found, and explain others.
    let is_effect = is_symptom(finding.code) && !is_of_requests(finding.code);
    (is_here || is_of_file) && is_bad && !is_effect
}

/// Returns whether a cause explains another finding. Clients in the wrong place do not make others wait; packets that
/// were never marked explain only that there is no traffic. An interface takes its addresses and routes with it.
fn explains(cause: &Finding, other: &Finding) -> bool {
    match cause.code {
        Code::CLIENT_ON_SERVER_NETWORK => is_symptom(other.code) && other.code != Code::HALF_OPEN,
        // Connections show what becomes of clients then.
        Code::BELOW_MINIMUM | Code::NO_CONTROLLER => false,
        Code::NEVER_MARKED => other.code == Code::NO_TRAFFIC,
        Code::OVERLOADED | Code::HASH_WITHOUT_FALLBACK => other.code == Code::UNANSWERED,
        Code::UNANSWERED => is_symptom(other.code) && !is_of_requests(other.code),
        Code::ASTRAY => other.code == Code::UNANSWERED,
        Code::ONE_PACKET_NAT => other.code == Code::NO_ANSWERS && other.object == cause.object,
        Code::SHARED_LINK => other.code == Code::HALF_OPEN && is_destination(other, &cause.object),
        Code::LINK_MISSING | Code::LINK_DOWN | Code::ENSLAVED => {
            is_symptom(other.code) || goes_with(cause, other)
        }
        Code::SMALL_MTU => is_symptom(other.code) || (is_of_ipv6(other) && goes_with(cause, other)),
        _ => is_symptom(other.code),
    }
}

/// Returns whether a finding is about a destination with the address of a real server.
fn is_destination(finding: &Finding, real_ip: &FindingObject) -> bool {
    match &finding.object {
        FindingObject::Object(ObjectId::Destination(_, id)) => {
            FindingObject::from(id.address) == *real_ip
        }
        _ => false,
    }
}

/// Returns whether a finding is about an address or route of IPv6.
fn is_of_ipv6(finding: &Finding) -> bool {
    match &finding.object {
        FindingObject::Object(ObjectId::Route(route)) => route.destination.addr().is_ipv6(),
        FindingObject::Object(ObjectId::Address(address)) => address.network.addr().is_ipv6(),
        _ => false,
    }
}

/// Returns whether a finding is about what an interface took with it: an address of its own, or any route.
fn goes_with(link: &Finding, other: &Finding) -> bool {
    match (other.code, &link.object, &other.object) {
        (Code::NO_DEFAULT_ROUTE | Code::OTHER_UPLINK, ..) => true,
        // Nothing is received by it.
        (Code::DEAD_NEIGHBOUR | Code::NOT_LOCAL, ..) => link.code == Code::ENSLAVED,
        (
            Code::VIP_MISSING_ON_DIRECTOR | Code::VIP_MISSING_ON_SERVER,
            FindingObject::Object(ObjectId::Link(name)),
            FindingObject::Object(ObjectId::Address(lost)),
        ) => lost.interface == *name,
        _ => false,
    }
}
