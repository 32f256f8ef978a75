//! The nearest known word for hints: "did you mean …?"

/// Returns the candidate that is nearest to a word, if it is near enough for a typing mistake. Capital letters
/// are no difference.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the Levenshtein distance: the least number of insertions, deletions and substitutions of single
/// characters, computed one row at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((above_left, above), b) in row.iter().zip(row.iter().skip(1)).zip(&to) {
            let left = next.last().copied().unwrap_or_default();
            let replaced = above_left + usize::from(a != *b);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("rr", "rr"), 0);
    }

    #[test]
    fn near_words_are_found_and_others_are_not() {
        let keys = ["weight", "port", "forwarding"];
        assert_eq!(nearest("wieght", keys), Some("weight"));
        assert_eq!(nearest("forwardings", keys), Some("forwarding"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("wr", ["rr", "wrr"]), Some("rr"));
        assert_eq!(nearest("RR", ["dh", "lc", "rr"]), Some("rr"));
    }
}
