//! Texts with limits.

use crate::error::InvalidValue;

/// Declares a text that `$check` examines: `None` if it is right, otherwise what is wrong with it.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks length and characters.
            ///
            /// # Errors
            /// Refuses what the type's description excludes.
            pub fn new(text: impl Into<String>) -> Result<Self, $crate::error::InvalidValue> {
                let text = text.into();
                let check: fn(&str) -> Option<&'static str> = $check;
                match check(&text) {
                    Some(problem) => {
                        Err($crate::error::InvalidValue::new($what, text, problem))
                    }
                    None => Ok(Self(text)),
                }
            }
        }

        $crate::text::name_as_text!($name);
    };
}

pub(super) use checked_text;

/// Returns whether a text is empty, longer than `most` bytes, or has a character other than a visible ASCII one.
pub(super) fn visible(text: &str, most: usize) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > most {
        Some("is too long")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has a blank, a control character or a character beyond ASCII")
    } else {
        None
    }
}

/// Whether a text is a domain name: labels of at most 63 letters, digits, hyphens and underscores, and at most
/// 253 characters in all.
pub(super) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

checked_text! {
    /// Holds a text that an answer must contain: 1 to 255 bytes.
    Needle, "expected content", |text| match text.len() {
        0 => Some("is empty"),
        1..=255 => None,
        _ => Some("is longer than 255 bytes"),
    }
}

impl Needle {
    /// Returns whether bytes contain the text.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        bytes
            .windows(self.0.len())
            .any(|window| window == self.0.as_bytes())
    }
}

/// Refuses a value as a whole.
pub(super) fn refused(
    what: &'static str,
    value: impl Into<String>,
    problem: impl Into<String>,
) -> InvalidValue {
    InvalidValue::new(what, value, problem)
}
