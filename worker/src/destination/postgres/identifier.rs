//! The name of a schema, a table or a column.
//!
//! It takes names of letters, digits, `_` and `$` alone and quotes them all the same: the keys of a row come
//! from templates, which may take them from events.

use std::fmt;

/// PostgreSQL cuts what is longer, and finds another column then.
const MAX_BYTES: usize = 63;

/// A name. Its Display is the quoted form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifier(String);

impl Identifier {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let is_next = |byte: u8| is_first(byte) || byte.is_ascii_digit() || byte == b'$';
        let is_name = text.len() <= MAX_BYTES
            && text.bytes().next().is_some_and(is_first)
            && text.bytes().all(is_next);
        is_name.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_name_is_quoted_and_keeps_its_case() {
        for name in ["id", "_id", "Deal_Name2", "a$b", "select", &"a".repeat(63)] {
            assert_eq!(Identifier::parse(name).unwrap().to_string(), format!("\"{name}\""));
        }
    }

    #[test]
    fn what_could_break_out_of_quotes_or_would_be_cut_is_no_name() {
        for odd in
            ["", "1a", "$a", "a b", "a.b", "a\"", "\"a\"", "a\0", "a;--", "é", &"a".repeat(64)]
        {
            assert_eq!(Identifier::parse(odd), None, "{odd:?}");
        }
    }
}
