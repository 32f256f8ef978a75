//! `~SEQ(var, start, step, end) line` and `~LST(var, a, b, c) line`: one line for each value.

/// The variables of a sequence with their values, one line's after the other.
pub(super) type Values = Vec<Vec<(String, String)>>;

/// Splits off the text between the parentheses, from what comes before and behind it.
pub(super) fn split(line: &str) -> Result<(&str, &str, &str), String> {
    let (head, rest) = line
        .split_once('(')
        .ok_or_else(|| format!("{line:?} is not a sequence"))?;
    let (arguments, rest) = rest
        .split_once(')')
        .ok_or("the sequence has no closing parenthesis")?;
    Ok((head.trim(), arguments, rest.trim()))
}

pub(super) fn values(head: &str, text: &str, most: usize) -> Result<Values, String> {
    let arguments = arguments(text);
    match head {
        "~SEQ" => numbers(&arguments, false, most),
        "~SEQx" => numbers(&arguments, true, most),
        "~LST" => list(&arguments),
        _ => Err(format!("{head:?} is not ~SEQ, ~SEQx or ~LST")),
    }
}

/// Splits at commas outside braces.
fn arguments(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|part| part.trim().to_owned()).collect()
}

/// start, step, end; start, end; or end alone, from 1.
fn numbers(arguments: &[String], hexadecimal: bool, most: usize) -> Result<Values, String> {
    let Some((name, numbers)) = arguments.split_first() else {
        return Err("the sequence has no variable".to_owned());
    };
    let numbers: Vec<i64> = numbers
        .iter()
        .map(|text| number(text).ok_or_else(|| format!("{text:?} is not a number")))
        .collect::<Result<_, _>>()?;
    let (start, step, end) = match *numbers.as_slice() {
        [end] => (1, 1, end),
        [start, end] => (start, if start <= end { 1 } else { -1 }, end),
        [start, step, end] => (start, step, end),
        _ => return Err("a sequence has a variable and one to three numbers".to_owned()),
    };
    if step == 0 || (end - start).signum() == -step.signum() {
        return Err(format!(
            "a sequence from {start} by {step} never reaches {end}"
        ));
    }
    let count = (end - start) / step + 1;
    if !(1..=most as i64).contains(&count) {
        return Err(format!("a sequence of {count} values is more than {most}"));
    }
    let values = (0..count).map(|index| {
        let value = start + index * step;
        let text = match hexadecimal {
            true => format!("{value:x}"),
            false => value.to_string(),
        };
        vec![(name.clone(), text)]
    });
    Ok(values.collect())
}

/// Reads a number of at most 32 bits, so that sums of them fit.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    number.map(|number| sign * i64::from(number))
}

/// Reads one variable with values, or `{a,b}` with values `{1,2}`.
fn list(arguments: &[String]) -> Result<Values, String> {
    let Some((names, values)) = arguments.split_first() else {
        return Err("the list has no variable".to_owned());
    };
    let split = |text: &str| -> Vec<String> {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        inner.map_or_else(
            || vec![text.to_owned()],
            |inner| {
                inner
                    .split(',')
                    .map(|part| part.trim().to_owned())
                    .collect()
            },
        )
    };
    let names = split(names);
    let values = values.iter().map(|value| {
        let values = split(value);
        match values.len() == names.len() {
            true => Ok(names.iter().cloned().zip(values).collect()),
            false => Err(format!("{value:?} has not {} values", names.len())),
        }
    });
    values.collect()
}
