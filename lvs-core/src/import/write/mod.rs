//! The cluster file as text: the keys by `toml_edit`, with comments where a value was assumed.

mod director;
mod service;

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use director::{directors, encapsulation, ipvs};
use service::{servers, services};

use super::Options;
use super::fit::Fitted;
use super::shorten::Shortening;

pub(super) fn write(
    fitted: &Fitted,
    shortening: &Shortening,
    losses: &[String],
    source: &str,
    options: &Options,
) -> String {
    let mut document = DocumentMut::new();
    document.insert("name", text(options.name.as_str()));
    document.insert("forwarding", text(fitted.method));
    if let Some(tunnel) = fitted.tunnel {
        document.insert("tunnel", Item::Value(encapsulation(tunnel).into()));
    }
    if let Some(interface) = &shortening.interface {
        let mut table = Table::new();
        table.insert("interface", text(interface.as_str()));
        document.insert("defaults", Item::Table(table));
    }
    directors(&mut document, fitted);
    services(&mut document, fitted, shortening);
    servers(&mut document, fitted, shortening);
    ipvs(&mut document, fitted);
    if let Some(sync) = &fitted.draft.sync {
        document.insert("sync", Item::Table(director::sync(sync)));
    }
    if let Some(mut key) = document.key_mut("name") {
        key.leaf_decor_mut()
            .set_prefix(head(fitted, losses, source));
    }
    document.to_string()
}

fn head(fitted: &Fitted, losses: &[String], source: &str) -> String {
    let source = printable(source);
    let first = format!(
        "Imported from {source} by lvsctl. Read it before it is applied: comments that say \"assumed\" mark \
         values that the source does not give."
    );
    let mut head = String::new();
    let notes = fitted.draft.notes.iter();
    for note in [&first].into_iter().chain(notes).chain(losses) {
        if !head.is_empty() {
            head.push_str("#\n");
        }
        wrap(note, &mut head);
    }
    head.push('\n');
    head
}

/// A comment in TOML has no control characters, and the source may have any.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Writes a comment in lines of about a hundred columns.
fn wrap(note: &str, text: &mut String) {
    let mut line = "#".to_owned();
    for word in note.split_whitespace() {
        if line.len() > 1 && line.len() + word.len() > 105 {
            text.push_str(&line);
            text.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(&printable(word));
    }
    text.push_str(&line);
    text.push('\n');
}

fn text(value: &str) -> Item {
    toml_edit::value(value)
}

fn number(value: impl Into<i64>) -> Item {
    toml_edit::value(value.into())
}

/// Elements on lines of their own, each with its comment behind it.
fn lines(elements: Vec<(Value, Option<String>)>) -> Item {
    let mut array = Array::new();
    let mut before = String::new();
    for (mut element, comment) in elements {
        element.decor_mut().set_prefix(format!("{before}\n    "));
        before = comment.map_or_else(String::new, |comment| format!(" # {}", printable(&comment)));
        array.push_formatted(element);
    }
    if !array.is_empty() {
        array.set_trailing(format!("{before}\n"));
        array.set_trailing_comma(true);
    }
    Item::Value(Value::Array(array))
}
