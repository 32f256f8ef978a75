//! Patterns of file names, as `include` takes them.

/// Returns whether a name matches a pattern of `*`, `?` and `[…]`.
///
/// ```
/// use lvs_core::import::is_match;
/// assert!(is_match("*.conf", "web.conf"));
/// assert!(is_match("rs[1-3]?", "rs2a"));
/// assert!(!is_match("rs[!1-3]?", "rs2a"));
/// ```
#[must_use]
pub fn is_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The pattern behind the last star, and the name where it was tried last.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if let Some(width) = one(pattern.get(p..).unwrap_or_default(), name.get(n)) {
            p += width;
            n += 1;
        } else if let Some((behind, tried)) = star {
            star = Some((behind, tried + 1));
            (p, n) = (behind, tried + 1);
        } else {
            return false;
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|c| *c == '*')
}

/// Returns the length of the part of a pattern that matches one character, if it does.
fn one(pattern: &[char], c: Option<&char>) -> Option<usize> {
    let c = *c?;
    match pattern.split_first()? {
        ('?', _) => Some(1),
        ('[', rest) => {
            let end = rest
                .iter()
                .skip(1)
                .position(|c| *c == ']')
                .map(|place| place + 1);
            let Some(end) = end else {
                return (c == '[').then_some(1);
            };
            let set = rest.get(..end)?;
            let (negated, set) = match set.split_first() {
                Some(('!' | '^', set)) => (true, set),
                _ => (false, set),
            };
            (contains(set, c) != negated).then_some(end + 2)
        }
        (first, _) => (*first == c).then_some(1),
    }
}

fn contains(mut set: &[char], c: char) -> bool {
    while let Some((first, rest)) = set.split_first() {
        set = match rest {
            ['-', last, rest @ ..] => {
                if (*first..=*last).contains(&c) {
                    return true;
                }
                rest
            }
            _ if *first == c => return true,
            _ => rest,
        };
    }
    false
}
