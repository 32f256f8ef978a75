//! Lines that are read when their end is: those of a loop, once for each round; those of a function, where it is called.

use super::flow::Reason;
use super::{Walk, calls};
use crate::import::ImportError;
use crate::import::limits::{ARGUMENTS, DEPTH, ROUNDS};
use crate::import::report::Place;
use crate::import::shell::arithmetic::Rounds;
use crate::import::shell::{self, For, Next};
use crate::import::tally::DirectiveId;

/// A command that is read later.
#[derive(Clone, Debug)]
pub(super) struct Later {
    place: Place,
    id: DirectiveId,
    text: String,
    next: Next,
}

/// A loop or a function whose end is not read yet.
pub(super) struct Open {
    kind: OpenKind,
    directive: DirectiveId,
    body: Vec<Later>,
    /// How many loops or braces are open in it.
    depth: usize,
}

enum OpenKind {
    /// With the variable and its words.
    Loop(String, Vec<String>),
    /// `while [ $# -gt 0 ]` in a function.
    Arguments,
    /// While a number is not 0.
    Rounds(Rounds),
    /// With its name.
    Function(String),
}

/// A function whose lines are read where it is called.
pub(super) struct Function {
    pub(super) body: Vec<Later>,
    is_called: bool,
}

impl Function {
    /// Returns whether its lines add services or real servers.
    pub(super) fn makes_rules(&self) -> bool {
        self.body.iter().any(|later| calls::is_call(&later.text))
    }
}

/// Why the lines of a loop are carried.
const UNROLLED: &str = "once for each round of the loop";
const CALL: &str = "it calls a function, whose lines are read by themselves";
const STOP: &str = "only where the script is called with stop";
const NEVER_CALLED: &str = "no line that is imported calls its function";
const EXIT: &str = "nothing of the script runs after it";
const ROUND: &str = "nothing of the round runs after it";
const SUBSHELL: &str = "nothing of what is in brackets runs after it";
const RETURN: &str = "nothing of the function runs after it";
const COMPUTED: &str = "the running script computes its arguments";
/// The arguments that are used without braces.
const NUMBERED: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
const SHIFT: &str =
    "it moves the arguments of its function, which are replaced where they are used";

impl Walk<'_, '_> {
    /// Begins a loop over words; one whose words are not in the script is left with its lines.
    pub(super) fn begin_loop(&mut self, id: DirectiveId, found: &For<'_>) {
        let words = self.substituted(found.words, id);
        // In quotes it is a list, whose values are not parted.
        let is_split = found.words.contains('$') && !found.words.starts_with('"');
        let is_split = is_split && !self.has_usual_fields();
        let is_known = !is_split && (!shell::is_computed(&words) || words.contains("seq "));
        let Some(words) = shell::words(&words).filter(|_| is_known) else {
            let reason = self.flow.open_loop();
            self.forget(found.name, "a loop that is not followed sets it");
            self.tally.left(id, reason.as_str());
            return;
        };
        self.tally.carried(id, UNROLLED);
        self.open = Some(Open {
            kind: OpenKind::Loop(found.name.to_owned(), words),
            directive: id,
            body: Vec::new(),
            depth: 1,
        });
    }

    pub(super) fn begin_function(
        &mut self,
        place: &Place,
        id: DirectiveId,
        (name, rest): (&str, &str),
        next: Next,
    ) -> Result<(), ImportError> {
        self.tally
            .left(id, "its lines are imported where it is called");
        self.open = Some(Open {
            kind: OpenKind::Function(name.to_owned()),
            directive: id,
            body: Vec::new(),
            depth: 0,
        });
        match rest {
            "" => Ok(()),
            rest => self.collect(place, id, rest, next),
        }
    }

    /// Keeps a command of the loop or function that is open.
    pub(super) fn collect(
        &mut self,
        place: &Place,
        id: DirectiveId,
        text: &str,
        next: Next,
    ) -> Result<(), ImportError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        // A loop may be in another one, and begin behind a word of the shell.
        let begun = ["do ", "then ", "else "]
            .iter()
            .find_map(|word| text.strip_prefix(word));
        let first = begun.unwrap_or(text).trim_start();
        let first = first.split([' ', ';', '<', '>']).next().unwrap_or_default();
        let is_end = match &open.kind {
            OpenKind::Loop(..) | OpenKind::Arguments | OpenKind::Rounds(_) => {
                let begins = ["for", "while", "until", "select"].contains(&first);
                open.depth += usize::from(begins);
                open.depth -= usize::from(first == "done");
                first == "done" && open.depth == 0
            }
            OpenKind::Function(_) => {
                let words = || text.split_whitespace();
                open.depth += words().filter(|word| *word == "{").count();
                open.depth = open.depth.saturating_sub(usize::from(first == "}"));
                first == "}" && open.depth == 0
            }
        };
        let is_loop = !matches!(open.kind, OpenKind::Function(_));
        if is_loop && (is_end || text == "do") {
            self.tally.carried(id, UNROLLED);
        } else {
            open.body.push(Later {
                place: place.clone(),
                id,
                text: text.to_owned(),
                next,
            });
        }
        match is_end.then(|| self.open.take()).flatten() {
            Some(open) => self.finish(open),
            None => Ok(()),
        }
    }

    fn finish(&mut self, ended: Open) -> Result<(), ImportError> {
        let (name, words) = match ended.kind {
            OpenKind::Loop(name, words) => (name, words),
            OpenKind::Arguments => return self.read_arguments(&ended.body),
            OpenKind::Rounds(rounds) => {
                return self.read_rounds(ended.directive, &rounds, &ended.body);
            }
            OpenKind::Function(name) => {
                let function = Function {
                    body: ended.body,
                    is_called: false,
                };
                self.functions.insert(name, function);
                return Ok(());
            }
        };
        for word in words {
            self.bytes += word.len() + 1;
            self.set(&name, word, ended.directive);
            if !self.round(&ended.body)? {
                break;
            }
        }
        self.end_rounds();
        Ok(())
    }

    /// Reads the lines of a loop once; false if it ends with that.
    fn round(&mut self, body: &[Later]) -> Result<bool, ImportError> {
        self.rounds += 1;
        let read = self.read(body);
        self.rounds -= 1;
        self.flow.go_on(Reason::Continued);
        self.flow.go_on(Reason::MayContinue);
        read.map(|()| !self.flow.has_ended_by(Reason::Broken))
    }

    fn end_rounds(&mut self) {
        self.flow.go_on(Reason::Broken);
        self.flow.go_on(Reason::MayBreak);
    }

    /// Returns whether a command begins a loop that goes round while the function that is read has arguments.
    pub(super) fn begins_arguments(&self, text: &str) -> bool {
        self.variables.contains_key("#") && shell::is_over_arguments(text)
    }

    pub(super) fn begin_arguments(&mut self, id: DirectiveId) {
        self.tally.carried(id, UNROLLED);
        self.open = Some(Open {
            kind: OpenKind::Arguments,
            directive: id,
            body: Vec::new(),
            depth: 1,
        });
    }

    /// Begins a loop that goes round while a number is not 0; false if the number is not known.
    pub(super) fn begin_rounds(&mut self, id: DirectiveId, rounds: Rounds) -> bool {
        if let Some(first) = &rounds.first {
            self.compute(id, first);
        }
        if self.number(&rounds.condition, id).is_none() {
            return false;
        }
        self.tally.carried(id, UNROLLED);
        self.open = Some(Open {
            kind: OpenKind::Rounds(rounds),
            directive: id,
            body: Vec::new(),
            depth: 1,
        });
        true
    }

    /// Reads the lines of a loop while its number is not 0; they are refused if that is not known behind one of them.
    fn read_rounds(
        &mut self,
        id: DirectiveId,
        rounds: &Rounds,
        body: &[Later],
    ) -> Result<(), ImportError> {
        let mut is_over = false;
        for _ in 0..ROUNDS {
            let count = self.number(&rounds.condition, id);
            is_over = match count {
                Some(0) => true,
                Some(_) => !self.round(body)? || !self.flow.runs(),
                None => break,
            };
            if is_over {
                break;
            }
            if let Some(step) = &rounds.step {
                self.compute(id, step);
            }
        }
        self.end_rounds();
        if is_over {
            return Ok(());
        }
        if let Some(rule) = body.iter().find(|later| calls::is_call(&later.text)) {
            let problem = "it is not known how often the loop around it goes round";
            let error = ImportError::new(&rule.place, problem);
            self.mistake(
                rule.id,
                error.with_hint("write its words: for NAME in WORDS"),
            );
        }
        Ok(())
    }

    /// Reads the lines of a loop while there are arguments; where a condition moves them, its lines are refused.
    fn read_arguments(&mut self, body: &[Later]) -> Result<(), ImportError> {
        for _ in 0..ARGUMENTS {
            let count = self.variables.get("#");
            let (is_known, is_over) = (
                count.is_some(),
                count.is_some_and(|(count, _)| count == "0"),
            );
            if is_over || !self.round(body)? || !is_known {
                break;
            }
        }
        self.end_rounds();
        Ok(())
    }

    fn read(&mut self, body: &[Later]) -> Result<(), ImportError> {
        let mut body = body.iter();
        body.try_for_each(|later| self.step(&later.place, later.id, &later.text, later.next))
    }

    /// Reads the lines of a function, if a command calls one: its arguments are `$1` and so on.
    pub(super) fn call(&mut self, id: DirectiveId, text: &str) -> Result<bool, ImportError> {
        let words = shell::raw_words(text);
        let Some((name, arguments)) = words.split_first() else {
            return Ok(false);
        };
        // The script is called with the name of the function.
        let name = match name.trim_matches(['"', '\'']) {
            "$1" | "${1}" | "$@" | "$*" if self.depth == 0 => "start",
            name => name,
        };
        let Some(function) = self.functions.get_mut(name) else {
            return Ok(false);
        };
        let is_again = std::mem::replace(&mut function.is_called, true) && arguments.is_empty();
        self.tally.left(id, CALL);
        if is_again || self.depth >= DEPTH {
            return Ok(true);
        }
        let body = function.body.clone();
        let given = self.fields(arguments, id);
        let before = self.positional();
        let unknown = NUMBERED.map(|name| self.unknown.get(name).map(|why| (name, *why)));
        self.give(given, id);
        self.depth += 1;
        let read = self.read(&body);
        self.depth -= 1;
        self.flow.go_on(Reason::Return);
        self.positional();
        self.variables.extend(before);
        self.unknown
            .retain(|name, _| !NUMBERED.contains(&name.as_str()));
        let unknown = unknown.into_iter().flatten();
        self.unknown
            .extend(unknown.map(|(name, why)| (name.to_owned(), why)));
        read.map(|()| true)
    }

    /// Returns the words that a command is given: a value outside of quotes may be several of them, or none.
    fn fields(&mut self, raw: &[&str], id: DirectiveId) -> Vec<String> {
        let mut fields = Vec::new();
        for raw in raw {
            let value = self.substituted(raw, id);
            let bare = raw.trim_matches('"');
            let is_list = bare.starts_with("${") && bare.contains("[@]") || bare == "$@";
            let is_quoted = raw.contains(['"', '\'']);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let given: Vec<String> = match () {
                () if is_list => words(&value.replace('"', "")),
                () if is_quoted || !raw.contains('$') => shell::split(&value),
                () if self.has_usual_fields() => words(&value),
                // It is refused where it is used.
                () => vec![(*raw).to_owned()],
            };
            fields.extend(given);
        }
        fields
    }

    /// Gives the script or the function other arguments, where a command does that: `set -- $RS`.
    pub(super) fn set_arguments(&mut self, id: DirectiveId, text: &str) -> bool {
        let raw = shell::raw_words(text);
        let ["set", "--", raw @ ..] = raw.as_slice() else {
            return false;
        };
        let is_known =
            !shell::is_computed(text) && (self.has_usual_fields() || !text.contains('$'));
        match is_known {
            true => {
                let given = self.fields(raw, id);
                self.positional();
                self.give(given, id);
                self.tally.carried(id, "replaced where it is used");
            }
            false => {
                self.positional();
                let unknown = NUMBERED.map(|name| (name.to_owned(), COMPUTED));
                self.unknown.extend(unknown);
                self.tally.left(id, COMPUTED);
            }
        }
        true
    }

    /// Returns whether space parts the words of values: the script does not set IFS, or has restored it.
    fn has_usual_fields(&self) -> bool {
        let value = self.variables.get("IFS").map(|(value, _)| value.as_str());
        value.is_none_or(|value| value == "$IFS") && !self.unknown.contains_key("IFS")
    }

    /// Sets the arguments of a function: each, all together, and how many there are.
    fn give(&mut self, mut given: Vec<String>, id: DirectiveId) {
        given.truncate(ARGUMENTS);
        for name in NUMBERED {
            self.unknown.remove(name);
        }
        let (all, count) = (given.join(" "), given.len().to_string());
        self.bytes += 2 * all.len();
        let numbered = (1..).map(|number: usize| number.to_string()).zip(given);
        let together = [("@", all.clone()), ("*", all), ("#", count)];
        let together = together.map(|(name, value)| (name.to_owned(), value));
        for (name, value) in numbered.chain(together) {
            self.variables.insert(name, (value, id));
        }
    }

    /// Takes the arguments of the function that is read.
    pub(super) fn positional(&mut self) -> Vec<(String, (String, DirectiveId))> {
        let numbers = (1..=ARGUMENTS).map(|number| number.to_string());
        let together = ["@", "*", "#"].map(str::to_owned);
        let present = numbers.map_while(|name| self.variables.remove_entry(&name));
        let mut taken: Vec<_> = present.collect();
        let together = together.iter();
        taken.extend(together.filter_map(|name| self.variables.remove_entry(name)));
        taken
    }

    /// Ends the script or a function, where a command does that.
    pub(super) fn ends(&mut self, id: DirectiveId, text: &str) -> bool {
        let is_in_function = self.depth > 0;
        let is_in_round = self.rounds > 0 && !self.flow.is_in_loop();
        let (reason, told) = match text.split([' ', '\t', ';']).next() {
            Some("continue") if is_in_round => (Reason::Continued, ROUND),
            Some("break") if is_in_round => (Reason::Broken, ROUND),
            Some("return") if is_in_function => (Reason::Return, RETURN),
            Some("exit" | "return") if !self.scopes.is_empty() => (Reason::Subshell, SUBSHELL),
            Some("exit" | "return") => (Reason::Exit, EXIT),
            _ => return false,
        };
        self.flow.end(reason);
        self.tally.left(id, told);
        true
    }

    /// Moves the arguments of the function that is read, where a command does that: `shift`, `shift 2`.
    pub(super) fn shift(&mut self, id: DirectiveId, text: &str) -> bool {
        let mut words = text.split_whitespace();
        if words.next() != Some("shift") {
            return false;
        }
        let count = words.next().map_or(Some(1), |count| count.parse().ok());
        let arguments = self.positional();
        let numbered = arguments.into_iter();
        let numbered = numbered.filter(|(name, _)| name.parse::<usize>().is_ok());
        let (values, owners): (Vec<_>, Vec<_>) = numbered.map(|(_, value)| value).unzip();
        if let (Some(count), Some(owner)) = (count, owners.first()) {
            self.give(values.into_iter().skip(count).collect(), *owner);
        }
        self.tally.left(id, SHIFT);
        true
    }

    /// Reads `start` where only another script calls it, and leaves what is never called or ends nowhere.
    pub(super) fn end_bodies(&mut self) -> Result<(), ImportError> {
        if let Some(open) = self.open.take() {
            for later in open.body {
                self.leave(&later, "the block that it is in never ends");
            }
            self.tally.left(open.directive, "what it begins never ends");
        }
        if let Some(start) = self
            .functions
            .get_mut("start")
            .filter(|start| !start.is_called)
        {
            start.is_called = true;
            self.flow.go_on(Reason::Exit);
            let body = start.body.clone();
            self.read(&body)?;
        }
        for (name, function) in std::mem::take(&mut self.functions) {
            for later in function.body.iter().filter(|_| !function.is_called) {
                match name.as_str() {
                    "stop" => self.tally.left(later.id, STOP),
                    _ => self.leave(later, NEVER_CALLED),
                }
            }
        }
        Ok(())
    }

    /// Leaves a line that is never read; a rule is named in the head of the file.
    fn leave(&mut self, later: &Later, reason: &str) {
        match calls::is_call(&later.text) {
            true => self.tally.lost(later.id, &later.text, reason),
            false if shell::is_bracket(&later.text) => {}
            false => self.tally.left(later.id, reason),
        }
    }
}
