//! The kinds of findings: what is the same for every finding of a kind.

use super::area::Area;
use super::code::Code;
use super::severity::Severity;

/// Describes a kind of finding.
#[derive(Debug)]
pub(super) struct FindingKind {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) area: Area,
    pub(super) title: &'static str,
    pub(super) impact: &'static str,
    pub(super) explanation: &'static str,
}

/// Declares the kinds of findings that a rule reports, each with the constant of its [`Code`].
///
/// Title and impact have no full stop, the explanation is a paragraph.
macro_rules! kinds {
    ($($name:ident = $code:literal, $severity:ident, $area:ident,
        title: $title:literal,
        impact: $impact:literal,
        explanation: $explanation:literal;)*) => {
        impl $crate::check::code::Code {
            $(#[doc = concat!($title, ".")] pub const $name: Self = Self($code);)*
        }

        $(pub(in crate::check) const $name: $crate::check::kind::FindingKind =
            $crate::check::kind::FindingKind {
                code: $crate::check::code::Code($code),
                severity: $crate::check::severity::Severity::$severity,
                area: $crate::check::area::Area::$area,
                title: $title,
                impact: $impact,
                explanation: $explanation,
            };)*
    };
}

pub(super) use kinds;
