//! Numbers with their words.

/// Returns a number with the words for one thing, or those for several.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    let words = if count == 1 { one } else { several };
    format!("{count} {words}")
}
