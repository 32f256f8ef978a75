//! Macros for values that have a text form.

/// Adds the conversions with which serde writes and reads a type with `Display` and `FromStr` as a string;
/// the type also needs `#[serde(try_from = "String", into = "String")]`.
macro_rules! serde_as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = $crate::error::InvalidValue;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// Adds `as_str`, `Display` and `FromStr` to a type that holds text and whose `new` checks it.
macro_rules! name_text {
    ($type:ident) => {
        impl $type {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::InvalidValue;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::new(name)
            }
        }
    };
}

/// Adds what [`name_text`] adds, and the conversions of [`serde_as_text`].
macro_rules! name_as_text {
    ($type:ident) => {
        $crate::text::name_text!($type);
        $crate::text::serde_as_text!($type);
    };
}

pub(crate) use {name_as_text, name_text, serde_as_text};
