//! Durations on the command line.

use std::time::Duration;

/// Parses a whole number and its unit: `60s`, `5m`, `1h`, `0s`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    [('s', 1), ('m', 60), ('h', 3600)]
        .iter()
        .find_map(|(unit, seconds)| {
            let number: u32 = text.strip_suffix(*unit)?.parse().ok()?;
            Some(Duration::from_secs(u64::from(number) * seconds))
        })
        .ok_or_else(|| "expected a duration such as 60s, 5m or 1h".to_owned())
}

/// Parses the time between two repetitions, at least a second.
pub(crate) fn pause(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("expected 1s or more".to_owned()),
        time => Ok(time),
    }
}

/// Parses a number of seconds with or without a unit.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "s", "60", "-1s", "1.5m", "5 m", "9999999999s"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(pause("0s").is_err());
    }
}
