//! Arithmetic of the shell in whole numbers: `$((i + 1))`, `((i++))`, and how often a loop goes round by it.

use super::is_name;
use super::words::split;
use crate::import::limits::{DEPTH, EXPRESSION};

/// The operators, those that bind least first.
const LEVELS: [&[&str]; 4] = [
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Returns the value of an expression; nothing if it has anything but whole numbers, variables that have one, brackets
/// and `+ - * / %` or comparisons.
pub(in crate::import) fn value(
    text: &str,
    variable: &mut dyn FnMut(&str) -> Option<i64>,
) -> Option<i64> {
    // They would change a variable.
    if text.contains("++") || text.contains("--") {
        return None;
    }
    let mut expression = Expression {
        rest: text,
        variable,
        depth: 0,
    };
    let value = expression.operation(&LEVELS)?;
    expression.rest.trim().is_empty().then_some(value)
}

/// Returns the number that a text is; one that begins with 0 is of another base.
pub(in crate::import) fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = digits == "0" || !digits.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_decimal)
}

struct Expression<'t, 'v> {
    rest: &'t str,
    variable: &'v mut dyn FnMut(&str) -> Option<i64>,
    depth: usize,
}

impl Expression<'_, '_> {
    fn operation(&mut self, levels: &[&[&str]]) -> Option<i64> {
        let Some((operators, tighter)) = levels.split_first() else {
            return self.operand();
        };
        let mut left = self.operation(tighter)?;
        while let Some(operator) = self.operator(operators) {
            left = applied(operator, left, self.operation(tighter)?)?;
        }
        Some(left)
    }

    fn operator<'o>(&mut self, operators: &[&'o str]) -> Option<&'o str> {
        let rest = self.rest.trim_start();
        let mut found = operators.iter();
        let found = found.find(|operator| rest.starts_with(**operator))?;
        self.rest = rest.get(found.len()..)?;
        Some(found)
    }

    fn operand(&mut self) -> Option<i64> {
        let rest = self.rest.trim_start();
        if let Some(rest) = rest.strip_prefix('-') {
            self.rest = rest;
            return self.nested(Self::operand)?.checked_neg();
        }
        if let Some(rest) = rest.strip_prefix('(') {
            self.rest = rest;
            let value = self.nested(|inner| inner.operation(&LEVELS))?;
            self.rest = self.rest.trim_start().strip_prefix(')')?;
            return Some(value);
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        self.rest = after;
        match is_name(word) {
            true => (self.variable)(word),
            false => number(word),
        }
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Option<i64>) -> Option<i64> {
        self.depth += 1;
        let value = (self.depth <= DEPTH).then(|| inner(self)).flatten();
        self.depth -= 1;
        value
    }
}

fn applied(operator: &str, left: i64, right: i64) -> Option<i64> {
    match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        "==" => Some(i64::from(left == right)),
        "!=" => Some(i64::from(left != right)),
        "<=" => Some(i64::from(left <= right)),
        ">=" => Some(i64::from(left >= right)),
        "<" => Some(i64::from(left < right)),
        _ => Some(i64::from(left > right)),
    }
}

/// Returns the variable that an expression changes, and the expression of its new value: `i++`, `i += 2`, `i = j + 1`.
pub(in crate::import) fn assignment(text: &str) -> Option<(&str, String)> {
    let text = text.trim();
    for (operator, sign) in [("++", '+'), ("--", '-')] {
        let name = text.strip_suffix(operator);
        let name = name.or_else(|| text.strip_prefix(operator)).map(str::trim);
        if let Some(name) = name.filter(|name| is_name(name)) {
            return Some((name, format!("{name}{sign}1")));
        }
    }
    let (before, after) = text.split_once('=')?;
    let name = before.trim_end_matches(['+', '-', '*', '/', '%']).trim();
    let is_one = is_name(name) && !after.starts_with('=');
    let operator = before.trim_start().get(name.len()..)?.trim();
    is_one.then(|| match operator {
        "" => (name, after.to_owned()),
        operator => (name, format!("{name}{operator}({after})")),
    })
}

/// Returns the expressions of a command of arithmetic: `((i++))`, `let i+=1`.
pub(in crate::import) fn expressions(text: &str) -> Option<Vec<String>> {
    match text.strip_prefix("let ") {
        Some(_) => Some(split(text).into_iter().skip(1).collect()),
        None => inner(text).map(|inner| inner.split(',').map(str::to_owned).collect()),
    }
}

/// Returns what stands in double brackets that are the whole command.
fn inner(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("((")?;
    let (inner, after) = until_closed(inner)?;
    after.trim().is_empty().then_some(inner)
}

/// Returns the text up to the `))` that nothing before it opens, and what follows; not if there is arithmetic in it.
pub(in crate::import) fn until_closed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (place, c) in text.char_indices().take(EXPRESSION) {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' => {
                let after = text.get(place + 1..)?.strip_prefix(')')?;
                let inner = text.get(..place)?;
                return (!inner.contains("$((")).then_some((inner, after));
            }
            _ => {}
        }
    }
    None
}

/// Returns `$((…))` for what the program `expr` computes: `$(expr $i + 1)`.
pub(in crate::import) fn expr(value: &str) -> Option<String> {
    let inner = value
        .strip_prefix("$(expr ")
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| value.strip_prefix("`expr ")?.strip_suffix('`'))?;
    let inner = inner.replace(['\\', '"', '\''], "");
    Some(format!("$(({inner}))"))
}

/// A loop that goes round while an expression is not 0: `while [ $i -le 9 ]`, `for ((i = 0; i < 9; i++))`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::import) struct Rounds {
    /// What is computed before.
    pub(in crate::import) first: Option<String>,
    pub(in crate::import) condition: String,
    /// What is computed behind each round.
    pub(in crate::import) step: Option<String>,
}

impl Rounds {
    pub(in crate::import) fn of(text: &str) -> Option<Self> {
        if let Some(header) = text.strip_prefix("for ") {
            let mut parts = inner(header.trim())?.split(';').map(str::trim);
            let (first, condition, step) = (parts.next()?, parts.next()?, parts.next()?);
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            return Some(Self {
                first: some(first),
                condition: some(condition)?,
                step: some(step),
            });
        }
        let (word, test) = text.split_once(' ')?;
        let condition = compared(test.trim())?;
        Some(Self {
            first: None,
            condition: match word {
                "while" => condition,
                "until" => format!("({condition}) == 0"),
                _ => return None,
            },
            step: None,
        })
    }
}

/// Returns the expression of a test of two numbers, or of a command of arithmetic.
pub(in crate::import) fn compared(test: &str) -> Option<String> {
    if let Some(inner) = inner(test) {
        return Some(inner.to_owned());
    }
    let test = test.replace(['"', '\''], "");
    let words: Vec<_> = test.split_whitespace().collect();
    let (["[", left, operator, right, "]"]
    | ["[[", left, operator, right, "]]"]
    | ["test", left, operator, right]) = words.as_slice()
    else {
        return None;
    };
    let operator = match *operator {
        "-lt" => "<",
        "-le" => "<=",
        "-gt" => ">",
        "-ge" => ">=",
        "-eq" => "==",
        "-ne" => "!=",
        _ => return None,
    };
    Some(format!("{left} {operator} {right}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_the_values_of_the_shell() {
        for (text, expected) in [
            ("1 + 2 * 3", Some(7)),
            ("(1 + 2) * 3 - 1", Some(8)),
            ("10 - 4 - 3", Some(3)),
            ("-7 / 2", Some(-3)),
            ("-7 % 2", Some(-1)),
            ("- (i + 1)", Some(-6)),
            ("i<=5", Some(1)),
            ("1 + 1 == 3", Some(0)),
            ("i", Some(5)),
            ("unset + 1", None),
            ("1 / 0", None),
            ("9223372036854775807 + 1", None),
            ("010 + 1", None),
            ("0x10", None),
            ("2 ** 3", None),
            ("1 << 3", None),
            ("i++ + 1", None),
            ("1 +", None),
            ("", None),
            ("1 2", None),
        ] {
            let mut variable = |name: &str| (name == "i").then_some(5);
            assert_eq!(value(text, &mut variable), expected, "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(value(&deep, &mut |_| None), None);
    }

    #[test]
    fn assignments_name_the_new_value() {
        for (text, expected) in [
            ("i++", Some(("i", "i+1"))),
            ("--i", Some(("i", "i-1"))),
            ("i += 2 + 1", Some(("i", "i+( 2 + 1)"))),
            ("i = j", Some(("i", " j"))),
            ("i == j", None),
            ("i <= j", None),
            ("i", None),
        ] {
            let found = assignment(text);
            let found = found.as_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn loops_that_count_are_known() {
        let condition = |text| Rounds::of(text).map(|rounds| rounds.condition);
        assert_eq!(
            condition("while [ \"$i\" -le 4 ]").as_deref(),
            Some("$i <= 4")
        );
        assert_eq!(
            condition("until test $i -gt 4").as_deref(),
            Some("($i > 4) == 0")
        );
        assert_eq!(
            condition("for ((i=0; i<${#RS[@]}; i++))").as_deref(),
            Some("i<${#RS[@]}")
        );
        for text in ["while true", "while [ -f x ]", "while read x", "for i in 1"] {
            assert_eq!(Rounds::of(text), None, "{text}");
        }
    }
}
