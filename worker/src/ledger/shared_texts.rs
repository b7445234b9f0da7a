//! What workers let each other know for a while, where there is but one of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

type Texts = HashMap<String, (Instant, String)>;

/// Texts by their names, each until it is over.
#[derive(Debug, Default)]
pub(super) struct SharedTexts(Mutex<Texts>);

impl SharedTexts {
    pub(super) fn put(&self, name: &str, text: &str, lasts: Duration) {
        let (now, mut texts) = (Instant::now(), self.lock());
        if lasts.is_zero() {
            texts.remove(name);
            return;
        }
        // What is over goes whenever there is more than there was room for.
        if texts.len() == texts.capacity() {
            texts.retain(|_, (until, _)| now < *until);
        }
        texts.insert(name.to_owned(), (now + lasts, text.to_owned()));
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let texts = self.lock();
        let (until, text) = texts.get(name)?;
        (Instant::now() < *until).then(|| text.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Texts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_until_it_is_over_or_forgotten() {
        let (texts, long) = (SharedTexts::default(), Duration::from_secs(3600));
        texts.put("a", "one", long);
        texts.put("a", "two", long);
        texts.put("b", "three", Duration::from_nanos(1));
        assert_eq!(texts.get("a").as_deref(), Some("two"));
        assert_eq!(texts.get("b"), None);
        texts.put("a", "", Duration::ZERO);
        assert_eq!(texts.get("a"), None);
    }

    #[test]
    fn what_is_over_takes_no_room_for_ever() {
        let texts = SharedTexts::default();
        for name in 0..10_000 {
            texts.put(&name.to_string(), "one", Duration::from_nanos(1));
        }
        assert!(texts.lock().len() < 100, "{}", texts.lock().len());
    }
}
