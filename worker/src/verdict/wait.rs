//! How long a message is to wait, as a verdict says it.

use std::time::Duration;

use shared::retry::jittered;

/// The longer of two waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The schedule's, which may be a little shorter each time.
    pub(crate) delay: Duration,
    /// What was asked for, which may not.
    pub(crate) at_least: Duration,
}

impl Wait {
    /// The wait of one message: those that failed together do not come back together.
    pub(crate) fn spread(self) -> Duration {
        jittered(self.delay).max(self.at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_neither_shortened_nor_rounded_to_a_delay() {
        let delay = Duration::from_secs(25);
        for seconds in [25, 26, 90, 86_400 * 400] {
            let at_least = Duration::from_secs(seconds);
            assert_eq!(Wait { delay, at_least }.spread(), at_least);
        }
        for seconds in [0, 22, 24] {
            let at_least = Duration::from_secs(seconds);
            let spread = Wait { delay, at_least }.spread();
            assert!(spread >= at_least.max(delay.mul_f64(0.9)) && spread <= delay, "{spread:?}");
        }
    }
}
