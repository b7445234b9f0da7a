//! Wrong tokens take time: after a few the answers to one address are held back, one more second
//! each, and when too many are, no token from there is looked at until there is room.
//!
//! Owns how many may be wrong. A right token is never held back; so that nobody can guess through
//! the crowd, one that comes into it is not looked at either. Sessions that are open are not touched.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::counted;

/// Wrong tokens that are answered at once.
const FREE: u32 = 10;
/// How long each further one takes.
const EVERY: Duration = Duration::from_secs(1);
/// The longest that an answer is held back.
const LONGEST: Duration = Duration::from_secs(3);
/// Addresses that are told apart; all others share one.
const MAX_ADDRESSES: usize = 10_000;

/// What came of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged<T> {
    Right(T),
    /// Answered after this time. So many were not looked at since the last that was.
    Wrong {
        hold: Duration,
        unseen: u64,
    },
    /// Not looked at; there is room after this time.
    Unseen(Duration),
}

/// What an address owes.
#[derive(Clone, Copy, Debug)]
struct Debt {
    paid_at: Instant,
    unseen: u64,
}

/// Wrong tokens by the address that they came from.
#[derive(Debug, Default)]
pub(in crate::console) struct Guesses(Mutex<HashMap<IpAddr, Debt>>);

impl Guesses {
    /// Looks at one token, if it may be looked at now.
    pub(super) fn judge<T>(
        &self,
        from: IpAddr,
        now: Instant,
        look: impl FnOnce() -> Option<T>,
    ) -> Judged<T> {
        let mut debts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = place(from, now, &mut debts);
        let debt = debts.get(&from).map_or(Debt { paid_at: now, unseen: 0 }, |debt| *debt);
        let owed = debt.paid_at.saturating_duration_since(now);
        let too_much = (EVERY * FREE + LONGEST).saturating_sub(EVERY);
        if owed > too_much {
            debts.insert(from, Debt { unseen: debt.unseen + 1, ..debt });
            return Judged::Unseen(owed.saturating_sub(too_much));
        }
        if let Some(right) = look() {
            return Judged::Right(right);
        }
        let owed = owed + EVERY;
        debts.insert(from, Debt { paid_at: now + owed, unseen: 0 });
        Judged::Wrong { hold: owed.saturating_sub(EVERY * FREE), unseen: debt.unseen }
    }
}

/// Where the debt of an address stands.
fn place(from: IpAddr, now: Instant, debts: &mut HashMap<IpAddr, Debt>) -> IpAddr {
    let from = counted(from);
    if debts.len() >= MAX_ADDRESSES && !debts.contains_key(&from) {
        debts.retain(|_, debt| debt.paid_at > now);
        if debts.len() >= MAX_ADDRESSES {
            return IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ANN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn wrong(guesses: &Guesses, from: IpAddr, now: Instant) -> Judged<()> {
        guesses.judge(from, now, || None)
    }

    fn held(seconds: u64) -> Judged<()> {
        Judged::Wrong { hold: Duration::from_secs(seconds), unseen: 0 }
    }

    #[test]
    fn wrong_tokens_take_longer_and_longer_and_then_are_not_looked_at() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..FREE {
            assert_eq!(wrong(&guesses, ANN, now), held(0));
        }
        for seconds in 1..=3 {
            assert_eq!(wrong(&guesses, ANN, now), held(seconds));
        }
        // Not even a right one is looked at in the crowd, or one could guess through it.
        for _ in 0..100 {
            let unseen = guesses.judge(ANN, now, || Some(()));
            assert_eq!(unseen, Judged::Unseen(Duration::from_secs(1)));
        }
        assert_eq!(guesses.judge(BOB, now, || Some(())), Judged::Right(()));
        let later = now + EVERY;
        assert_eq!(guesses.judge(ANN, later, || Some(())), Judged::Right(()));
        let next = wrong(&guesses, ANN, later);
        assert_eq!(next, Judged::Wrong { hold: LONGEST, unseen: 100 });
        // An hour of guessing is an hour's worth of guesses, however many ask.
        let (mut looked, mut at) = (0, later);
        for _ in 0..3600 * 4 {
            at += Duration::from_millis(250);
            if let Judged::Wrong { .. } = wrong(&guesses, ANN, at) {
                looked += 1;
            }
        }
        assert_eq!(looked, 3600);
    }

    #[test]
    fn debts_are_forgotten_and_never_too_many() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..13 {
            wrong(&guesses, ANN, now);
        }
        assert_eq!(wrong(&guesses, ANN, now + Duration::from_secs(13)), held(0));
        for number in 0..50_000_u32 {
            wrong(&guesses, IpAddr::V4(Ipv4Addr::from(number)), now);
        }
        let count = guesses.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert!(count <= MAX_ADDRESSES + 1, "{count}");
        // All addresses of a network are one.
        let guesses = Guesses::default();
        for number in 0..13 {
            wrong(&guesses, IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, number)), now);
        }
        let other = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 9, 9, 9, 9));
        assert_eq!(wrong(&guesses, other, now), Judged::Unseen(Duration::from_secs(1)));
    }
}
