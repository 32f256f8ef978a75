//! The cluster file as TOML text: parsing, and finding the line a path means.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::Document;
use crate::cluster::{Cluster, DocumentError, Position};
use crate::suggest::nearest;

impl Cluster {
    /// Reads a cluster file in TOML.
    ///
    /// ```
    /// use lvs_core::Cluster;
    /// let error = Cluster::from_toml("name = \"web\"\nforwardin = \"nat\"\n").unwrap_err();
    /// assert_eq!(error.position().unwrap().line, 2);
    /// assert_eq!(error.to_string(), "forwardin: unknown key `forwardin`; did you mean `forwarding`?");
    /// ```
    ///
    /// # Errors
    /// Text that is not TOML or not a cluster file, or a cluster that makes no sense: each with its
    /// line and column, what is wrong and what to write instead.
    pub fn from_toml(text: &str) -> Result<Self, DocumentError> {
        let document = document(text)?;
        Self::try_from(document).map_err(|error| {
            let position = position(text, error.path());
            error.at(Some(position))
        })
    }
}

pub(super) fn document(text: &str) -> Result<Document, DocumentError> {
    if text.len() > Document::MAX_LENGTH {
        let problem = format!(
            "the file has {} bytes; {} are read at most",
            text.len(),
            Document::MAX_LENGTH
        );
        return Err(DocumentError::new("", problem));
    }
    if DeTable::parse(text).is_ok_and(|table| table.get_ref().is_empty()) {
        return Err(DocumentError::new("", "the file is empty").remedy(
            "a cluster has at least a name, a forwarding method, [director], [[services]] and [[real-servers]]",
        ));
    }
    toml::from_str(text).map_err(|error| explain(text, &error))
}

/// Says in our words what the parser found, and where.
fn explain(text: &str, error: &toml::de::Error) -> DocumentError {
    let span = error.span().unwrap_or_default();
    let path = path_at(text, &span);
    let said = if let Some((key, known)) = unknown_field(error.message()) {
        unknown_key(&path, key, &known)
    } else if let Some(key) = error.message().strip_prefix("missing field ") {
        DocumentError::new(path, format!("the key {key} is missing"))
    } else {
        DocumentError::new(path, error.message())
    };
    said.at(Some(position_of_offset(text, span.start)))
}

fn unknown_key(path: &str, key: &str, known: &[&str]) -> DocumentError {
    let error = DocumentError::new(path, format!("unknown key `{key}`"));
    error.remedy(match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are {}", known.join(", ")),
    })
}

/// What serde's words for an unknown field say: the field, and those there are.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (field, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((field, known))
}

/// Where the value of a path stands; of what is not written, its nearest written ancestor, and that of
/// what has none is the file.
pub(super) fn position(text: &str, path: &str) -> Position {
    let places = places(text);
    let mut path = Some(path);
    while let Some(wanted) = path {
        if let Some(place) = places.iter().find(|place| place.path == wanted) {
            return position_of_offset(text, place.value.start);
        }
        path = wanted.rfind(['.', '[']).and_then(|end| wanted.get(..end));
    }
    position_of_offset(text, 0)
}

/// The innermost place whose key or value contains a span.
fn path_at(text: &str, span: &Range<usize>) -> String {
    let inside = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
    let places = places(text).into_iter();
    places
        .filter(|place| place.key.as_ref().is_some_and(inside) || inside(&place.value))
        .min_by_key(|place| match &place.key {
            Some(key) if inside(key) => key.len(),
            _ => place.value.len(),
        })
        .map(|place| place.path)
        .unwrap_or_default()
}

/// A key or list element, and where it stands in the text.
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
    fn a_path_has_its_line() {
        let place = |path| position(TEXT, path).to_string();
        assert_eq!(place("services[1].address"), "5:11");
        assert_eq!(place("services[1].weight"), "4:1");
        assert_eq!(place("name"), "1:8");
        assert_eq!(place("director.name"), "1:1");
    }

    #[test]
    fn a_span_has_its_path() {
        let offset = TEXT.rfind("address").unwrap();
        assert_eq!(path_at(TEXT, &(offset..offset + 7)), "services[1].address");
    }
}
