//! The names of a cluster and of its nodes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::change::Reason;
use crate::error::InvalidValue;

/// Declares a name of limited length and characters; two types, so that a cluster's name cannot be used as
/// a node's. Clones share the text: each of a million destinations has the name of its real server.
macro_rules! given_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:expr, $problem:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates a name after checking its length and characters.
            ///
            /// # Errors
            /// The name is empty or too long, or has a character that is not allowed.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
                let name = name.into();
                if name.is_empty() || name.len() > $max || !name.chars().all($allowed) {
                    return Err(InvalidValue::new($what, name, $problem));
                }
                Ok(Self(name.into()))
            }
        }

        crate::text::name_as_text!($name);

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }
    };
}

given_name! {
    /// Holds the name of a cluster: 1 to 32 lower-case letters, digits and hyphens.
    ClusterName, "cluster name", 32,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    "is not 1 to 32 of a-z, 0-9 and -"
}

given_name! {
    /// Holds the name of a node, by custom its host name: 1 to 64 letters, digits, dots, hyphens and
    /// underscores.
    NodeName, "node name", 64,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'),
    "is not 1 to 64 letters, digits, dots, hyphens and underscores"
}

impl ClusterName {
    /// Returns a name in place of a wrong one, so that the other mistakes of a file are found.
    pub(in crate::cluster) fn placeholder() -> Self {
        Self(String::new().into())
    }
}

impl From<&NodeName> for Reason {
    fn from(name: &NodeName) -> Self {
        Arc::clone(&name.0).into()
    }
}

impl NodeName {
    /// Returns a name in place of a wrong one, so that the other mistakes of a file are found.
    pub(in crate::cluster) fn placeholder(entry: impl fmt::Display) -> Self {
        Self(format!("({entry})").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_limited() {
        assert!(ClusterName::new("web-1").is_ok());
        for bad in ["", "Web", "a b", "w\u{e9}b", &"a".repeat(33)] {
            assert!(ClusterName::new(bad).is_err(), "{bad:?}");
        }
        assert!(NodeName::new("lb1.example.org").is_ok());
        assert!(NodeName::new("a/b").is_err());
    }
}
