//! Patterns of the shell: names of files, as `include` takes them, and parts of the values of variables.

/// Returns whether a name matches a pattern of `*`, `?` and `[…]`.
///
/// ```
/// use lvs_core::import::is_match;
/// assert!(is_match("*.conf", "web.conf"));
/// assert!(is_match("rs[1-3]?", "rs2a"));
/// assert!(!is_match("rs[!1-3]?", "rs2a"));
/// ```
#[must_use]
pub fn is_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<_> = pattern.chars().map(PatternChar::Active).collect();
    let name: Vec<_> = name.chars().collect();
    // A name of a file is short.
    let mut steps = usize::MAX;
    Pattern::of(&pattern).is_some_and(|pattern| {
        pattern.beginning(&name, Extent::Longest, &mut steps) == Some(Some(name.len()))
    })
}

/// A character of a pattern, and whether quotes make it stand for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatternChar {
    Active(char),
    Quoted(char),
}

impl PatternChar {
    pub(super) const fn char(self) -> char {
        match self {
            Self::Active(c) | Self::Quoted(c) => c,
        }
    }

    fn is(self, c: char) -> bool {
        self == Self::Active(c)
    }
}

/// Which one of several parts is meant that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Shortest,
    Longest,
}

/// What is compared with one character, or with any number of them.
#[derive(Debug)]
enum Element {
    /// `*`
    Many,
    /// `?`
    One,
    Char(char),
    /// `[…]`, and `[!…]` with true.
    Set(Vec<Member>, bool),
}

#[derive(Debug)]
enum Member {
    Range(char, char),
    /// `[:digit:]`
    Class(fn(&char) -> bool),
}

impl Element {
    const fn is_many(&self) -> bool {
        matches!(self, Self::Many)
    }

    fn matches(&self, c: char) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Char(one) => *one == c,
            Self::Set(members, is_negated) => {
                members.iter().any(|member| member.contains(c)) != *is_negated
            }
        }
    }
}

impl Member {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&c),
            Self::Class(has) => has(&c),
        }
    }
}

/// A pattern of which all beginnings of a text are compared at once: the work is the product of the two lengths,
/// however many `*` it has.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Element>);

impl Pattern {
    /// Returns a pattern; nothing if it has `[=` or `[.`, or a class of another name than POSIX has.
    pub(super) fn of(mut text: &[PatternChar]) -> Option<Self> {
        let mut elements = Vec::new();
        while let Some((first, rest)) = text.split_first() {
            text = rest;
            elements.push(match first {
                PatternChar::Active('*') => Element::Many,
                PatternChar::Active('?') => Element::One,
                PatternChar::Active('[') => match set_end(rest) {
                    Some(end) => {
                        text = rest.get(end + 1..)?;
                        set(rest.get(..end)?)?
                    }
                    None => Element::Char('['),
                },
                first => Element::Char(first.char()),
            });
        }
        elements.dedup_by(|one, other| one.is_many() && other.is_many());
        Some(Self(elements))
    }

    /// Returns a pattern that matches a text read from its end where this one matches it.
    pub(super) fn reversed(mut self) -> Self {
        self.0.reverse();
        self
    }

    /// Returns the length of a beginning that matches, if there is one; nothing at all if that takes more steps.
    pub(super) fn beginning(
        &self,
        text: &[char],
        extent: Extent,
        steps: &mut usize,
    ) -> Option<Option<usize>> {
        let mut found = None;
        // Where in the pattern the next character is compared.
        let mut places = self.behind_many(vec![0]);
        let mut rest = text.iter().enumerate();
        loop {
            *steps = steps.checked_sub(places.len() + 1)?;
            let next = rest.next();
            if places.last() == Some(&self.0.len()) {
                found = Some(next.map_or(text.len(), |(length, _)| length));
            }
            let is_found = found.is_some() && extent == Extent::Shortest;
            let Some((_, c)) = next.filter(|_| !is_found && !places.is_empty()) else {
                return Some(found);
            };
            places = self.behind(&places, *c);
        }
    }

    fn behind(&self, places: &[usize], c: char) -> Vec<usize> {
        let mut behind = Vec::new();
        for place in places {
            match self.0.get(*place) {
                Some(Element::Many) => behind.push(*place),
                Some(element) if element.matches(c) => behind.push(place + 1),
                _ => {}
            }
        }
        behind.dedup();
        self.behind_many(behind)
    }

    /// Adds the places that are reached where `*` stands for nothing; two `*` never follow each other.
    fn behind_many(&self, places: Vec<usize>) -> Vec<usize> {
        let mut all = Vec::with_capacity(places.len() + 1);
        for place in places {
            let is_many = self.0.get(place).is_some_and(Element::is_many);
            all.push(place);
            all.extend(is_many.then_some(place + 1));
        }
        all.dedup();
        all
    }
}

/// Returns where the bracket is that ends a set: one that is its first character belongs to it.
fn set_end(text: &[PatternChar]) -> Option<usize> {
    let mut place = usize::from(text.first().is_some_and(|c| c.is('!') || c.is('^')));
    place += usize::from(text.get(place).is_some_and(|c| c.is(']')));
    loop {
        let rest = text.get(place..)?;
        match rest {
            [c, ..] if c.is(']') => return Some(place),
            [open, kind, ..] if open.is('[') && kind.is(':') => {
                place += class_end(rest).map_or(1, |end| end + 2);
            }
            _ => place += 1,
        }
    }
}

fn class_end(text: &[PatternChar]) -> Option<usize> {
    let mut pairs = text.windows(2);
    pairs.position(|pair| matches!(pair, [colon, end] if colon.is(':') && end.is(']')))
}

fn set(text: &[PatternChar]) -> Option<Element> {
    let (is_negated, mut text) = match text.split_first() {
        Some((first, rest)) if first.is('!') || first.is('^') => (true, rest),
        _ => (false, text),
    };
    let mut members = Vec::new();
    while let Some((first, rest)) = text.split_first() {
        text = match rest {
            [kind, ..] if first.is('[') && (kind.is('=') || kind.is('.')) => return None,
            [colon, rest @ ..] if first.is('[') && colon.is(':') => {
                let end = class_end(rest)?;
                let name = rest.get(..end)?.iter().map(|c| c.char());
                members.push(Member::Class(class(&name.collect::<String>())?));
                rest.get(end + 2..)?
            }
            [dash, last, rest @ ..] if dash.is('-') => {
                members.push(Member::Range(first.char(), last.char()));
                rest
            }
            _ => {
                members.push(Member::Range(first.char(), first.char()));
                rest
            }
        };
    }
    Some(Element::Set(members, is_negated))
}

/// Returns what belongs to a class of POSIX.
fn class(name: &str) -> Option<fn(&char) -> bool> {
    Some(match name {
        "alnum" => char::is_ascii_alphanumeric,
        "alpha" => char::is_ascii_alphabetic,
        "blank" => |c| matches!(c, ' ' | '\t'),
        "digit" => char::is_ascii_digit,
        "lower" => char::is_ascii_lowercase,
        "punct" => char::is_ascii_punctuation,
        "space" => |c| c.is_ascii_whitespace() || *c == '\u{b}',
        "upper" => char::is_ascii_uppercase,
        "xdigit" => char::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("**a**", "bab", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("[]a]", "]", true),
            ("[!]a]", "b", true),
            ("[!]a]", "]", false),
            ("[^a]", "b", true),
            ("a[b", "a[b", true),
            ("[a-]x", "-x", true),
            ("rs[[:digit:]x]", "rs7", true),
            ("rs[[:digit:]x]", "rsy", false),
            ("?", "ä", true),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_work_is_bounded() {
        let pattern = "*a".repeat(32) + "b";
        assert!(!is_match(&pattern, &"a".repeat(512)));
    }
}
