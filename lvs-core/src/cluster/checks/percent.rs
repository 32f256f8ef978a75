//! Percentages: jitter, and the share of its weight that a real server asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;
use crate::ipvs::Weight;

/// Holds a percentage from 0 to 100.
///
/// ```
/// use lvs_core::cluster::checks::Percent;
/// use lvs_core::ipvs::Weight;
/// assert_eq!(Percent::new(50)?.of(Weight::new(5)?), Weight::new(3)?);
/// assert!(Percent::new(101).is_err());
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const FULL: Self = Self(100);

    /// Checks the range.
    ///
    /// # Errors
    /// Refuses more than 100.
    pub fn new(percent: u8) -> Result<Self, InvalidValue> {
        if percent > 100 {
            let text = percent.to_string();
            return Err(InvalidValue::new("percentage", text, "is not in 0..100"));
        }
        Ok(Self(percent))
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the share of a weight, rounded up: only 0 % of a weight is 0.
    #[must_use]
    pub fn of(self, weight: Weight) -> Weight {
        let share = (u64::from(weight.get()) * u64::from(self.0)).div_ceil(100);
        // At most the weight itself, which is a weight.
        u32::try_from(share)
            .ok()
            .and_then(|share| Weight::new(share).ok())
            .unwrap_or(weight)
    }
}

impl Default for Percent {
    fn default() -> Self {
        Self::FULL
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl TryFrom<u8> for Percent {
    type Error = InvalidValue;
    fn try_from(percent: u8) -> Result<Self, InvalidValue> {
        Self::new(percent)
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nothing_of_a_weight_is_nothing() {
        let share = |percent, weight| {
            let percent = Percent::new(percent).unwrap();
            percent.of(Weight::new(weight).unwrap()).get()
        };
        for (percent, weight, expected) in [
            (0, 5, 0),
            (1, 1, 1),
            (50, 5, 3),
            (100, 5, 5),
            (10, 0, 0),
            (100, Weight::MAX.get(), Weight::MAX.get()),
        ] {
            assert_eq!(share(percent, weight), expected, "{percent} % of {weight}");
        }
    }
}
