//! The report while it is written: every directive is counted when it is read, and none is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportError;
use super::report::{Directive, Fate, ImportReport, Place};

/// Returns whether a directive of keepalived or ldirectord makes a service or a real server.
fn is_target(directive: &str) -> bool {
    const WORDS: [&str; 8] = [
        "virtual_server",
        "real_server",
        "sorry_server",
        "virtual",
        "virtual6",
        "real",
        "real6",
        "fallback",
    ];
    WORDS.contains(&directive.split([' ', '=']).next().unwrap_or_default())
}

/// Names what a reason leaves out of the file; a long list is in the report.
fn told(reason: &str, lost: &[String]) -> String {
    const MOST: usize = 20;
    let named = lost.iter().take(MOST).map(String::as_str);
    let named = named.collect::<Vec<_>>().join(", ");
    match lost.len().saturating_sub(MOST) {
        0 => format!("Not imported: {named}: {reason}."),
        more => format!("Not imported: {named}, and {more} more that the report has: {reason}."),
    }
}

/// A directive that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DirectiveId(usize);

/// The report while it is written: every directive is counted when it is read, and none is forgotten.
#[derive(Debug, Default)]
pub(super) struct Tally {
    directives: Vec<(Place, String, Option<Fate>)>,
    /// What a directive is about, where it is carried only with that.
    owners: BTreeMap<DirectiveId, Vec<DirectiveId>>,
    /// Directives that are left with what they belong to.
    following: BTreeSet<DirectiveId>,
    /// What was counted, but is no directive.
    silent: BTreeSet<DirectiveId>,
    /// Services and real servers that are left though they may be on the director, as the head of the file names them.
    lost: BTreeMap<DirectiveId, String>,
    /// What lines of loops make in other rounds than those that are carried, as the head of the file names it.
    partly: Vec<String>,
    /// The lines in which a definition is replaced.
    uses: BTreeMap<DirectiveId, BTreeSet<Place>>,
}

impl Tally {
    /// The longest text of a directive that a report shows.
    const LONGEST: usize = 200;
    /// What follows these words is not shown: reports are passed on.
    const SECRET: [&'static str; 3] = ["auth_pass", "passwd", "secret"];

    /// Counts a directive.
    pub(super) fn add(&mut self, place: &Place, text: &str) -> DirectiveId {
        let word = text.split([' ', '=']).next().unwrap_or_default();
        let text = match text.char_indices().nth(Self::LONGEST) {
            _ if Self::SECRET.contains(&word) => format!("{word} …"),
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        };
        self.directives.push((place.clone(), text, None));
        DirectiveId(self.directives.len() - 1)
    }

    /// Says that what was counted is a word between directives: the report does not have it.
    pub(super) fn silence(&mut self, id: DirectiveId) {
        self.silent.insert(id);
    }

    pub(super) fn carried(&mut self, id: DirectiveId, to: impl Into<String>) {
        self.set(id, Fate::Carried { to: to.into() });
    }

    pub(super) fn assumed(
        &mut self,
        id: DirectiveId,
        to: impl Into<String>,
        reason: impl Into<String>,
    ) {
        let (to, reason) = (to.into(), reason.into());
        self.set(id, Fate::Assumed { to, reason });
    }

    pub(super) fn left(&mut self, id: DirectiveId, reason: impl Into<String>) {
        let reason = reason.into();
        self.set(id, Fate::Left { reason });
    }

    /// Leaves a directive that makes a service or a real server, which the head of the file names: in a loop one of
    /// each round.
    pub(super) fn lost(&mut self, id: DirectiveId, what: &str, reason: impl Into<String>) {
        let before = self.lost.remove(&id).unwrap_or_default();
        self.left(id, reason);
        let is_told = before.contains(what) || before.len() > Self::LONGEST;
        let all = match before.as_str() {
            "" => what.to_owned(),
            _ if is_told => before,
            _ => format!("{before}, {what}"),
        };
        self.lost.insert(id, all);
    }

    /// Names what a directive makes for the head of the file, where it is left after all.
    pub(super) fn name_lost(&mut self, id: DirectiveId, what: &str) {
        if self.is_left(id) {
            self.lost.entry(id).or_insert_with(|| what.to_owned());
        }
    }

    /// Returns lines for the head of the file: services and real servers of the source that it lacks, by the reasons;
    /// without those that other notes tell.
    pub(super) fn losses(&self, notes: &[String]) -> Vec<String> {
        let parts = notes
            .iter()
            .filter_map(|note| note.split_once('(')?.1.split_once(')'));
        let told: BTreeSet<&str> = parts.map(|(place, _)| place).collect();
        let mut all: Vec<(&str, Vec<String>)> = Vec::new();
        let mut places = BTreeMap::new();
        for (number, (place, directive, fate)) in self.directives.iter().enumerate() {
            let id = DirectiveId(number);
            let of_rules = self.lost.get(&id).map(String::as_str);
            let what = of_rules.or_else(|| is_target(directive).then_some(directive));
            let (Some(Fate::Left { reason }), Some(what)) = (fate, what) else {
                continue;
            };
            if self.following.contains(&id) || told.contains(place.to_string().as_str()) {
                continue;
            }
            let index = *places.entry(reason).or_insert(all.len());
            let what = format!("{what} ({place})");
            match all.get_mut(index) {
                Some((_, together)) => together.push(what),
                None => all.push((reason, vec![what])),
            }
        }
        let lines = all.into_iter();
        lines
            .map(|(reason, lost)| self::told(reason, &lost))
            .chain(self.partly.iter().cloned())
            .collect()
    }

    /// Leaves a directive because what it belongs to is left; one that is left already has its own reason.
    pub(super) fn left_too(&mut self, id: DirectiveId, reason: impl Into<String>) {
        if !self.is_left(id) {
            self.left(id, reason);
            self.following.insert(id);
        }
    }

    /// Says that these directives are the mistakes, and that the others are left beside them.
    pub(super) fn only(&mut self, mistakes: &BTreeSet<DirectiveId>) {
        let all = (0..self.directives.len()).map(DirectiveId);
        self.following = all.filter(|id| !mistakes.contains(id)).collect();
    }

    /// Says why the source is refused, at the line that an error names.
    pub(super) fn refuse(&mut self, error: &ImportError) {
        let hint = error
            .hint()
            .map_or_else(String::new, |hint| format!("; {hint}"));
        let reason = format!("{}{hint}", error.problem());
        let at_place = |(place, ..): &(Place, _, _)| place == error.place();
        let id = match self.directives.iter().rposition(at_place) {
            Some(number) => DirectiveId(number),
            None => self.add(error.place(), "the source"),
        };
        self.silent.remove(&id);
        self.left(id, reason);
    }

    /// Says that none of what was read is a mistake.
    pub(super) fn only_follows(&mut self) {
        self.only(&BTreeSet::new());
    }

    fn is_left(&self, id: DirectiveId) -> bool {
        let directive = self.directives.get(id.0);
        directive.is_some_and(|(_, _, fate)| matches!(fate, Some(Fate::Left { .. })))
    }

    /// Adds a reason to a directive that is carried or assumed; one that it has already is not added again.
    pub(super) fn doubt(&mut self, id: DirectiveId, doubt: &str) {
        let fate = self
            .directives
            .get(id.0)
            .and_then(|(_, _, fate)| fate.clone());
        match fate {
            Some(Fate::Carried { to }) => self.assumed(id, to, doubt),
            Some(Fate::Assumed { to, reason }) if !reason.contains(doubt) => {
                self.assumed(id, to, format!("{reason}; {doubt}"));
            }
            Some(Fate::Assumed { .. } | Fate::Left { .. }) | None => {}
        }
    }

    /// The last word about a directive counts: a service may be dropped after all.
    fn set(&mut self, id: DirectiveId, fate: Fate) {
        self.following.remove(&id);
        let lost = self.lost.remove(&id);
        if let Some((place, _, open)) = self.directives.get_mut(id.0) {
            // It is carried as another round of its loop has it.
            if let (Some(lost), Some(Fate::Left { reason })) = (lost, &open)
                && !matches!(fate, Fate::Left { .. })
            {
                self.partly
                    .push(told(reason, &[format!("{lost} ({place})")]));
            }
            *open = Some(fate);
        }
    }

    /// Leaves a directive about health, whose key the file would refuse.
    pub(super) fn leave_health(&mut self, id: DirectiveId, reason: &str) {
        let fate = self
            .directives
            .get(id.0)
            .and_then(|(_, _, fate)| fate.as_ref());
        let is_health = |to: &str| {
            let key = to.strip_prefix("services.").unwrap_or_default();
            ["check", "minimum", "fallback", "on-failure"]
                .iter()
                .any(|name| key == *name || key.starts_with(&format!("{name}.")))
        };
        if let Some(Fate::Carried { to } | Fate::Assumed { to, .. }) = fate
            && is_health(to)
        {
            self.left(id, reason);
        }
    }

    /// Says that a directive is carried only with one of those that it is about.
    pub(super) fn belongs(&mut self, id: DirectiveId, owners: &[DirectiveId]) {
        self.owners.entry(id).or_default().extend(owners);
    }

    /// Says that a definition is replaced in a line, which makes other directives.
    pub(super) fn replaced(&mut self, id: DirectiveId, place: &Place) {
        self.carried(id, "replaced where it is used");
        self.uses.entry(id).or_default().insert(place.clone());
    }

    /// Leaves what belongs to directives that are left; the last first, as a variable may be used in one below it.
    fn leave_with_owners(&mut self) {
        for (id, owners) in std::mem::take(&mut self.owners).into_iter().rev() {
            if self.is_used(id) && !owners.into_iter().any(|owner| self.is_used(owner)) {
                self.left_too(id, "what it belongs to is not imported");
            }
        }
        let is_definition = |number: usize| self.uses.contains_key(&DirectiveId(number));
        let directives = self.directives.iter().enumerate();
        let others = directives.filter(|(number, _)| !is_definition(*number));
        let used =
            others.filter(|(_, (_, _, fate))| !matches!(fate, Some(Fate::Left { .. }) | None));
        let used: BTreeSet<Place> = used.map(|(_, (place, ..))| place.clone()).collect();
        for (id, places) in std::mem::take(&mut self.uses) {
            if places.is_disjoint(&used) {
                self.left(id, "no directive that is imported uses it");
            }
        }
    }

    /// Returns whether the fate of a directive is known.
    pub(super) fn is_settled(&self, id: DirectiveId) -> bool {
        let directive = self.directives.get(id.0);
        directive.is_some_and(|(_, _, fate)| fate.is_some())
    }

    /// Returns whether the cluster file says a directive.
    pub(super) fn is_used(&self, id: DirectiveId) -> bool {
        let fate = self
            .directives
            .get(id.0)
            .and_then(|(_, _, fate)| fate.as_ref());
        matches!(fate, Some(Fate::Carried { .. } | Fate::Assumed { .. }))
    }

    /// Ends the report; what no code has looked at is left, and the report says so.
    pub(super) fn finish(mut self) -> ImportReport {
        self.leave_with_owners();
        let unknown = || Fate::Left {
            reason: "this directive is not known here".to_owned(),
        };
        let (following, silent) = (self.following, self.silent);
        let directives = self.directives.into_iter().enumerate();
        ImportReport {
            directives: directives
                .filter(|(number, _)| !silent.contains(&DirectiveId(*number)))
                .map(|(number, (place, directive, fate))| Directive {
                    place,
                    directive,
                    fate: fate.unwrap_or_else(unknown),
                    follows: following.contains(&DirectiveId(number)),
                })
                .collect(),
        }
    }
}
