//! The lines of a script as the shell joins them: behind a backslash, in a list of values, in quotes.

use std::iter::Enumerate;
use std::str;

use super::is_comment;
use crate::import::limits::ROUNDS;
use crate::import::shell;

/// A line with those in which it goes on.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) text: String,
    /// Whether a backslash or quotes join several lines.
    pub(super) is_joined: bool,
    /// Whether its quotes are closed, here or in a line below.
    pub(super) is_closed: bool,
}

/// The lines that are not read yet.
pub(super) struct Lines<'t> {
    rest: Enumerate<str::Lines<'t>>,
    /// Whether a quote is open to the end of the script: no other is looked for.
    is_open: bool,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            rest: text.lines().enumerate(),
            is_open: false,
        }
    }

    /// Returns the next line, joined with those in which it goes on.
    pub(super) fn joined(&mut self) -> Option<Line> {
        let (number, first) = self.rest.next()?;
        let mut text = first.to_owned();
        while let Some(continued) = text.strip_suffix('\\').filter(|_| !is_comment(&text)) {
            let next = self.rest.next().map_or("", |(_, next)| next.trim_start());
            text = format!("{continued}{next}");
        }
        let mut is_joined = text.len() != first.len();
        if shell::opens_array(&text) {
            self.close_array(&mut text);
        }
        let length = text.len();
        let is_closed = self.close_quote(&mut text);
        is_joined |= text.len() != length;
        Some(Line {
            number: number + 1,
            text,
            is_joined,
            is_closed,
        })
    }

    /// Returns the lines of a text that a command is given, with their numbers, and goes past the word that ends it.
    pub(super) fn until(&mut self, end: &str) -> impl Iterator<Item = (usize, &'t str)> {
        let lines = self.rest.by_ref();
        let lines = lines.take_while(move |(_, line)| line.trim() != end);
        lines.map(|(number, line)| (number + 1, line))
    }

    fn close_array(&mut self, text: &mut String) {
        let mut ahead = self.rest.clone().take(ROUNDS);
        let length = ahead.position(|(_, line)| line.contains(')'));
        let length = length.map_or(0, |length| length + 1);
        for (_, next) in self.rest.by_ref().take(length) {
            text.push(' ');
            text.push_str(next.split(" #").next().unwrap_or(next).trim());
        }
    }

    /// Adds the lines up to the one that closes a quote; returns whether there is one.
    fn close_quote(&mut self, text: &mut String) -> bool {
        let mut quote = shell::open_quote(text, None);
        if quote.is_none() {
            return true;
        }
        let mut ahead = self.rest.clone();
        let length = match self.is_open {
            true => None,
            false => ahead.position(|(_, line)| {
                quote = shell::open_quote(line, quote);
                quote.is_none()
            }),
        };
        self.is_open |= length.is_none();
        for (_, next) in self
            .rest
            .by_ref()
            .take(length.map_or(0, |length| length + 1))
        {
            text.push(' ');
            text.push_str(next.trim_end_matches('\\').trim());
        }
        length.is_some()
    }
}
