//! What a script of ipvsadm lines does besides: variables, functions, loops over words, sysctls.

pub(super) mod arithmetic;
mod command;
mod expansion;
mod variable;
mod words;

pub(super) use command::{
    CLOSES, Next, OPENS, Subshells, commands, function, is_bracket, is_over_arguments,
    is_punctuation, unredirected,
};
pub(super) use expansion::{Action, Expansion, Operation, Replaced, Side, braced, characters};
pub(super) use variable::{assignments, is_computed, raw_words, sets, sysctls};
pub(super) use words::{
    For, document, elements, is_literal, open_quote, opens_array, split, words,
};

/// Returns the `${…}` with which a text begins, and what follows it.
fn expansion(text: &str) -> Option<(&str, &str)> {
    let (_, after) = braced(text)?;
    text.split_at_checked(text.len() - after.len())
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn is(program: &str, name: &str) -> bool {
    program.rsplit('/').next() == Some(name)
}
