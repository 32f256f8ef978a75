//! One line, split into the options it consists of.

use super::error::{Parsed, Problem};
use super::option::{Name, Spec, Takes, Verb};

/// An option as it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// The word that it was, or was part of: `-gw5`.
    pub(super) word: &'a str,
    pub(super) name: Name,
    pub(super) value: Option<&'a str>,
}

impl<'a> Given<'a> {
    /// The value, empty where an optional one was left out.
    pub(super) fn text(&self) -> &'a str {
        self.value.unwrap_or_default()
    }
}

/// The options of a line that nobody has asked for yet.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) command: Given<'a>,
    pub(super) verb: Verb,
    options: Vec<Given<'a>>,
    /// Words that belong to no option.
    loose: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// Splits a line; `None` if nothing is on it but a comment.
    pub(super) fn split(text: &'a str) -> Parsed<Option<Self>> {
        let words = text
            .split_ascii_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .skip_while(|word| *word == "ipvsadm");
        let mut words = words.peekable();
        match words.peek() {
            None => Ok(None),
            Some(_) => Self::from_words(words).map(Some),
        }
    }

    /// The options that these words are.
    pub(super) fn from_words(words: impl Iterator<Item = &'a str>) -> Parsed<Self> {
        let mut words = words.peekable();
        let mut options = Vec::new();
        let mut loose = Vec::new();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("-") => loose.extend(words.by_ref()),
                Some(letters) if !letters.is_empty() => {
                    let mut next = |takes| next_value(&mut words, takes);
                    match letters.strip_prefix('-') {
                        Some(long) => options.push(long_option(word, long, &mut next)?),
                        None => short_options(word, letters, &mut next, &mut options)?,
                    }
                }
                _ => loose.push(word),
            }
        }
        Self::find_command(options, loose)
    }

    fn find_command(mut options: Vec<Given<'a>>, loose: Vec<&'a str>) -> Parsed<Self> {
        let found = options.iter().position(|given| verb(given).is_some());
        let Some(place) = found else {
            let word = options.first().map(|given| given.word);
            let word = word.or_else(|| loose.first().copied()).unwrap_or_default();
            return Err(Problem::new(word, "belongs to no command")
                .remedy("begin the line with -A, -E, -D, -a, -e, -d, -C, -Z, --set or a daemon"));
        };
        let command = options.remove(place);
        let verb = verb(&command).unwrap_or(Verb::NotAChange);
        if let Some(second) = options
            .iter()
            .find(|given| matches!(given.name, Name::Command(_)))
        {
            return Err(Problem::new(second.word, "is a second command on one line")
                .remedy("put it on a line of its own"));
        }
        Ok(Self {
            command,
            verb,
            options,
            loose,
        })
    }

    /// Adds what an edit does not name, as it stands.
    pub(super) fn keep(&mut self, standing: Self) {
        let mut kept = standing.options;
        kept.retain(|old| !self.options.iter().any(|new| new.name.replaces(old.name)));
        self.options.extend(kept);
        self.options
            .retain(|given| !matches!(given.name, Name::Without(_)));
    }

    /// Takes out the option that `wanted` recognises.
    pub(super) fn take(&mut self, wanted: impl Fn(Name) -> bool) -> Parsed<Option<Given<'a>>> {
        let Some(place) = self.options.iter().position(|given| wanted(given.name)) else {
            return Ok(None);
        };
        let given = self.options.remove(place);
        match self.options.iter().find(|other| wanted(other.name)) {
            Some(second) => Err(Problem::new(
                second.word,
                format!("says a second time what {:?} said", given.word),
            )),
            None => Ok(Some(given)),
        }
    }

    /// Takes out an option that has one name.
    pub(super) fn take_one(&mut self, name: Name) -> Parsed<Option<Given<'a>>> {
        self.take(|other| other == name)
    }

    /// Takes out exactly `N` loose words.
    pub(super) fn loose<const N: usize>(&mut self) -> Option<[&'a str; N]> {
        let words = <[&str; N]>::try_from(self.loose.as_slice()).ok()?;
        self.loose.clear();
        Some(words)
    }

    /// Refuses what nobody has asked for.
    pub(super) fn finish(&self) -> Parsed<()> {
        if let Some(given) = self.options.first() {
            let reason = format!("does not go with {:?}", self.command.word);
            return Err(Problem::new(given.word, reason));
        }
        match self.loose.first() {
            None => Ok(()),
            Some(word) if *word == "(null)" => Err(Problem::new(*word, "is no forwarding method")
                .remedy(
                    "ipvsadm prints this for a method that it does not know; use \"lvsctl save\"",
                )),
            Some(word) => Err(Problem::new(*word, "belongs to no option")),
        }
    }
}

fn verb(given: &Given<'_>) -> Option<Verb> {
    match given.name {
        Name::Command(verb) => Some(verb),
        _ => None,
    }
}

/// The next word as the value of an option that was not joined with one.
fn next_value<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    takes: Takes,
) -> Option<&'a str> {
    match takes {
        Takes::Nothing => None,
        Takes::Value => words.next(),
        Takes::Perhaps => words.next_if(|word| !word.starts_with('-')),
    }
}

/// `--weight 5` or `--weight=5`.
fn long_option<'a>(
    word: &'a str,
    long: &'a str,
    next: &mut impl FnMut(Takes) -> Option<&'a str>,
) -> Parsed<Given<'a>> {
    let (name, joined) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let spec = Spec::long(name).ok_or_else(|| unknown(word))?;
    given(word, spec, joined.or_else(|| next(spec.takes)))
}

/// `-w 5`, `-w5`, `-w=5`, and letters in a row: `-gw5`.
fn short_options<'a>(
    word: &'a str,
    mut letters: &'a str,
    next: &mut impl FnMut(Takes) -> Option<&'a str>,
    options: &mut Vec<Given<'a>>,
) -> Parsed<()> {
    while let Some(letter) = letters.chars().next() {
        let spec = Spec::short(letter).ok_or_else(|| unknown(word))?;
        let (_, rest) = letters.split_at(letter.len_utf8());
        letters = rest;
        let joined = match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None => (spec.takes != Takes::Nothing && !rest.is_empty()).then_some(rest),
        };
        if joined.is_some() {
            letters = "";
        }
        options.push(given(word, spec, joined.or_else(|| next(spec.takes)))?);
    }
    Ok(())
}

fn given<'a>(word: &'a str, spec: Spec, value: Option<&'a str>) -> Parsed<Given<'a>> {
    match (spec.takes, value) {
        (Takes::Nothing, Some(_)) => Err(Problem::new(word, "takes no value")),
        (Takes::Value, None) => Err(Problem::new(word, "has no value")),
        _ => Ok(Given {
            word,
            name: spec.name,
            value,
        }),
    }
}

fn unknown(word: &str) -> Problem {
    let problem = Problem::new(word, "is no option of ipvsadm");
    if word == "--xxx-service" {
        return problem.remedy(
            "ipvsadm prints this for a protocol that it does not know; use \"lvsctl save\"",
        );
    }
    problem
}
