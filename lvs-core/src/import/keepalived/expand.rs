//! The lines of a configuration as keepalived sees them: comments removed, files included, definitions and
//! sequences replaced, lines for other hosts dropped.
//!
//! `include` is looked for before anything is replaced; conditions and definitions are looked at again
//! after each replacement.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sequence;
use crate::import::limits::{BYTES, DEPTH, LINES, SEQUENCED};
use crate::import::report::Place;
use crate::import::tally::{DirectiveId, Tally};
use crate::import::{ImportError, Reader};

/// A line without comments, ready to be split into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) text: String,
}

struct Definition {
    value: String,
    /// None for the variable of a sequence.
    id: Option<DirectiveId>,
}

pub(super) struct Expander<'a, 'r> {
    id: &'a str,
    read: &'a mut Reader<'r>,
    tally: &'a mut Tally,
    definitions: BTreeMap<String, Definition>,
    lines: Vec<Line>,
    bytes: usize,
    steps: usize,
    sequenced: usize,
    /// The depth of blocks inside a block whose header is for another host.
    skipped: usize,
}

impl<'a, 'r> Expander<'a, 'r> {
    pub(super) fn new(id: &'a str, read: &'a mut Reader<'r>, tally: &'a mut Tally) -> Self {
        Self {
            id,
            read,
            tally,
            definitions: BTreeMap::new(),
            lines: Vec::new(),
            bytes: 0,
            steps: 0,
            sequenced: 0,
            skipped: 0,
        }
    }

    pub(super) fn lines(mut self, file: &str, text: &str) -> Result<Vec<Line>, ImportError> {
        self.file(&Arc::from(file), text, 0)?;
        for id in self
            .definitions
            .values()
            .filter_map(|definition| definition.id)
        {
            if !self.tally.is_settled(id) {
                self.tally.left(id, "the definition is never used");
            }
        }
        Ok(self.lines)
    }

    fn file(&mut self, file: &Arc<str>, text: &str, depth: usize) -> Result<(), ImportError> {
        self.spend(&Place::new(file.clone(), 1), text.len())?;
        let mut numbered = (1..).zip(text.lines());
        while let Some((number, first)) = numbered.next() {
            let place = Place::new(file.clone(), number);
            let mut line = uncommented(first).to_owned();
            while let Some(start) = continued(&line) {
                line.truncate(start);
                let Some((_, next)) = numbered.next() else {
                    break;
                };
                line.push('\n');
                line.push_str(uncommented(next));
            }
            match included(&line) {
                Some(pattern) => self.include(&place, &line, pattern, depth)?,
                None => self.expand(&place, line, 0)?,
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        place: &Place,
        line: &str,
        pattern: &str,
        depth: usize,
    ) -> Result<(), ImportError> {
        if depth >= DEPTH {
            let problem = format!("files include others, or themselves, more than {DEPTH} deep");
            return Err(ImportError::new(place, problem));
        }
        let id = self.tally.add(place, line.trim());
        let path = match (pattern.starts_with('/'), place.file.rsplit_once('/')) {
            (false, Some((directory, _))) => format!("{directory}/{pattern}"),
            _ => pattern.to_owned(),
        };
        match (self.read)(&path) {
            Ok(files) if files.is_empty() => self.tally.left(id, format!("{path}: no such file")),
            Ok(files) => {
                self.tally.carried(id, format!("{} included", files.len()));
                for (name, text) in files {
                    self.file(&Arc::from(name), &text, depth + 1)?;
                }
            }
            Err(error) => self.tally.left(id, format!("{path}: {error}")),
        }
        Ok(())
    }

    /// Counts work, so that a short text cannot become an endless one.
    fn spend(&mut self, place: &Place, bytes: usize) -> Result<(), ImportError> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.steps += 1;
        if self.bytes > BYTES || self.steps > 4 * LINES || self.lines.len() > LINES {
            let problem = format!("more than {LINES} lines or {} MiB", BYTES >> 20);
            return Err(ImportError::new(place, problem));
        }
        Ok(())
    }

    /// Replaces what there is to replace in a line, which may become several, or none.
    fn expand(&mut self, place: &Place, text: String, depth: usize) -> Result<(), ImportError> {
        if depth > DEPTH {
            return Err(ImportError::new(
                place,
                "definitions that name each other without end",
            ));
        }
        self.spend(place, text.len())?;
        let line = text.trim();
        if line.is_empty() {
            return Ok(());
        }
        if let Some((name, value)) = definition(line) {
            let id = self.tally.add(place, &line.replace('\n', " "));
            self.define(name, value, Some(id));
            return Ok(());
        }
        if line.contains('\n') {
            return line
                .split('\n')
                .try_for_each(|line| self.expand(place, line.to_owned(), depth + 1));
        }
        if self.skipped > 0 {
            self.skip(place, line);
            return Ok(());
        }
        if let Some(condition) = line.strip_prefix('@') {
            return self.condition(place, line, condition, depth);
        }
        if line.starts_with('~') {
            return self.sequence(place, line, depth);
        }
        match self.replaced(line, place) {
            Some(replaced) => self.expand(place, replaced, depth + 1),
            None => {
                self.lines.push(Line {
                    place: place.clone(),
                    text: line.to_owned(),
                });
                Ok(())
            }
        }
    }

    fn define(&mut self, name: &str, value: &str, id: Option<DirectiveId>) {
        let value = value.to_owned();
        let before = self
            .definitions
            .insert(name.to_owned(), Definition { value, id });
        if let Some(id) = before.and_then(|definition| definition.id)
            && !self.tally.is_settled(id)
        {
            self.tally
                .left(id, "another definition follows before it is used");
        }
    }

    /// Expands the rest of the line once for each value, with the variable defined.
    fn sequence(&mut self, place: &Place, line: &str, depth: usize) -> Result<(), ImportError> {
        let wrong = |problem| ImportError::new(place, problem);
        let (head, arguments, rest) = sequence::split(line).map_err(wrong)?;
        let replaced = self.replaced(arguments, place);
        let arguments = replaced.unwrap_or_else(|| arguments.to_owned());
        for variables in sequence::values(head, &arguments, SEQUENCED).map_err(wrong)? {
            self.sequenced += 1;
            if self.sequenced > SEQUENCED {
                let problem = format!("sequences make more than {SEQUENCED} lines");
                return Err(ImportError::new(place, problem));
            }
            for (name, value) in variables {
                self.define(&name, &value, None);
            }
            self.expand(place, rest.to_owned(), depth + 1)?;
        }
        Ok(())
    }

    /// A line that begins with `@` is for one host, or with `@^` for all but one.
    fn condition(
        &mut self,
        place: &Place,
        line: &str,
        condition: &str,
        depth: usize,
    ) -> Result<(), ImportError> {
        let (word, rest) = condition
            .split_once(|c: char| c.is_whitespace())
            .unwrap_or((condition, ""));
        let holds = match word.strip_prefix('^') {
            Some(other) => other != self.id,
            None => word == self.id,
        };
        if holds {
            return self.expand(place, rest.to_owned(), depth + 1);
        }
        let id = self.tally.add(place, line);
        self.tally
            .left(id, format!("not for the configuration id {}", self.id));
        if line.ends_with('{') {
            self.skipped = 1;
        }
        Ok(())
    }

    /// Skips a line inside a block that is for another host.
    fn skip(&mut self, place: &Place, line: &str) {
        let opened = line.matches('{').count();
        let closed = line.matches('}').count();
        if !line.trim_matches(['{', '}', ' ', '\t']).is_empty() {
            let id = self.tally.add(place, line);
            self.tally
                .left(id, format!("not for the configuration id {}", self.id));
        }
        self.skipped = (self.skipped + opened).saturating_sub(closed);
    }

    /// Returns the line with every known `$NAME` and `${NAME}` replaced; `None` where there is none.
    fn replaced(&mut self, line: &str, place: &Place) -> Option<String> {
        let mut result = String::new();
        let mut rest = line;
        let mut changed = false;
        // What grows beyond all bounds is refused where it is counted.
        while let Some(start) = rest.find('$').filter(|_| result.len() <= BYTES) {
            let (before, from) = rest.split_at(start);
            result.push_str(before);
            let Some((name, after)) = reference(from) else {
                result.push('$');
                rest = from.get(1..).unwrap_or_default();
                continue;
            };
            match self.value(name, place) {
                Some(value) => {
                    result.push_str(&value);
                    changed = true;
                }
                None => result.push_str(from.get(..from.len() - after.len()).unwrap_or_default()),
            }
            rest = after;
        }
        result.push_str(rest);
        changed.then_some(result)
    }

    fn value(&mut self, name: &str, place: &Place) -> Option<String> {
        if let Some(definition) = self.definitions.get(name) {
            if let Some(id) = definition.id {
                self.tally.replaced(id, place);
            }
            return Some(definition.value.clone());
        }
        match name {
            "_PWD" => Some(
                place
                    .file
                    .rsplit_once('/')
                    .map_or(".", |(directory, _)| directory)
                    .to_owned(),
            ),
            "_INSTANCE" => Some(self.id.to_owned()),
            _ => None,
        }
    }
}

/// Returns the line up to a comment: `#` or `!`, outside quotes.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (place, c) in line.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#' | '!', None) => return line.get(..place).unwrap_or(line),
            _ => {}
        }
    }
    match quote {
        // A quote that is never closed is an apostrophe, and hides no comment.
        Some(_) => line
            .find(['#', '!'])
            .and_then(|end| line.get(..end))
            .unwrap_or(line),
        None => line,
    }
}

/// Returns the place of the backslash, if the next line belongs to this one.
fn continued(line: &str) -> Option<usize> {
    line.trim_end().strip_suffix('\\').map(str::len)
}

fn included(line: &str) -> Option<&str> {
    const WORDS: [&str; 6] = [
        "include", "includer", "includem", "includew", "includeb", "includea",
    ];
    let (word, pattern) = line.trim().split_once(char::is_whitespace)?;
    WORDS
        .contains(&word)
        .then(|| pattern.trim().trim_matches(['"', '\'']))
}

/// `$NAME=value`
fn definition(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('$')?.split_once('=')?;
    is_name(name).then(|| (name, value.trim()))
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `$NAME` before a blank or the end, or `${NAME}`; what follows it too.
fn reference(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('$')?;
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').filter(|(name, _)| is_name(name));
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let ends = after.is_empty() || after.starts_with(char::is_whitespace);
    (is_name(name) && ends).then_some((name, after))
}
