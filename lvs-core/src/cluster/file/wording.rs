//! Words of the file in place of the parser's, for what cannot be read.

use crate::cluster::model::{DocumentError, DocumentErrorKind};
use crate::suggest::nearest;

/// Holds a mistake in the file's words.
pub(super) struct Explained {
    pub(super) mistake: DocumentError,
    /// The key that is missing, or that an unknown one probably means.
    pub(super) key: Option<String>,
}

/// Turns a message of the parser about a path into one in the file's words.
pub(super) fn explain(path: &str, message: &str) -> Explained {
    if let Some((key, known)) = unknown("field", message) {
        return Explained {
            mistake: unknown_key(path, key, &known),
            key: nearest(key, known).map(str::to_owned),
        };
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        let problem = format!("the key {key} is missing");
        return Explained {
            mistake: DocumentError::new(DocumentErrorKind::Missing, path, problem),
            key: Some(key.trim_matches('`').to_owned()),
        };
    }
    let mistake = if let Some((word, known)) = unknown("variant", message) {
        unknown_word(path, word, &known)
    } else if let Some((kind, problem)) = wrong_type(message) {
        let hint = form(path, message);
        let mistake = DocumentError::new(kind, path, problem);
        match hint {
            Some(hint) => mistake.with_hint(hint),
            None => mistake,
        }
    } else if message.starts_with("wanted ") {
        DocumentError::new(DocumentErrorKind::WrongType, path, "expected text")
    } else {
        DocumentError::new(DocumentErrorKind::InvalidValue, path, message)
    };
    Explained { mistake, key: None }
}

fn unknown_key(path: &str, key: &str, known: &[&str]) -> DocumentError {
    let problem = format!("unknown key `{key}`");
    DocumentError::new(DocumentErrorKind::UnknownKey, path, problem).with_hint(
        match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys here are {}", known.join(", ")),
        },
    )
}

fn unknown_word(path: &str, word: &str, known: &[&str]) -> DocumentError {
    let problem = format!("{word:?} is unknown");
    DocumentError::new(DocumentErrorKind::UnknownName, path, problem).with_hint(
        match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write one of {}", known.join(", ")),
        },
    )
}

/// Takes what is unknown and what is known out of a message like "unknown field `a`, expected `b` or `c`".
fn unknown<'a>(what: &str, message: &'a str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = message.strip_prefix("unknown ")?.strip_prefix(what)?;
    let (name, rest) = rest.strip_prefix(" `")?.split_once('`')?;
    Some((name, rest.split('`').skip(1).step_by(2).collect()))
}

/// Translates the words for a value of the wrong type: the types of Rust into those of a file.
fn wrong_type(message: &str) -> Option<(DocumentErrorKind, String)> {
    let (kind, message) = match message.strip_prefix("invalid type: ") {
        Some(rest) => (DocumentErrorKind::WrongType, rest),
        None => (
            DocumentErrorKind::OutOfRange,
            message.strip_prefix("invalid value: ")?,
        ),
    };
    let (found, expected) = message.split_once(", expected ")?;
    if let Some(number) = beyond_64_bits(found) {
        let size = if number.starts_with('-') {
            "small"
        } else {
            "large"
        };
        let problem = format!("{number} is too {size}");
        return Some((DocumentErrorKind::OutOfRange, problem));
    }
    let expected = match expected {
        "i64" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "a nonzero u8" => "a whole number from 1 to 255",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("text {text}"),
        Some(("boolean", flag)) => flag.trim_matches('`').to_owned(),
        Some(("integer" | "floating", rest)) => match rest.split('`').nth(1) {
            Some(number) => format!("number {number}"),
            None => found.to_owned(),
        },
        _ => match found {
            "map" => "a table".to_owned(),
            "sequence" => "a list".to_owned(),
            _ => found.to_owned(),
        },
    };
    Some((kind, format!("expected {expected}, found {found}")))
}

/// Returns how to write a value of another type than its key has, where what was meant is plain.
fn form(path: &str, message: &str) -> Option<String> {
    let (found, expected) = message
        .strip_prefix("invalid type: ")?
        .split_once(", expected ")?;
    let (list, is_entry) = match path.rsplit_once('[') {
        Some((list, index)) if index.ends_with(']') => (list, true),
        _ => (path, false),
    };
    let text = found
        .strip_prefix("string \"")
        .and_then(|rest| rest.strip_suffix('"'));
    let key = list.rsplit('.').next()?;
    match (key, text) {
        ("services" | "real-servers" | "directors", None) if found == "map" => {
            Some(format!("write [[{key}]] in place of [{key}]"))
        }
        ("director", None) if found == "sequence" => {
            Some("write one director as [director], or two as [[directors]]".to_owned())
        }
        _ if expected == "a map" && path == key => Some(format!("write [{key}], once")),
        ("destinations", Some(name)) => Some(entry(&format!("real-server = \"{name}\""), is_entry)),
        ("addresses", Some(address)) if !path.starts_with("services") => {
            let keys = format!("interface = \"eth0\", address = \"{address}\"");
            Some(entry(&keys, is_entry))
        }
        (_, Some(text)) if expected == "i64" => number(key, text),
        _ => None,
    }
}

fn entry(keys: &str, is_entry: bool) -> String {
    match is_entry {
        true => format!("write {{ {keys} }}"),
        false => format!("write [{{ {keys} }}]"),
    }
}

/// Returns how a number is written that is a text, or a mask in dotted form.
fn number(key: &str, text: &str) -> Option<String> {
    if text.parse::<i64>().is_ok() {
        return Some(format!("write {text}, without quotes"));
    }
    let mask = text.parse().ok().filter(|_| key == "netmask")?;
    let length = ipnet::ipv4_mask_to_prefix(mask).ok()?;
    Some(format!("write the prefix length, {length}"))
}

/// Returns a whole number that no key can have: "integer `99999999999999999999` as i128".
fn beyond_64_bits(found: &str) -> Option<&str> {
    let number = found.strip_prefix("integer `")?.split('`').next()?;
    number.parse::<i64>().is_err().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                "invalid type: integer `99999999999999999999` as i128, expected i64",
                "99999999999999999999 is too large",
            ),
            (
                "invalid type: map, expected a sequence",
                "expected a list, found a table",
            ),
            (
                "invalid type: boolean `true`, expected struct AddressTable",
                "expected a table, found true",
            ),
            (
                "invalid value: integer `0`, expected a nonzero u8",
                "expected a whole number from 1 to 255, found number 0",
            ),
            (
                "unknown variant `serivce`, expected `service` or `server`",
                "\"serivce\" is unknown",
            ),
            ("a text of ours", "a text of ours"),
        ] {
            assert_eq!(explain("", message).mistake.problem(), expected);
        }
    }
}
