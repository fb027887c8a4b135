//! The reference by which everybody names an incident: `IMP-42`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An incident's own reference, known at once and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(pub u64);

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IMP-{}", self.0)
    }
}

impl Ref {
    /// What is owed for no incident in particular is owed by the house itself: the numbers, told elsewhere. No incident
    /// has this number.
    pub const HOUSE: Ref = Ref(0);

    /// Reads `IMP-42` in any case, with spaces around it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Ref> {
        let t = text.trim();
        let digits = t.get(..4).filter(|p| p.eq_ignore_ascii_case("imp-")).map(|_| &t[4..])?;
        if digits.is_empty()
            || digits.len() > 15
            || digits.starts_with('0')
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        digits.parse().ok().map(Ref)
    }

    /// The mark that vendors can hold and find: `imp-42`.
    pub fn label(self) -> String {
        format!("imp-{}", self.0)
    }
}

impl Serialize for Ref {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        Ref::parse(&s).ok_or_else(|| serde::de::Error::custom(format!("{s:?} is not a reference such as IMP-42")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_in_any_case_and_nothing_else_is() {
        assert_eq!(Ref::parse(" imp-42 "), Some(Ref(42)));
        for bad in [
            "IMP-",
            "IMP-0",
            "IMP-007",
            "IMP-4x",
            "INC-4",
            "42",
            "",
            "é-42",
            "IMP-9999999999999999999",
        ] {
            assert_eq!(Ref::parse(bad), None, "{bad}");
        }
    }
}
