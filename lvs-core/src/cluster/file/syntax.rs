//! Texts that are not TOML at all, in words of a file.

use std::ops::Range;

use ::toml::de::Error;

use crate::cluster::model::{DocumentError, DocumentErrorKind};

/// Turns the parser's error about a text into one in plain words.
pub(super) fn refused(text: &str, error: &Error) -> DocumentError {
    let span = error.span().unwrap_or_default();
    if let Some(format) = other_format(text) {
        let problem = format!("the file looks like {format}, but a cluster file is TOML");
        return mistake(problem).with_hint("write name = \"web\", and tables like [director]");
    }
    match error.message() {
        "duplicate key" => repeated(text, span),
        deep if deep.contains("recurs") => mistake("lists or tables are nested too deeply")
            .with_hint("no key needs more than four"),
        message => mistake(message),
    }
}

fn mistake(problem: impl Into<String>) -> DocumentError {
    DocumentError::new(DocumentErrorKind::Syntax, "", problem)
}

fn repeated(text: &str, span: Range<usize>) -> DocumentError {
    let line = text.get(..span.start).unwrap_or_default();
    let key = text.get(span).unwrap_or_default().trim();
    match line.rsplit('\n').next().map(str::trim) {
        Some("[") => mistake(format!("[{key}] occurs twice")),
        _ => mistake(format!("the key `{key}` occurs twice")),
    }
    .with_hint("leave one of them out")
}

/// Returns the name of another format that the text is probably written in: its first line decides.
fn other_format(text: &str) -> Option<&'static str> {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))?;
    if first.starts_with('{') {
        return Some("JSON");
    }
    let key = first.split_once(':').map(|(key, _)| key);
    let is_word =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (first == "---" || (key.is_some_and(is_word) && !first.contains('='))).then_some("YAML")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_shows_another_format() {
        for (text, format) in [
            ("{\"name\": \"web\"}", Some("JSON")),
            ("# ours\n\nname: web\n", Some("YAML")),
            ("---\nname: web\n", Some("YAML")),
            ("name = \"a: b\"\nx", None),
            ("[director\n", None),
            ("\"name: web", None),
            ("", None),
        ] {
            assert_eq!(other_format(text), format, "{text}");
        }
    }
}
