//! One line, split into its options.

use super::error::{Parsed, Problem};
use super::names::Names;
use super::option::{Argument, OptionName, OptionSpec, Verb};

/// Is an option as it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// The word that it was, or was part of: `-gw5`.
    pub(super) word: &'a str,
    pub(super) name: OptionName,
    pub(super) value: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn new(word: &'a str, spec: OptionSpec, value: Option<&'a str>) -> Parsed<Self> {
        match (spec.argument, value) {
            (Argument::None, Some(_)) => Err(Problem::conflict(word, "takes no value")),
            (Argument::Required, None) => Err(Problem::missing(word, "has no value")),
            _ => Ok(Self {
                word,
                name: spec.name,
                value,
            }),
        }
    }

    /// Returns the value, empty if an optional one was omitted.
    pub(super) fn text(&self) -> &'a str {
        self.value.unwrap_or_default()
    }

    const fn verb(&self) -> Option<Verb> {
        match self.name {
            OptionName::Command(verb) => Some(verb),
            _ => None,
        }
    }
}

/// Holds the options of a line that have not been read yet.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) command: Given<'a>,
    pub(super) verb: Verb,
    options: Vec<Given<'a>>,
    /// Words that belong to no option.
    loose: Vec<&'a str>,
    /// What gives names of hosts and services their meaning; without it they are refused.
    pub(super) names: Option<&'a dyn Names>,
    /// What ipvsadm would silently ignore or change.
    pub(super) notes: Vec<String>,
}

impl<'a> Line<'a> {
    /// Splits a line; returns `None` if it is empty except for a comment.
    pub(super) fn split(text: &'a str) -> Parsed<Option<Self>> {
        let mut words = text
            .split_ascii_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .skip_while(|word| *word == "ipvsadm")
            .peekable();
        match words.peek() {
            None => Ok(None),
            Some(_) => Self::from_words(words).map(Some),
        }
    }

    /// Splits words.
    pub(super) fn from_words(words: impl Iterator<Item = &'a str>) -> Parsed<Self> {
        let mut words = words.peekable();
        let mut options = Vec::new();
        let mut loose = Vec::new();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("-") => loose.extend(words.by_ref()),
                Some(letters) if !letters.is_empty() => {
                    let mut next = |argument| next_value(&mut words, argument);
                    match letters.strip_prefix('-') {
                        Some(long) => options.push(long_option(word, long, &mut next)?),
                        None => short_options(word, letters, &mut next, &mut options)?,
                    }
                }
                _ => loose.push(word),
            }
        }
        Self::new(options, loose)
    }

    /// Finds the command among the options.
    fn new(mut options: Vec<Given<'a>>, loose: Vec<&'a str>) -> Parsed<Self> {
        let found = options
            .iter()
            .enumerate()
            .find_map(|(place, given)| Some((place, given.verb()?)));
        let Some((place, verb)) = found else {
            let word = options.first().map(|given| given.word);
            let word = word.or_else(|| loose.first().copied()).unwrap_or_default();
            return Err(Problem::command(word, "belongs to no command")
                .hint("begin the line with -A, -E, -D, -a, -e, -d, -C, -Z, --set or a daemon"));
        };
        let command = options.remove(place);
        if let Some(second) = options.iter().find(|given| given.verb().is_some()) {
            return Err(
                Problem::command(second.word, "is a second command on one line")
                    .hint("put it on a line of its own"),
            );
        }
        Ok(Self {
            command,
            verb,
            options,
            loose,
            names: None,
            notes: Vec::new(),
        })
    }

    /// Adds those options of the current configuration that an edit does not name.
    pub(super) fn keep(&mut self, current: Self) {
        let mut kept = current.options;
        kept.retain(|old| !self.options.iter().any(|new| new.name.replaces(old.name)));
        self.options.extend(kept);
        self.options
            .retain(|given| !matches!(given.name, OptionName::Without(_)));
    }

    /// Removes the option that `wanted` accepts, and returns it.
    pub(super) fn take(
        &mut self,
        wanted: impl Fn(OptionName) -> bool,
    ) -> Parsed<Option<Given<'a>>> {
        let Some(place) = self.options.iter().position(|given| wanted(given.name)) else {
            return Ok(None);
        };
        let given = self.options.remove(place);
        match self.options.iter().find(|other| wanted(other.name)) {
            Some(second) => Err(Problem::conflict(
                second.word,
                format!("cannot be combined with {:?}", given.word),
            )),
            None => Ok(Some(given)),
        }
    }

    /// Removes the option of one name, and returns it.
    pub(super) fn take_one(&mut self, name: OptionName) -> Parsed<Option<Given<'a>>> {
        self.take(|other| other == name)
    }

    /// Removes exactly `N` loose words, and returns them.
    pub(super) fn take_loose<const N: usize>(&mut self) -> Option<[&'a str; N]> {
        let words = <[&str; N]>::try_from(self.loose.as_slice()).ok()?;
        self.loose.clear();
        Some(words)
    }

    /// Refuses options and words that have not been read.
    pub(super) fn finish(&self) -> Parsed<()> {
        if let Some(given) = self.options.first() {
            let reason = format!("does not go with {:?}", self.command.word);
            return Err(Problem::conflict(given.word, reason));
        }
        match self.loose.first() {
            None => Ok(()),
            Some(word) if *word == "(null)" => {
                Err(Problem::unknown(word, "is not a forwarding method").hint(
                    "ipvsadm prints this for a method that it does not know; use \"lvsctl save\"",
                ))
            }
            Some(word) => Err(Problem::unknown(word, "belongs to no option")),
        }
    }
}

/// Returns the next word if it is the value of an option that was not joined with one.
fn next_value<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    argument: Argument,
) -> Option<&'a str> {
    match argument {
        Argument::None => None,
        Argument::Required => words.next(),
        Argument::Optional => words.next_if(|word| !word.starts_with('-')),
    }
}

/// Parses `--weight 5` or `--weight=5`.
fn long_option<'a>(
    word: &'a str,
    long: &'a str,
    next: &mut impl FnMut(Argument) -> Option<&'a str>,
) -> Parsed<Given<'a>> {
    let (name, joined) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let spec = OptionSpec::long(name).ok_or_else(|| unknown_option(word))?;
    Given::new(word, spec, joined.or_else(|| next(spec.argument)))
}

/// Parses `-w 5`, `-w5`, `-w=5`, and letters in a row: `-gw5`.
fn short_options<'a>(
    word: &'a str,
    mut letters: &'a str,
    next: &mut impl FnMut(Argument) -> Option<&'a str>,
    options: &mut Vec<Given<'a>>,
) -> Parsed<()> {
    while let Some(letter) = letters.chars().next() {
        let spec = OptionSpec::short(letter).ok_or_else(|| unknown_option(word))?;
        let (_, rest) = letters.split_at(letter.len_utf8());
        letters = rest;
        let joined = match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None => (spec.argument != Argument::None && !rest.is_empty()).then_some(rest),
        };
        if joined.is_some() {
            letters = "";
        }
        options.push(Given::new(
            word,
            spec,
            joined.or_else(|| next(spec.argument)),
        )?);
    }
    Ok(())
}

fn unknown_option(word: &str) -> Problem {
    let problem = Problem::unknown(word, "is not an option of ipvsadm");
    match word {
        "--xxx-service" => problem
            .hint("ipvsadm prints this for a protocol that it does not know; use \"lvsctl save\""),
        _ => problem,
    }
}
