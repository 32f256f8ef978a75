//! Macros for values that have a text form, and text that a terminal can be given.

use std::borrow::Cow;

/// Returns the text with every character escaped that a terminal obeys instead of showing it: `\u001b`.
///
/// These are the control characters except line feed and tabulator, and those that change the direction of
/// writing. The form is that of strings in JSON and TOML.
#[must_use]
pub fn escape_control(text: &str) -> Cow<'_, str> {
    escape(text, is_control)
}

/// Returns the text on one line: as [`escape_control`], with line feeds and tabulators escaped, too.
#[must_use]
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_control(c) || c == '\n' || c == '\t')
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_escaped(c) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a terminal obeys the character; line feed and tabulator are layout.
pub(crate) fn is_control(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        _ => c.is_control(),
    }
}

/// Adds the conversions with which serde writes and reads a type with `Display` and `FromStr` as a string;
/// the type also needs `#[serde(try_from = "String", into = "String")]`.
macro_rules! serde_as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = $crate::error::InvalidValue;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// Adds `as_str`, `Display` and `FromStr` to a type that holds text and whose `new` checks it.
macro_rules! name_text {
    ($type:ident) => {
        impl $type {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::InvalidValue;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::new(name)
            }
        }
    };
}

/// Adds what [`name_text`] adds, and the conversions of [`serde_as_text`].
#[cfg(feature = "cluster")]
macro_rules! name_as_text {
    ($type:ident) => {
        $crate::text::name_text!($type);
        $crate::text::serde_as_text!($type);
    };
}

#[cfg(feature = "cluster")]
pub(crate) use name_as_text;
pub(crate) use {name_text, serde_as_text};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(
            escape_control("a\u{1b}[2J\r\u{9b}\u{202e}\u{7f}"),
            "a\\u001b[2J\\u000d\\u009b\\u202e\\u007f"
        );
        assert_eq!(escape_control("网卡 a\tb\n"), "网卡 a\tb\n");
        assert_eq!(escape_line("a\tb\n"), "a\\u0009b\\u000a");
    }
}
