//! The state that an install begins with and has to come back with: sealed, short-lived, good for once, and for
//! the browser alone that has the cookie.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::sealed::Keys;

/// How long a person may take to consent.
pub(super) const LASTS_S: i64 = 15 * 60;
/// States that are remembered as used. Codes are tried at a bounded rate, so there cannot be as many.
const MANY: usize = 10_000;
/// The longest that is looked at, in bytes.
const LONGEST: usize = 512;

/// Those that were used, by their browsers' secrets, and until when they would be good.
#[derive(Debug, Default)]
pub(super) struct States(Mutex<HashMap<String, i64>>);

/// A state, and the browser's secret that it is bound to.
pub(super) struct Begun {
    pub(super) state: String,
    pub(super) cookie: String,
}

/// A state that is good, until it is used up.
pub(super) struct Began {
    cookie: String,
    until_ms: i64,
}

impl States {
    /// Begins one.
    pub(super) fn begin(keys: &Keys, now_ms: i64) -> anyhow::Result<Begun> {
        let cookie = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let until_ms = now_ms + LASTS_S * 1000;
        let sealed = keys.seal(&what(&cookie), &SecretString::from(until_ms.to_string()))?;
        Ok(Begun { state: URL_SAFE_NO_PAD.encode(sealed), cookie })
    }

    /// The browser with one of these `cookies` that began with this state, not too long ago. Opening compares in
    /// constant time.
    pub(super) fn began<'a>(
        &self,
        keys: &Keys,
        state: &str,
        cookies: impl Iterator<Item = &'a str>,
        now_ms: i64,
    ) -> Option<Began> {
        if state.len() > LONGEST {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(state).ok()?;
        // More would be nobody's browser.
        for cookie in cookies.take(3).filter(|cookie| cookie.len() <= LONGEST) {
            let Ok(until) = keys.open(&what(cookie), &sealed) else { continue };
            let until_ms = until.expose_secret().parse().unwrap_or(i64::MIN);
            let began = Began { cookie: cookie.to_owned(), until_ms };
            return (now_ms < until_ms && !self.lock().contains_key(cookie)).then_some(began);
        }
        None
    }

    /// Uses it up; false if somebody else just has.
    pub(super) fn use_up(&self, began: &Began, now_ms: i64) -> bool {
        let mut used = self.lock();
        if used.len() >= MANY {
            used.retain(|_, until_ms| now_ms < *until_ms);
        }
        if used.len() >= MANY {
            tracing::error!(
                "too many installs at once: no more are taken for a quarter of an hour"
            );
            return false;
        }
        used.insert(began.cookie.clone(), began.until_ms).is_none()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn what(cookie: &str) -> String {
    format!("state of an install begun by {cookie}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn keys() -> Keys {
        let text = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        Keys::parse(&SecretString::from(text.to_owned())).unwrap()
    }

    #[test]
    fn a_state_is_good_once_and_for_the_browser_that_began() {
        let (keys, states) = (keys(), States::default());
        let (one, other) = (States::begin(&keys, 0).unwrap(), States::begin(&keys, 0).unwrap());
        let take = |state: &str, cookies: &[&str], now_ms| {
            let began = states.began(&keys, state, cookies.iter().copied(), now_ms);
            began.is_some_and(|began| states.use_up(&began, now_ms))
        };
        assert!(!take(&one.state, &[], 1), "no cookie");
        assert!(!take(&one.state, &[&other.cookie], 1), "another browser's");
        assert!(!take("", &[&one.cookie], 1));
        assert!(!take("nonsense!", &[&one.cookie], 1));
        assert!(!take(&one.state, &[&one.cookie], LASTS_S * 1000), "too late");
        assert!(take(&one.state, &[&other.cookie, &one.cookie], 1));
        assert!(!take(&one.state, &[&one.cookie], 2), "replayed");
        assert!(take(&other.state, &[&other.cookie], LASTS_S * 1000 - 1));
    }

    #[test]
    fn a_state_was_sealed_by_us() {
        let (ours, states) = (keys(), States::default());
        let text = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
        let theirs = Keys::parse(&SecretString::from(text.to_owned())).unwrap();
        let forged = States::begin(&theirs, 0).unwrap();
        let cookies = std::iter::once(&*forged.cookie);
        assert!(states.began(&ours, &forged.state, cookies, 1).is_none());
    }
}
