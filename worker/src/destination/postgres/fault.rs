//! What a database's refusal means for the event whose row it was.
//!
//! Owns the table by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html), and what of a refusal is
//! told: never detail and hint, which repeat the row, and nothing that stands in quotes where they would be
//! a value.

use std::time::Duration;

use crate::destination::Meaning;

/// A state has five digits and capitals; what is none has this, PostgreSQL's own for what is unclear.
const UNCLEAR: &str = "XX000";

/// Whom it does not let in asks again after this.
const SHUT: Duration = Duration::from_secs(15 * 60);
/// Data that does not fit: its message quotes it.
const DATA: &str = "22";

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlFault {
    state: String,
    /// What the database says, on one line, without values.
    pub(crate) said: String,
}

impl SqlFault {
    pub(crate) fn of(state: &str, said: &str) -> Self {
        let is_sign = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        let is_state = state.len() == 5 && state.bytes().all(is_sign);
        let state = if is_state { state } else { UNCLEAR }.to_owned();
        let said = if state.starts_with(DATA) { unquoted(said) } else { said.to_owned() };
        Self { state, said }
    }

    /// `SQL_42703`.
    pub(crate) fn code(&self) -> String {
        format!("SQL_{}", self.state)
    }

    /// The table.
    pub(crate) fn meaning(&self) -> Meaning {
        match self.class() {
            // Whom it does not let in, and what is not there as a whole: no row gets in before that changes.
            // Its owner mends that there, and nobody here is told.
            "28" | "3D" => Meaning::Held { wait: SHUT },
            // Two that met each other; a lock; a server that only reads, since another is the first one now.
            "25" | "40" | "55" => Meaning::Transient { retry_after: None },
            _ if self.is_down() => Meaning::Transient { retry_after: None },
            // Data, constraints, names, rights, triggers, and whatever is not known.
            _ => Meaning::Permanent,
        }
    }

    /// Whether it says that the database is down, or has no room for anybody: the connection, resources, an
    /// operator or a time limit, the system, a fault within.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.class(), "08" | "53" | "57" | "58" | "XX")
    }

    fn class(&self) -> &str {
        self.state.get(..2).unwrap_or_default()
    }
}

/// `invalid input syntax for type integer: "…"`.
fn unquoted(said: &str) -> String {
    let (first, last) = (said.find('"'), said.rfind('"'));
    match (first, last) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"…\"{}", &said[..first], &said[last + 1..])
        }
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(state: &str) -> (Meaning, bool) {
        let fault = SqlFault::of(state, "");
        (fault.meaning(), fault.is_down())
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for state in
            ["08006", "08P01", "53300", "53100", "57014", "57P01", "57P03", "58030", "XX000"]
        {
            assert_eq!(meaning(state), (Meaning::Transient { retry_after: None }, true), "{state}");
        }
        for state in ["25006", "40001", "40P01", "55P03", "55006"] {
            let expected = (Meaning::Transient { retry_after: None }, false);
            assert_eq!(meaning(state), expected, "{state}");
        }
    }

    #[test]
    fn what_only_its_owner_can_mend_holds_the_destination_or_is_given_up() {
        for state in ["28000", "28P01", "3D000"] {
            assert_eq!(meaning(state), (Meaning::Held { wait: SHUT }, false), "{state}");
        }
        for state in [
            "0A000", "22003", "22P02", "22P05", "23502", "23505", "23514", "3F000", "42501",
            "42703", "42P01", "42P10", "42804", "428C9", "44000", "54000", "P0001", "99999",
        ] {
            assert_eq!(meaning(state), (Meaning::Permanent, false), "{state}");
        }
    }

    #[test]
    fn a_code_is_a_state_and_nothing_else() {
        assert_eq!(SqlFault::of("42703", "").code(), "SQL_42703");
        for odd in ["", "4270", "427033", "42\n03", "42é3", "abcde"] {
            assert_eq!(SqlFault::of(odd, "").code(), "SQL_XX000", "{odd}");
        }
    }

    #[test]
    fn no_value_is_told() {
        for (state, said, told) in [
            (
                "22P02",
                "invalid input syntax for type integer: \"Jane \"X\" Doe\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            (
                "22003",
                "value \"99\" is out of range for type smallint",
                "value \"…\" is out of range for type smallint",
            ),
            ("22001", "value too long for type", "value too long for type"),
            ("42703", "column \"nope\" does not exist", "column \"nope\" does not exist"),
        ] {
            assert_eq!(SqlFault::of(state, said).said, told);
        }
    }
}
