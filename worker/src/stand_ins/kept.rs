//! What a stand-in was given by name. Owns the bound: of too much the oldest is forgotten.

use std::collections::{BTreeMap, VecDeque};

use super::MOST;

/// At most so many of them, by name.
pub(super) struct Kept<T> {
    by_name: BTreeMap<String, T>,
    /// From the oldest on.
    names: VecDeque<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), names: VecDeque::new() }
    }
}

impl<T> Kept<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name)
    }

    /// True if nothing had this name.
    pub(super) fn insert(&mut self, name: &str, value: T) -> bool {
        if self.by_name.insert(name.to_owned(), value).is_some() {
            return false;
        }
        self.names.push_back(name.to_owned());
        if self.names.len() > MOST
            && let Some(oldest) = self.names.pop_front()
        {
            self.by_name.remove(&oldest);
        }
        true
    }

    /// True if something had this name.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.names.retain(|known| known != name);
        self.by_name.remove(name).is_some()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.by_name.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut kept = Kept::default();
        assert!(kept.insert("first", 0) && kept.insert("second", 1));
        assert!(!kept.insert("second", 2), "it was there");
        assert!(kept.remove("first") && !kept.remove("first"));
        assert!(kept.insert("first", 3));
        for number in 0..MOST - 2 {
            assert!(kept.insert(&number.to_string(), 4));
        }
        assert_eq!((kept.get("second"), kept.values().count()), (Some(&2), MOST));
        assert!(kept.insert("last", 5));
        assert_eq!((kept.get("second"), kept.get("first")), (None, Some(&3)));
        assert_eq!(kept.keys().count(), MOST);
    }
}
