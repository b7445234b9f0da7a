//! How much an entry's abandoned runs say against its event: runs that were claimed and never ended, for
//! their worker died.
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
        match abandoned {
            0..SUSPECT_FROM => Self::None,
            SUSPECT_FROM..ACCUSED_FROM => Self::Suspect,
            ACCUSED_FROM..MAX_ABANDONED => Self::Accused,
            MAX_ABANDONED.. => Self::Convicted,
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
