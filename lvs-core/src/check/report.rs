//! The findings of a check, and the areas in which it has none.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;

use super::area::Area;
use super::code::Code;
use super::facts::Facts;
use super::finding::Finding;
use super::scene::{Place, Scene};
use super::severity::Severity;

/// The findings of a check, the worst first, and the areas that it examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    findings: Vec<Finding>,
    #[serde(skip)]
    areas: BTreeSet<Area>,
}

impl Report {
    pub(super) fn new(scene: &Scene<'_>, found: Vec<Finding>) -> Self {
        let mut findings = without_repetitions(found);
        let causes: Vec<_> = findings
            .iter()
            .filter(|finding| is_cause(finding, scene.facts))
            .map(|finding| finding.code)
            .collect();
        findings.retain(|finding| !causes.iter().any(|cause| explains(*cause, finding.code)));
        findings.sort_by(worst_first);
        Self {
            findings,
            areas: areas(scene),
        }
    }

    /// Returns the findings, the worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns the areas that were examined and have no finding.
    pub fn sound(&self) -> impl Iterator<Item = Area> {
        self.areas.iter().copied().filter(|area| {
            !self
                .findings
                .iter()
                .any(|finding| finding.code.area() == *area)
        })
    }

    /// Returns the report with further findings.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(more);
        self.findings.sort_by(worst_first);
        self
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
    matches!(code, Code::HALF_OPEN | Code::NO_ANSWERS | Code::NO_TRAFFIC)
}

fn is_cause(finding: &Finding, facts: Option<&Facts>) -> bool {
    let is_here = finding.node.as_ref() == facts.map(|facts| &facts.node);
    let is_bad = finding.severity == Severity::Error || finding.code == Code::NEVER_MARKED;
    is_here && is_bad && !is_symptom(finding.code)
}

/// Returns whether a cause explains a symptom. Clients in the wrong place do not make others wait; packets that were
/// never marked explain only that there is no traffic.
fn explains(cause: Code, symptom: Code) -> bool {
    is_symptom(symptom)
        && match cause {
            Code::CLIENT_ON_SERVER_NETWORK => symptom != Code::HALF_OPEN,
            Code::NEVER_MARKED => symptom == Code::NO_TRAFFIC,
            _ => true,
        }
}

fn areas(scene: &Scene<'_>) -> BTreeSet<Area> {
    let mut areas = BTreeSet::from([Area::Addresses, Area::Routing, Area::Services, Area::Clock]);
    let Some(facts) = scene.facts else {
        return areas;
    };
    if facts.observed.is_some() {
        areas.insert(Area::Upkeep);
    }
    if facts.two_readings().is_some() && !facts.is_standby() {
        areas.insert(Area::Traffic);
    }
    let received_vips = match &scene.place {
        Place::Paper => BTreeSet::new(),
        Place::Director(director) => director.received_vips(),
        Place::RealServer(server) => server.received_vips(),
    };
    if !received_vips.is_empty() || !facts.arp.is_empty() {
        areas.insert(Area::Arp);
    }
    areas
}
