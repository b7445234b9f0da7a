//! How much an entry's abandoned runs say against its event: runs that were claimed and never ended, for
//! their worker died.
//!
//! What the ledger counts is one number: a run that died adds one. A run that was put off ended while its
//! worker lived on, and says nothing against its event. So an accused one is a suspect again then:
//! it need not come back alone before another run has died. But what kills its workers late in its run may
//! be put off before, each time. So that is done twice at the most and remembered, as hundreds of
//! the same number: 3, put off, is 102. Whatever comes between, six deaths convict.
//!
//! Why it is these steps is told in docs/architecture.md, under Claims.

/// What is held of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suspicion {
    /// Nothing: a worker that is killed takes all its runs along.
    None,
    /// It may be what kills its workers: it runs beside others, but beside no other suspect.
    Suspect,
    /// It is most likely that: one more run shows it, with nothing beside it that could be to blame.
    Accused,
    /// It is what kills its workers.
    Convicted,
}

impl Suspicion {
    pub(crate) fn of(abandoned: u32) -> Self {
        match abandoned % SPARED {
            _ if abandoned / SPARED > SPARED_AT_MOST => Self::Convicted,
            0..SUSPECT_FROM => Self::None,
            SUSPECT_FROM..ACCUSED_FROM => Self::Suspect,
            ACCUSED_FROM..MAX_ABANDONED => Self::Accused,
            MAX_ABANDONED.. => Self::Convicted,
        }
    }

    /// The counts with which an event may not run as if it were no more than this. Who is convicted does
    /// not run, and needs no turn.
    pub(crate) fn apart(self) -> &'static [u32] {
        match self {
            Self::None => &[2, 3, 102, 103, 202, 203],
            Self::Suspect => &[3, 103, 203],
            Self::Accused | Self::Convicted => &[],
        }
    }

    /// What is counted once a run that began with `abandoned` was put off.
    pub(crate) fn once_put_off(abandoned: u32) -> u32 {
        if Self::of(abandoned) == Self::Accused && abandoned / SPARED < SPARED_AT_MOST {
            abandoned - ACCUSED_FROM + SUSPECT_FROM + SPARED
        } else {
            abandoned
        }
    }
}

/// Not after the first: hundreds have one, and to go on with these one by one would take hours.
const SUSPECT_FROM: u32 = 2;

/// A suspect can die with a run beside it that had no abandoned run yet. That happens to one suspect in
/// each death of a worker, and so few are ever accused.
const ACCUSED_FROM: u32 = 3;

/// Abandoned runs after which an event is held to be what kills its workers.
pub(super) const MAX_ABANDONED: u32 = 4;

/// Counts each time that an accused event became a suspect again.
const SPARED: u32 = 100;

/// Each time may cost one more worker.
const SPARED_AT_MOST: u32 = 2;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A run of what is not convicted ends in its worker's death, or is put off.
    #[test]
    fn whatever_it_is_put_off_between_an_event_that_kills_its_workers_has_six_runs_that_do() {
        let mut counts = BTreeSet::from([0]);
        for deaths in 1..=7 {
            // Put off before, or not.
            let put_off = counts.iter().map(|count| Suspicion::once_put_off(*count));
            let runs: BTreeSet<u32> = put_off.chain(counts.iter().copied()).collect();
            for count in &runs {
                let twice = Suspicion::once_put_off(Suspicion::once_put_off(*count));
                assert_eq!(twice, Suspicion::once_put_off(*count), "no death between: {count}");
                assert!(Suspicion::of(twice) <= Suspicion::of(*count), "{count}");
                assert!(deaths > 3 || twice == *count, "{count}");
            }
            let is_alone = |count: &u32| Suspicion::of(*count) == Suspicion::Accused;
            let convicted = |count: &u32| Suspicion::of(*count) == Suspicion::Convicted;
            for count in runs.iter().filter(|count| convicted(&(**count + 1))) {
                assert!(is_alone(count), "{count} had others beside it");
            }
            counts = runs.into_iter().map(|count| count + 1).filter(|it| !convicted(it)).collect();
            assert_eq!(counts.is_empty(), deaths >= 6, "{deaths} deaths: {counts:?}");
        }
    }

    #[test]
    fn who_was_accused_and_put_off_does_not_come_back_alone_before_another_death() {
        for accused in [3, 103] {
            assert_eq!(Suspicion::of(accused), Suspicion::Accused);
            let spared = Suspicion::once_put_off(accused);
            assert_eq!(Suspicion::of(spared), Suspicion::Suspect);
            assert_eq!(Suspicion::of(spared + 1), Suspicion::Accused);
        }
        assert_eq!(Suspicion::once_put_off(203), 203);
    }

    #[test]
    fn a_turn_is_good_for_what_is_held_against_an_event_or_less_and_for_the_end() {
        let turns = [Suspicion::None, Suspicion::Suspect, Suspicion::Accused];
        for turn in turns {
            let needs_another = |count: &u32| {
                turns.contains(&Suspicion::of(*count)) && Suspicion::of(*count) > turn
            };
            let counts: Vec<u32> = (0..1_000).filter(needs_another).collect();
            assert_eq!(turn.apart(), counts, "{turn:?}");
        }
    }
}
