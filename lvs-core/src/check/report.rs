//! The findings of a check, and what it found nothing about.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;

use super::area::Area;
use super::code::Code;
use super::facts::Facts;
use super::finding::Finding;
use super::scene::{Place, Scene};
use super::severity::Severity;

/// What a check found, the worst first, and which areas it looked at.
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
            .filter(|it| is_cause(it, scene.facts))
            .cloned()
            .collect();
        findings.retain(|it| !causes.iter().any(|cause| explains(cause.code, it.code)));
        findings.sort_by(worst_first);
        Self {
            findings,
            areas: areas(scene),
        }
    }

    /// The findings, the worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The worst there is.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The areas that were looked at and about which there is nothing to say.
    pub fn sound(&self) -> impl Iterator<Item = Area> {
        let found: BTreeSet<_> = self.findings.iter().map(|it| it.code.area()).collect();
        let areas = self.areas.iter().copied();
        areas.filter(move |area| !found.contains(area))
    }

    /// The same with further findings.
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

/// What the file says and what the machine shows may be the same mistake: it is told once, as the
/// rules come with what the machine shows first.
fn without_repetitions(found: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = found;
    findings.retain(|finding| {
        let known = seen.contains(&(finding.code, finding.object.clone(), None));
        let new = seen.insert((finding.code, finding.object.clone(), finding.node.clone()));
        seen.insert((finding.code, finding.object.clone(), None));
        new && !(known && finding.node.is_none())
    });
    findings
}

/// Says no more than that something is wrong: left out where this machine shows what it is.
fn is_symptom(code: Code) -> bool {
    matches!(code, Code::HALF_OPEN | Code::NO_ANSWERS | Code::NO_TRAFFIC)
}

fn is_cause(finding: &Finding, facts: Option<&Facts>) -> bool {
    let here = finding.node.as_ref() == facts.map(|facts| &facts.node);
    let bad = finding.severity == Severity::Error || finding.code == Code::NEVER_MARKED;
    here && bad && !is_symptom(finding.code)
}

/// Clients in the wrong place are no reason for others to wait, nor is what never came.
fn explains(cause: Code, symptom: Code) -> bool {
    let misplaced = cause == Code::CLIENT_ON_SERVER_NETWORK && symptom == Code::HALF_OPEN;
    let unmarked = cause == Code::NEVER_MARKED && symptom != Code::NO_TRAFFIC;
    is_symptom(symptom) && !misplaced && !unmarked
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
