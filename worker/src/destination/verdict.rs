//! What a destination's answer means for the event that it was sent.
//!
//! Owns the table by status. Refuses to act on it, and to judge a request that got no answer.

use std::time::Duration;

/// How long a destination that answers 429 is left alone, if it does not say.
const UNSAID: Duration = Duration::from_secs(30);

/// An answer, as far as it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// From `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the forward proxy answered instead, such as with a 407: nobody knows what the destination
    /// would have said.
    pub(crate) from_proxy: bool,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The destination has the event.
    Done,
    /// It may pass; no sooner than this, if the answer says so.
    Transient { retry_after: Option<Duration> },
    /// The destination wants no requests for so long. That is no failure: no attempt is spent.
    Held { wait: Duration },
    /// It will not pass.
    Permanent,
    /// The destination wants nothing any more: it is paused.
    Gone,
}

/// Failures that mean to one destination what they mean to no other. A success is one, whatever they say,
/// and what is in both may pass: to try again loses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Statuses that may pass.
    pub(crate) transient: Vec<u16>,
    /// Statuses that will not.
    pub(crate) permanent: Vec<u16>,
}

impl Answer {
    /// Whether it says that the destination is down, or that there is no way to it.
    pub(crate) fn is_down(self) -> bool {
        self.from_proxy || self.status >= 500
    }

    /// The table.
    pub(crate) fn meaning(self, overrides: &Overrides) -> Meaning {
        let transient = Meaning::Transient { retry_after: self.retry_after };
        if self.from_proxy {
            return transient;
        }
        match self.status {
            200..300 => Meaning::Done,
            status if overrides.transient.contains(&status) => transient,
            status if overrides.permanent.contains(&status) => Meaning::Permanent,
            410 => Meaning::Gone,
            429 => Meaning::Held { wait: self.retry_after.unwrap_or(UNSAID) },
            408 | 425 | 500.. => transient,
            // Redirects too: they are not followed, since the signature is for this address.
            _ => Meaning::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_secs(7));

    fn answer(status: u16, retry_after: Option<Duration>) -> Answer {
        Answer { status, retry_after, from_proxy: false }
    }

    fn meaning(status: u16, retry_after: Option<Duration>) -> Meaning {
        answer(status, retry_after).meaning(&Overrides::default())
    }

    #[test]
    fn only_2xx_is_success() {
        for status in 100..=999 {
            let is_done = meaning(status, None) == Meaning::Done;
            assert_eq!(is_done, (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn redirects_and_most_refusals_will_not_pass() {
        for status in [101, 301, 302, 304, 307, 308, 400, 401, 403, 404, 407, 409, 413, 422, 451] {
            assert_eq!(meaning(status, WAIT), Meaning::Permanent, "{status}");
        }
    }

    #[test]
    fn what_may_pass_does_so_no_sooner_than_is_asked() {
        for status in [408, 425, 500, 501, 502, 503, 504, 526, 599, 600] {
            for retry_after in [None, WAIT] {
                let expected = Meaning::Transient { retry_after };
                assert_eq!(meaning(status, retry_after), expected, "{status}");
            }
        }
    }

    #[test]
    fn who_has_enough_is_left_alone_for_as_long_as_it_says() {
        assert_eq!(meaning(429, WAIT), Meaning::Held { wait: Duration::from_secs(7) });
        assert_eq!(meaning(429, None), Meaning::Held { wait: Duration::from_secs(30) });
    }

    #[test]
    fn who_is_gone_is_paused() {
        assert_eq!(meaning(410, WAIT), Meaning::Gone);
    }

    #[test]
    fn the_proxys_word_is_not_the_destinations() {
        let overrides = Overrides { transient: vec![], permanent: vec![407, 503] };
        for status in [200, 302, 403, 407, 410, 429, 502, 503] {
            let answer = Answer { from_proxy: true, ..answer(status, WAIT) };
            let expected = Meaning::Transient { retry_after: WAIT };
            assert_eq!(answer.meaning(&overrides), expected, "{status}");
        }
    }

    #[test]
    fn overrides_come_before_the_table_and_after_success() {
        let overrides = Overrides {
            transient: vec![204, 302, 404, 409, 410],
            permanent: vec![200, 409, 429, 503],
        };
        for (status, expected) in [
            (200, Meaning::Done),
            (204, Meaning::Done),
            (302, Meaning::Transient { retry_after: WAIT }),
            (404, Meaning::Transient { retry_after: WAIT }),
            (409, Meaning::Transient { retry_after: WAIT }),
            (410, Meaning::Transient { retry_after: WAIT }),
            (429, Meaning::Permanent),
            (503, Meaning::Permanent),
            (400, Meaning::Permanent),
            (500, Meaning::Transient { retry_after: WAIT }),
        ] {
            assert_eq!(answer(status, WAIT).meaning(&overrides), expected, "{status}");
        }
    }
}
