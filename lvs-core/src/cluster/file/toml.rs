//! The cluster file as TOML text: parsing, and the line and column of a path.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::Document;
use crate::cluster::model::{Cluster, DocumentError, DocumentErrorKind, Position};
use crate::suggest::nearest;

impl Cluster {
    /// Parses a cluster file in TOML and validates the cluster.
    ///
    /// ```
    /// use lvs_core::Cluster;
    /// let error = Cluster::from_toml("name = \"web\"\nforwardin = \"nat\"\n").unwrap_err();
    /// assert_eq!(error.position().unwrap().line, 2);
    /// assert_eq!(error.to_string(), "forwardin: unknown key `forwardin`; did you mean `forwarding`?");
    /// ```
    ///
    /// # Errors
    /// The text is not TOML or not a cluster file, or the cluster is not valid. The error has line and column,
    /// the problem, and in most cases a hint what to write instead.
    pub fn from_toml(text: &str) -> Result<Self, DocumentError> {
        let document = document(text)?;
        Self::try_from(document).map_err(|error| {
            let position = position(text, error.path());
            error.at(position)
        })
    }
}

fn document(text: &str) -> Result<Document, DocumentError> {
    if text.len() > Document::MAX_LENGTH {
        let problem = format!(
            "the file has {} bytes, but at most {} are read",
            text.len(),
            Document::MAX_LENGTH
        );
        return Err(DocumentError::new(DocumentErrorKind::Syntax, "", problem));
    }
    if DeTable::parse(text).is_ok_and(|table| table.get_ref().is_empty()) {
        return Err(
            DocumentError::new(DocumentErrorKind::Syntax, "", "the file is empty").with_hint(
                "a cluster has at least a name, a forwarding method, [director], [[services]] and \
             [[real-servers]]",
            ),
        );
    }
    toml::from_str(text).map_err(|error| explain(text, &error))
}

/// Turns the parser's error into one with a path, a position, and words of the file.
fn explain(text: &str, error: &toml::de::Error) -> DocumentError {
    let span = error.span().unwrap_or_default();
    let path = path_at(text, &span);
    let message = error.message();
    let explained = if let Some((key, known)) = unknown_field(message) {
        unknown_key(&path, key, &known)
    } else if let Some(key) = message.strip_prefix("missing field ") {
        let problem = format!("the key {key} is missing");
        DocumentError::new(DocumentErrorKind::Missing, path, problem)
    } else if let Some(problem) = wrong_type(message) {
        DocumentError::new(DocumentErrorKind::WrongType, path, problem)
    } else {
        DocumentError::new(DocumentErrorKind::Syntax, path, message)
    };
    explained.at(position_of_offset(text, span.start))
}

fn unknown_key(path: &str, key: &str, known: &[&str]) -> DocumentError {
    DocumentError::new(
        DocumentErrorKind::UnknownKey,
        path,
        format!("unknown key `{key}`"),
    )
    .with_hint(match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are {}", known.join(", ")),
    })
}

/// Translates serde's words for a value of the wrong type: the types of Rust into those of a file.
fn wrong_type(message: &str) -> Option<String> {
    let (found, expected) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?
        .split_once(", expected ")?;
    let expected = match expected {
        "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("text {text}"),
        Some(("integer", number)) => format!("number {}", number.trim_matches('`')),
        Some(("boolean", flag)) => flag.trim_matches('`').to_owned(),
        Some(("floating", rest)) => match rest.strip_prefix("point ") {
            Some(number) => format!("number {}", number.trim_matches('`')),
            None => found.to_owned(),
        },
        _ => match found {
            "map" => "a table".to_owned(),
            "sequence" => "a list".to_owned(),
            _ => found.to_owned(),
        },
    };
    Some(format!("expected {expected}, found {found}"))
}

/// Takes the unknown field and the known ones out of serde's message.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (field, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((field, known))
}

/// Returns the position of a path's value; of a path that is not written, that of its nearest ancestor, or the
/// start of the file.
fn position(text: &str, path: &str) -> Position {
    let places = places(text);
    let mut path = Some(path);
    while let Some(candidate) = path {
        if let Some(place) = places.iter().find(|place| place.path == candidate) {
            return position_of_offset(text, place.value.start);
        }
        path = candidate
            .rfind(['.', '['])
            .and_then(|end| candidate.get(..end));
    }
    position_of_offset(text, 0)
}

/// Returns the path of the innermost key or value that contains a span.
fn path_at(text: &str, span: &Range<usize>) -> String {
    let inside = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
    places(text)
        .into_iter()
        .filter(|place| place.key.as_ref().is_some_and(inside) || inside(&place.value))
        .min_by_key(|place| match &place.key {
            Some(key) if inside(key) => key.len(),
            _ => place.value.len(),
        })
        .map(|place| place.path)
        .unwrap_or_default()
}

/// Holds the path of a key or list element and its ranges in the text.
struct Place {
    path: String,
    key: Option<Range<usize>>,
    value: Range<usize>,
}

fn places(text: &str) -> Vec<Place> {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        collect_table("", table.get_ref(), &mut found);
    }
    found
}

fn collect_table(parent: &str, table: &DeTable<'_>, found: &mut Vec<Place>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = match parent {
            "" => name.to_string(),
            _ => format!("{parent}.{name}"),
        };
        collect(path, Some(key.span()), value, found);
    }
}

fn collect(
    path: String,
    key: Option<Range<usize>>,
    value: &Spanned<DeValue<'_>>,
    found: &mut Vec<Place>,
) {
    match value.get_ref() {
        DeValue::Table(table) => collect_table(&path, table, found),
        DeValue::Array(list) => {
            for (i, element) in list.iter().enumerate() {
                collect(format!("{path}[{i}]"), None, element, found);
            }
        }
        _ => {}
    }
    found.push(Place {
        path,
        key,
        value: value.span(),
    });
}

fn position_of_offset(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "name = \"web\"\n[[services]]\naddress = \"a\"\n[[services]]\naddress = \"b\"\n";

    #[test]
    fn a_path_has_its_position() {
        let place = |path| position(TEXT, path).to_string();
        assert_eq!(place("services[1].address"), "5:11");
        assert_eq!(place("services[1].weight"), "4:1");
        assert_eq!(place("name"), "1:8");
        assert_eq!(place("director.name"), "1:1");
    }

    #[test]
    fn types_are_those_of_a_file() {
        for (message, expected) in [
            (
                "invalid type: string \"two\", expected i64",
                "expected a whole number, found text \"two\"",
            ),
            (
                "invalid type: floating point `1.5`, expected a string",
                "expected text, found number 1.5",
            ),
            (
                "invalid type: map, expected a sequence",
                "expected a list, found a table",
            ),
            (
                "invalid type: boolean `true`, expected struct AddressTable",
                "expected a table, found true",
            ),
        ] {
            assert_eq!(wrong_type(message).as_deref(), Some(expected));
        }
        assert_eq!(wrong_type("string values must be quoted"), None);
    }

    #[test]
    fn a_span_has_its_path() {
        let offset = TEXT.rfind("address").unwrap();
        assert_eq!(path_at(TEXT, &(offset..offset + 7)), "services[1].address");
    }
}
