//! Whether a portal's refusal is believed. Where most portals are refused at once it is HubSpot that is out of
//! order, or who stands before it: only few of them end then, and somebody has to look.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::origin::Origin;

/// What HubSpot has answered within this time counts.
pub(super) const WINDOW: Duration = Duration::from_mins(10);
/// So many portals may end within it, whatever the others are told.
pub(super) const FEW: i64 = 5;
/// Whether most are refused, so many tell that were asked for last: those before them may have been asked for
/// while all was well.
const LATEST: usize = 10;

/// What HubSpot has answered to this process of each portal.
#[derive(Debug, Default)]
pub(super) struct Doubt(Mutex<HashMap<Origin, (Instant, Answer)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    Refused,
    /// It was not believed.
    Doubted,
}

impl Doubt {
    /// A portal's token was taken.
    pub(super) fn taken(&self, origin: &Origin, now: Instant) {
        self.lock().insert(origin.clone(), (now, Answer::Taken));
    }

    /// One was refused; whether most of those were that were asked for last.
    pub(super) fn refused(&self, origin: &Origin, now: Instant) -> bool {
        let mut answers = self.lock();
        recent(&mut answers, now);
        answers.insert(origin.clone(), (now, Answer::Refused));
        let mut latest: Vec<_> = answers.values().collect();
        latest.sort_unstable_by_key(|(at, _)| Reverse(*at));
        latest.truncate(LATEST);
        let taken = latest.iter().filter(|(_, answer)| *answer == Answer::Taken).count();
        latest.len() - taken > taken
    }

    /// The last refusal of this portal is not believed.
    pub(super) fn doubted(&self, origin: &Origin, now: Instant) {
        self.lock().insert(origin.clone(), (now, Answer::Doubted));
    }

    /// Of how many portals that is so.
    pub(super) fn count(&self, now: Instant) -> usize {
        let mut answers = self.lock();
        recent(&mut answers, now);
        answers.values().filter(|(_, answer)| *answer == Answer::Doubted).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, (Instant, Answer)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what is too long ago: there are no more than the portals that have the app.
fn recent(answers: &mut HashMap<Origin, (Instant, Answer)>, now: Instant) {
    answers.retain(|_, (at, _)| now.duration_since(*at) < WINDOW);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_are_refused_or_not_as_of_the_last_minutes() {
        let (doubt, now) = (Doubt::default(), Instant::now());
        let portal = Origin::hubspot;
        assert!(doubt.refused(&portal(1), now), "the only one");
        doubt.taken(&portal(2), now);
        doubt.taken(&portal(3), now);
        assert!(!doubt.refused(&portal(1), now), "each counts once");
        assert!(!doubt.refused(&portal(4), now), "half of them");
        assert!(doubt.refused(&portal(2), now));
        doubt.doubted(&portal(4), now);
        assert_eq!(doubt.count(now), 1);
        assert_eq!(doubt.count(now + WINDOW), 0);
        for number in 10..20 {
            doubt.taken(&portal(number), now + WINDOW);
        }
        assert!(!doubt.refused(&portal(1), now + WINDOW), "what is over does not count");
    }

    /// However many were taken before.
    #[test]
    fn the_last_few_tell_whether_most_are_refused() {
        let (doubt, now) = (Doubt::default(), Instant::now());
        for number in 0..400 {
            doubt.taken(&Origin::hubspot(number), now + Duration::from_secs(number));
        }
        let refused = |number: u64| {
            doubt.refused(&Origin::hubspot(number), now + Duration::from_secs(400 + number))
        };
        let told: Vec<bool> = (0..10).map(refused).collect();
        assert_eq!(told, [[false; 5], [true; 5]].concat());
    }
}
