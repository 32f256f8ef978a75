//! Where the keys and values of a TOML text are: their paths, and their lines and columns.

use std::borrow::Cow;
use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeArray, DeTable, DeValue};

use crate::cluster::model::Position;

/// Holds where the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let behind = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(behind).collect(),
        }
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or_default()..offset);
        Position {
            line,
            column: before.unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Is one step from a value to a value in it.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// Holds a key with its value, or an element of a list.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: String,
    /// The path of the innermost table around it.
    pub(super) table: String,
    /// Its key in that table; of an element that of its list.
    pub(super) key: String,
    /// The range of the key, which an element does not have.
    key_range: Option<Range<usize>>,
    pub(super) value: Range<usize>,
    /// Whether the value is a date or a time, which no key has.
    pub(super) is_date: bool,
    steps: Vec<Step>,
}

impl Place {
    /// Returns what distinguishes the place from all others of its text.
    pub(super) fn id(&self) -> (Option<Range<usize>>, Range<usize>) {
        (self.key_range.clone(), self.value.clone())
    }

    /// Removes it from the table of which it is a place.
    pub(super) fn remove_from(&self, root: &mut DeTable<'_>) {
        remove_from_table(root, &self.steps);
    }

    /// Gives it another key in the table of which it is a place; false if that is there already.
    pub(super) fn rename_in<'a>(&self, root: &mut DeTable<'a>, key: &str) -> bool {
        let Some((Step::Key(name), above)) = self.steps.split_last() else {
            return false;
        };
        let Some(table) = table_at(root, above).filter(|table| !table.contains_key(key)) else {
            return false;
        };
        let Some((written, value)) = table.remove_entry(name.as_str()) else {
            return false;
        };
        let renamed = Cow::<'a, str>::Owned(key.to_owned());
        table.insert(Spanned::new(written.span(), renamed), value);
        true
    }
}

fn table_at<'t, 'a>(table: &'t mut DeTable<'a>, steps: &[Step]) -> Option<&'t mut DeTable<'a>> {
    let Some((Step::Key(key), mut rest)) = steps.split_first() else {
        return Some(table);
    };
    let mut value = table.get_mut(key.as_str())?.get_mut();
    loop {
        value = match (value, rest) {
            (DeValue::Array(list), [Step::Index(index), below @ ..]) => {
                rest = below;
                list.get_mut(*index)?.get_mut()
            }
            (DeValue::Table(inner), _) => return table_at(inner, rest),
            _ => return None,
        };
    }
}

fn remove_from_table(table: &mut DeTable<'_>, steps: &[Step]) {
    match steps {
        [Step::Key(key)] => {
            table.remove(key.as_str());
        }
        [Step::Key(key), rest @ ..] => match table.get_mut(key.as_str()).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => remove_from_table(inner, rest),
            Some(DeValue::Array(list)) => remove_from_list(list, rest),
            _ => {}
        },
        _ => {}
    }
}

fn remove_from_list<'a>(list: &mut DeArray<'a>, steps: &[Step]) {
    match steps {
        [Step::Index(index)] => {
            let elements: DeArray<'a> = std::mem::replace(list, [].into_iter().collect());
            *list = elements
                .into_iter()
                .enumerate()
                .filter(|(i, _)| i != index)
                .map(|(_, element)| element)
                .collect();
        }
        [Step::Index(index), rest @ ..] => match list.get_mut(*index).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => remove_from_table(inner, rest),
            Some(DeValue::Array(inner)) => remove_from_list(inner, rest),
            _ => {}
        },
        _ => {}
    }
}

/// Returns the innermost key or value that contains a range.
pub(super) fn place_at(table: &DeTable<'_>, range: &Range<usize>) -> Option<Place> {
    let inside = |outer: &Range<usize>| outer.start <= range.start && range.end <= outer.end;
    places(table)
        .into_iter()
        .filter(|place| place.key_range.as_ref().is_some_and(inside) || inside(&place.value))
        .min_by_key(|place| match &place.key_range {
            Some(key) if inside(key) => key.len(),
            _ => place.value.len(),
        })
}

/// Returns all keys and elements below a table.
pub(super) fn places(table: &DeTable<'_>) -> Vec<Place> {
    let mut found = Vec::new();
    collect_table("", &[], table, &mut found);
    found
}

fn collect_table(path: &str, steps: &[Step], table: &DeTable<'_>, found: &mut Vec<Place>) {
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let place = Place {
            path: match path {
                "" => name.clone(),
                _ => format!("{path}.{name}"),
            },
            table: path.to_owned(),
            key_range: Some(key.span()),
            value: value.span(),
            is_date: value.get_ref().is_datetime(),
            steps: [steps, &[Step::Key(name.clone())]].concat(),
            key: name,
        };
        collect(place, value.get_ref(), found);
    }
}

fn collect(place: Place, value: &DeValue<'_>, found: &mut Vec<Place>) {
    match value {
        DeValue::Table(table) => collect_table(&place.path, &place.steps, table, found),
        DeValue::Array(list) => {
            for (i, element) in list.iter().enumerate() {
                let inner = Place {
                    path: format!("{}[{i}]", place.path),
                    key_range: None,
                    value: element.span(),
                    is_date: element.get_ref().is_datetime(),
                    steps: [&place.steps[..], &[Step::Index(i)]].concat(),
                    ..place.clone()
                };
                collect(inner, element.get_ref(), found);
            }
        }
        _ => {}
    }
    found.push(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "name = \"web\"\n[[services]]\naddress = \"a\"\n[[services]]\naddress = \"b\"\n";

    #[test]
    fn a_range_has_its_path_and_position() {
        let table = DeTable::parse(TEXT).unwrap();
        let offset = TEXT.rfind("address").unwrap();
        let place = place_at(table.get_ref(), &(offset..offset + 7)).unwrap();
        assert_eq!(place.path, "services[1].address");
        assert_eq!(
            (place.table, place.key),
            ("services[1]".into(), "address".into())
        );
        let lines = Lines::of(TEXT);
        assert_eq!(lines.position(place.value.start).to_string(), "5:11");
        assert_eq!(lines.position(0).to_string(), "1:1");
    }

    #[test]
    fn an_element_is_removed() {
        let mut table = DeTable::parse(TEXT).unwrap().into_inner();
        let places = places(&table);
        let first = places.iter().find(|place| place.path == "services[0]");
        first.unwrap().remove_from(&mut table);
        let offset = TEXT.rfind("address").unwrap();
        let place = place_at(&table, &(offset..offset + 7)).unwrap();
        assert_eq!(place.path, "services[0].address");
    }
}
