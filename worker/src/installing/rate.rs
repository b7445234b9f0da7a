//! How many codes are tried, by each client and in all: whoever makes them up must not spend what HubSpot takes
//! from us, nor what others have room for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::counted;

/// Codes of one client in a window. All who come by a proxy that is not trusted are one.
const EACH: u32 = 60;
/// Codes of all in a window.
const ALL: u32 = 300;
const WINDOW: Duration = Duration::from_secs(60);

/// The window that is now.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Option<Window>>);

/// How many there were in it. No more clients are remembered than there is room for codes.
#[derive(Debug)]
struct Window {
    begun: Instant,
    all: u32,
    each: HashMap<IpAddr, u32>,
}

impl Rate {
    /// Whether there is room for one more of this client.
    pub(super) fn admits(&self, client: IpAddr, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match &mut *window {
            Some(window) if now.duration_since(window.begun) < WINDOW => window,
            over => over.insert(Window { begun: now, all: 0, each: HashMap::new() }),
        };
        let client = counted(client);
        let own = window.each.get(&client).copied().unwrap_or_default();
        let is_room = own < EACH && window.all < ALL;
        if is_room {
            window.all += 1;
            window.each.insert(client, own + 1);
        }
        is_room
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn one_client_leaves_room_for_others() {
        let (rate, now) = (Rate::default(), Instant::now());
        let admitted = |client, now| (0..1000).filter(|_| rate.admits(client, now)).count();
        assert_eq!(admitted(client(1), now), 60);
        assert!(!rate.admits(client(1), now + WINDOW / 2));
        assert!(rate.admits(client(2), now + WINDOW / 2));
        assert!(rate.admits(client(1), now + WINDOW));
        let host = |host| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, host));
        assert_eq!(admitted(host(1), now + WINDOW), 60);
        assert_eq!(admitted(host(2), now + WINDOW), 0, "the same network");
    }

    #[test]
    fn there_is_room_for_so_many_of_all_and_no_more_are_remembered() {
        let (rate, now) = (Rate::default(), Instant::now());
        let admitted = (0..50_000).filter(|number| rate.admits(client(*number), now)).count();
        assert_eq!(admitted, 300);
        let window = rate.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(window.as_ref().map(|window| window.each.len()), Some(300));
    }
}
