//! Values that several tables have: numbers in a range, parsed texts, weights, and lists of tables.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::cluster::checks::Span;
use crate::cluster::model::{DocumentError, DocumentErrorKind, Mistakes, invalid};
use crate::ipvs::{Seconds, Weight};

/// Converts a list of tables: what could be converted, each with its number, and the mistakes with `list[index]`
/// in front of their paths.
pub(super) fn each<T, U>(
    list: &str,
    tables: Vec<T>,
    mistakes: &mut Mistakes,
    mut convert: impl FnMut(T, &mut Mistakes) -> Option<U>,
) -> Vec<(usize, U)> {
    tables
        .into_iter()
        .enumerate()
        .filter_map(|(i, table)| {
            mistakes
                .within(format_args!("{list}[{i}]"), |mistakes| {
                    convert(table, mistakes)
                })
                .map(|value| (i, value))
        })
        .collect()
}

/// Parses a text whose own error would not say which form is expected.
pub(super) fn parse<T: FromStr>(text: &str, key: &str, form: &str) -> Result<T, DocumentError> {
    text.parse().map_err(|_| {
        let problem = format!("{text:?} is not {form}");
        DocumentError::new(DocumentErrorKind::InvalidValue, key, problem)
    })
}

/// Converts a number if it is in the range of its key.
pub(super) fn number<T: TryFrom<i64>>(
    value: i64,
    key: &str,
    range: RangeInclusive<i64>,
) -> Result<T, DocumentError> {
    range
        .contains(&value)
        .then(|| T::try_from(value).ok())
        .flatten()
        .ok_or_else(|| out_of_range(value, key, &range))
}

pub(super) fn out_of_range<T: Display>(
    value: T,
    key: &str,
    range: &RangeInclusive<T>,
) -> DocumentError {
    let problem = format!("{value} is not in {}..{}", range.start(), range.end());
    DocumentError::new(DocumentErrorKind::OutOfRange, key, problem)
}

/// Converts a span of time to whole seconds in the range of its key.
pub(super) fn seconds(
    span: Span,
    key: &str,
    range: RangeInclusive<i64>,
) -> Result<Seconds, DocumentError> {
    if span.get().subsec_nanos() != 0 {
        let problem = format!("{span} is not a whole number of seconds");
        return Err(DocumentError::new(
            DocumentErrorKind::InvalidValue,
            key,
            problem,
        ));
    }
    let seconds = i128::from(span.get().as_secs());
    let range = i128::from(*range.start())..=i128::from(*range.end());
    match u32::try_from(seconds) {
        Ok(fits) if range.contains(&seconds) => Ok(Seconds(fits)),
        _ => Err(out_of_range(seconds, key, &range)),
    }
}

pub(super) fn weight(weight: i64) -> Result<Weight, DocumentError> {
    let weight = number(weight, "weight", 0..=i64::from(i32::MAX))?;
    Weight::new(weight).map_err(invalid("weight"))
}

/// Refuses a key that has no meaning beside another value.
pub(super) fn refuse(
    is_given: bool,
    key: &str,
    problem: impl Into<String>,
) -> Result<(), DocumentError> {
    match is_given {
        true => Err(
            DocumentError::new(DocumentErrorKind::Conflict, key, problem).with_hint("leave it out"),
        ),
        false => Ok(()),
    }
}
