//! Rules of ipvsadm, as `ipvsadm -S` prints them or as a script calls them.
//!
//! Of a script the lines that call ipvsadm are read, assignments of variables, functions where they are called, loops
//! over words, addresses and the default route; other commands are left, and what a condition decides.

mod address;
mod body;
mod calls;
mod case;
mod command;
mod expansion;
mod flow;
mod lines;
mod marking;
mod rule;
mod scope;
mod variable;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::Draft;
use super::limits::{BYTES, LINES};
use super::report::Place;
use super::shell::arithmetic::Rounds;
use super::shell::{self, For, Next, Subshells, arithmetic};
use super::tally::{DirectiveId, Tally};
use super::{ImportError, Options, Resolver};
use crate::ipvs::{DaemonRole, ServiceId};
use body::{Function, Open};
use calls::{arguments, is_restore};
use flow::{Flow, Reason};
use lines::{Line, Lines};
use marking::Marking;
use scope::{Scope, Sourced};

pub(super) use command::sync;

/// Why other commands are left.
const NOT_IPVSADM: &str = "it is not a line of ipvsadm";
const UNUSED: &str = "no line that is imported uses the variable";
const ELSEWHERE: &str = "it reads rules from elsewhere: import those too";

struct Walk<'a, 'r> {
    tally: &'a mut Tally,
    draft: Draft,
    resolve: &'a mut Resolver<'r>,
    variables: BTreeMap<String, (String, DirectiveId)>,
    options: &'a Options,
    /// Where a service is in the draft.
    places: BTreeMap<ServiceId, usize>,
    /// The daemon that was started last.
    daemon: Option<(DaemonRole, DirectiveId)>,
    bytes: usize,
    /// The loop or function whose end is not read yet.
    open: Option<Open>,
    functions: BTreeMap<String, Function>,
    /// How many functions are being read.
    depth: usize,
    /// How many loops are being read.
    rounds: usize,
    flow: Flow,
    /// Variables whose values only the running script knows, with the reason.
    unknown: BTreeMap<String, &'static str>,
    /// Commands of lines that the shell joins: how much space is between their words is not known.
    spread: BTreeSet<DirectiveId>,
    /// Variables with what the script is called with.
    of_call: BTreeSet<String>,
    /// Lines that mark packets.
    markings: Vec<(Marking, DirectiveId)>,
    /// Lines that cannot be read.
    mistakes: Vec<(DirectiveId, ImportError)>,
    /// Whether a line sets what only real servers need.
    is_of_real_server: bool,
    subshells: Subshells,
    /// What is known outside of the subshells that are read.
    scopes: Vec<Scope>,
    sourced: Vec<Sourced>,
    /// The variables that had a value when another script was read last, by their names.
    doubtful: BTreeMap<String, usize>,
}

pub(super) fn draft(
    file: &str,
    text: &str,
    options: &Options,
    resolve: &mut Resolver<'_>,
    tally: &mut Tally,
) -> Result<Draft, ImportError> {
    let mut walk = Walk {
        tally,
        draft: Draft::default(),
        resolve,
        variables: BTreeMap::new(),
        options,
        places: BTreeMap::new(),
        daemon: None,
        bytes: 0,
        open: None,
        functions: BTreeMap::new(),
        depth: 0,
        rounds: 0,
        flow: Flow::default(),
        unknown: BTreeMap::new(),
        spread: BTreeSet::new(),
        of_call: BTreeSet::new(),
        markings: Vec::new(),
        mistakes: Vec::new(),
        is_of_real_server: false,
        subshells: Subshells::default(),
        scopes: Vec::new(),
        sourced: Vec::new(),
        doubtful: BTreeMap::new(),
    };
    // Where a text that a command is given can end.
    let ends: HashMap<&str, usize> = match text.contains("<<") {
        true => text.lines().map(str::trim).zip(1..).collect(),
        false => HashMap::new(),
    };
    let mut lines = Lines::of(text);
    while let Some(line) = lines.joined() {
        let place = Place::new(file, line.number);
        if line.number > LINES {
            return Err(ImportError::new(&place, format!("more than {LINES} lines")));
        }
        walk.joined(&place, &line)?;
        let document = shell::document(&line.text);
        let document = document.filter(|end| ends.get(end).is_some_and(|last| *last > line.number));
        if let Some(end) = document {
            for (number, text) in lines.until(end) {
                let place = Place::new(file, number);
                match is_restore(&line.text) && text.contains('$') && shell::is_literal(&line.text)
                {
                    true => walk.literal(&place, text),
                    false => walk.document(&place, text, is_restore(&line.text))?,
                }
            }
        }
    }
    walk.end_bodies()?;
    walk.match_marks();
    walk.end(file)
}

impl Walk<'_, '_> {
    /// Reads a line of the script; one that a quote leaves open says what only the rest of the script knows.
    fn joined(&mut self, place: &Place, line: &Line) -> Result<(), ImportError> {
        let text = line.text.trim();
        if line.is_closed || !(shell::assignments(text).is_some() || text.contains("ipvsadm")) {
            return self.line(place, text, line.is_joined);
        }
        let id = self.tally.add(place, text);
        let error = ImportError::new(place, "a quote of the line is never closed");
        self.mistake(id, error.with_hint("close it"));
        Ok(())
    }

    fn line(&mut self, place: &Place, raw: &str, is_joined: bool) -> Result<(), ImportError> {
        let text = raw.trim();
        if text.is_empty() || is_comment(text) {
            return Ok(());
        }
        if text.starts_with("IP Virtual Server version") || text.starts_with("-> ") {
            let problem = "the table as ipvsadm -L shows it, without the options that rules have";
            let hint = "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel";
            return Err(ImportError::new(place, problem).with_hint(hint));
        }
        for (command, next) in shell::commands(text) {
            let id = self.tally.add(place, command);
            if is_joined {
                self.spread.insert(id);
            }
            if shell::is_punctuation(command) {
                self.tally.silence(id);
            }
            let (opened, command, closed) = self.subshells.bare(command);
            for _ in 0..opened {
                self.step(place, id, shell::OPENS, Next::Always)?;
            }
            if !command.is_empty() {
                self.step(place, id, command, next)?;
            }
            for _ in 0..closed {
                self.step(place, id, shell::CLOSES, Next::Always)?;
            }
        }
        Ok(())
    }

    /// Refuses a rule whose variable ipvsadm would read as it stands.
    fn literal(&mut self, place: &Place, text: &str) {
        let id = self.tally.add(place, text.trim());
        let problem = "no variable is replaced below <<'WORD'";
        let hint = "write the value, or the word above without quotes";
        self.mistake(id, ImportError::new(place, problem).with_hint(hint));
    }

    /// Reads a line of the text that a command is given: rules, or the text of another program.
    fn document(&mut self, place: &Place, text: &str, are_rules: bool) -> Result<(), ImportError> {
        if are_rules {
            return self.line(place, text, false);
        }
        if !text.trim().is_empty() {
            let id = self.tally.add(place, text.trim());
            let reason = "it is the text that another command is given";
            match calls::is_call(text.trim()) {
                true => self.tally.lost(id, text.trim(), reason),
                false => self.tally.left(id, reason),
            }
        }
        Ok(())
    }

    /// Reads a command, if it runs.
    fn step(
        &mut self,
        place: &Place,
        id: DirectiveId,
        text: &str,
        next: Next,
    ) -> Result<(), ImportError> {
        self.bytes += text.len() + 1;
        self.limit(place)?;
        if self.open.is_some() {
            return self.collect(place, id, text, next);
        }
        match text {
            shell::OPENS => return self.open_subshell(place),
            shell::CLOSES => {
                self.close_subshell();
                return Ok(());
            }
            _ => {}
        }
        if next == Next::Always && self.flow.runs() && self.begins_arguments(text) {
            self.begin_arguments(id);
            return Ok(());
        }
        if next == Next::Always
            && self.flow.runs()
            && let Some(rounds) = Rounds::of(text)
            && self.begin_rounds(id, rounds)
        {
            return Ok(());
        }
        let whole = text;
        let case = match self.flow.runs() {
            true => self.case(text, id),
            false => None,
        };
        let (left, text) = self.flow.enter(text, next, case);
        let function = shell::function(text);
        if let Some(reason) = left {
            self.skip(id, if text.is_empty() { whole } else { text }, reason);
            if function.is_some_and(|(_, rest)| rest.starts_with('{')) {
                self.flow.open_function();
            }
            return Ok(());
        }
        if let Some(holds) = self.holds(text, id) {
            self.flow.tested(holds);
        }
        if let Some(function) = function {
            return self.begin_function(place, id, function, next);
        }
        if let Some(found) = For::of(text) {
            self.begin_loop(id, &found);
            return Ok(());
        }
        match text.is_empty() {
            true => {
                self.tally.left(id, NOT_IPVSADM);
                Ok(())
            }
            false => self.statement(place, id, text),
        }
    }

    /// Leaves a command; what it would set is not known then, whatever a line above has set.
    fn skip(&mut self, id: DirectiveId, text: &str, reason: Reason) {
        if reason.is_open() {
            for name in shell::sets(text) {
                self.forget(name, "a condition or a loop of the script decides it");
            }
            match text.split([' ', '\t', ';']).next() {
                Some("shift") => drop(self.positional()),
                Some(word) if self.rounds > 0 => self.flow.may_end(word),
                _ => {}
            }
        }
        if reason.is_open() && self.source(id, text) {
            return;
        }
        let text = self.substituted(text, id);
        match reason.is_open() && self.makes_rules(&text) {
            true => self.tally.lost(id, &text, reason.as_str()),
            // It is read in another round of its loop or function.
            false if self.tally.is_used(id) => {}
            false => self.tally.left(id, reason.as_str()),
        }
    }

    /// Returns whether a command adds services or real servers, itself or in the function that it calls.
    fn makes_rules(&self, text: &str) -> bool {
        let name = text.split([' ', '\t', ';']).next().unwrap_or_default();
        let function = self.functions.get(name);
        let is_rule = text.starts_with("-A ") || text.starts_with("-a ");
        is_rule || function.is_some_and(Function::makes_rules) || calls::is_call(text)
    }

    /// Remembers a line that cannot be read; the others are read too, so that all mistakes are told at once.
    fn mistake(&mut self, id: DirectiveId, error: ImportError) {
        let mut others = self.mistakes.iter();
        if others.all(|(other, _)| *other != id) {
            let hint = error
                .hint()
                .map_or_else(String::new, |hint| format!("; {hint}"));
            self.tally.left(id, format!("{}{hint}", error.problem()));
            self.mistakes.push((id, error));
        }
    }

    fn end(mut self, file: &str) -> Result<Draft, ImportError> {
        self.doubt_sources();
        for (_, id) in self.variables.values() {
            if !self.tally.is_settled(*id) {
                self.tally.left(*id, UNUSED);
            }
        }
        let ids: BTreeSet<_> = self.mistakes.iter().map(|(id, _)| *id).collect();
        let count = self.mistakes.len();
        match self.mistakes.into_iter().next() {
            Some((_, error)) if count == 1 => Err(error),
            Some((_, error)) => {
                self.tally.only(&ids);
                let report = std::mem::take(self.tally).finish();
                let problem = format!("{count} lines cannot be read");
                Err(ImportError::new(error.place(), problem).with_report(report))
            }
            None if self.draft.services.is_empty() && self.is_of_real_server => {
                let problem = "a script of a real server, without a virtual service";
                let hint = "import the director's: real servers follow from it, with their addresses and sysctls";
                Err(ImportError::new(&Place::new(file, 1), problem).with_hint(hint))
            }
            None => Ok(self.draft),
        }
    }

    fn statement(&mut self, place: &Place, id: DirectiveId, text: &str) -> Result<(), ImportError> {
        if let Some(assignments) = shell::assignments(text) {
            if shell::is_computed(text) && calls::adds(text) {
                self.hidden(place, id);
                return Ok(());
            }
            for (name, value) in assignments {
                self.assign(id, name, value);
            }
            return Ok(());
        }
        if let Some(expressions) = arithmetic::expressions(text) {
            for expression in &expressions {
                self.compute(id, expression);
            }
            return Ok(());
        }
        if self.source(id, text)
            || self.shift(id, text)
            || self.set_arguments(id, text)
            || self.ends(id, text)
            || self.call(id, text)?
        {
            return Ok(());
        }
        for name in shell::sets(text) {
            self.forget(name, "the running script reads or computes it");
        }
        let reads_document = is_restore(text) && text.contains("<<");
        let text = self.substituted(text, id);
        self.bytes += text.len();
        if reads_document {
            self.tally.left(id, "the rules that it reads are imported");
        } else if let Some(rules) = calls::printed(&text) {
            rules.iter().for_each(|rule| self.rule(place, id, rule));
        } else if let Some(rule) = arguments(&text) {
            self.rule(place, id, rule);
        } else if calls::is_remote(&text) {
            self.tally.left(id, "another machine runs it");
        } else if is_restore(&text) {
            self.tally.lost(id, &text, ELSEWHERE);
        } else if calls::is_hidden(&text) {
            self.hidden(place, id);
        } else {
            self.shell(id, &text);
        }
        Ok(())
    }

    /// Refuses a line that makes rules in a way that is not read here.
    fn hidden(&mut self, place: &Place, id: DirectiveId) {
        let problem = "it calls ipvsadm through something that is not read here";
        let hint = "write the line as the director runs it, from ipvsadm on, or take it out";
        self.mistake(id, ImportError::new(place, problem).with_hint(hint));
    }

    fn limit(&self, place: &Place) -> Result<(), ImportError> {
        match self.bytes > BYTES {
            true => {
                let most = BYTES >> 20;
                let problem = format!("variables and loops make more than {most} MiB of text");
                Err(ImportError::new(place, problem))
            }
            false => Ok(()),
        }
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
