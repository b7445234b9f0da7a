//! A table of the file: its keys, and where faults in it are.
//!
//! Whatever it reads and finds faulty it notes, and the reading goes on.

use shared::harmless::cut;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::name::{WHAT_A_NAME_IS, is_name};
use super::notes::Notes;
use super::size::size;
use super::value::kind;
use crate::suggestion::did_you_mean;

/// So much may be in one of the sections by name, in bytes of keys and texts: 1 MiB.
const MAX_SECTION_BYTES: usize = 1024 * 1024;

/// A table, where its name is, and what it is called in faults.
pub(crate) struct Section<'t> {
    notes: &'t Notes,
    path: String,
    at: usize,
    table: &'t DeTable<'t>,
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(crate) fn root(notes: &'t Notes, table: &'t DeTable<'t>) -> Self {
        Self { notes, path: String::new(), at: 0, table }
    }

    pub(crate) fn notes(&self) -> &'t Notes {
        self.notes
    }

    /// Its keys, in their order, and where each is.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = (&'t str, usize)> + use<'t> {
        self.table.keys().map(|key| (&**key.get_ref(), key.span().start))
    }

    /// The value of `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes a fault of the value of `key`, or of the section where there is none.
    pub(crate) fn fault(&self, key: &str, message: impl Into<String>) {
        let at = self.value(key).map_or(self.at, |value| value.span().start);
        self.fault_at(at, key, message);
    }

    /// Notes a fault of `key` at the byte `at`.
    pub(crate) fn fault_at(&self, at: usize, key: &str, message: impl Into<String>) {
        self.notes.fault(at, &self.path_of(key), &message.into());
    }

    /// Notes that `key` must be there, `example` and all.
    pub(crate) fn missing(&self, key: &str, example: &str) {
        self.fault_at(self.at, key, format!("is missing: add {key} = {example}"));
    }

    /// Notes every key that is not one of `known`.
    pub(crate) fn only(&self, known: &[&str]) {
        for (key, at) in self.keys().filter(|(key, _)| !known.contains(key)) {
            let meant = did_you_mean(key, known.iter().copied());
            let meant = meant.unwrap_or_else(|| format!(": there are {}", known.join(", ")));
            self.fault_at(at, key, format!("there is no such key{meant}"));
        }
    }

    /// What `read` makes of the value of `key`; `None` if there is none, or a faulty one.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'t DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(key)?;
        read(value.get_ref()).map_err(|message| self.fault(key, message)).ok()
    }

    /// The same where it must be there, such as `example`.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&'t DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.optional(key, read)
    }

    /// The table `key`; `None` if there is none, or something else.
    pub(crate) fn table(&self, key: &str) -> Option<Self> {
        let (key, value) = self.table.get_key_value(key)?;
        let path = self.path_of(key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Self { notes: self.notes, path, at: key.span().start, table })
            }
            other => {
                let message =
                    format!("must be a table, not {}: begin it with [{path}]", kind(other));
                self.notes.fault(value.span().start, &path, &message);
                None
            }
        }
    }

    /// The sections in the table `key`, by name. There may be `most`.
    pub(crate) fn named(&self, key: &str, most: usize) -> Vec<(&'t str, Self)> {
        let Some(all) = self.table(key) else { return Vec::new() };
        let count = all.keys().len();
        if count > most {
            let message = format!("there are {count}, and may be {most}: remove the others");
            self.fault_at(all.at, key, message);
        }
        let named = all.keys().filter_map(|(name, at)| {
            if !is_name(name) {
                all.fault_at(at, name, format!("this is no name: {WHAT_A_NAME_IS}"));
            }
            let bytes = all.value(name).map_or(0, |value| size(value.get_ref()));
            if bytes > MAX_SECTION_BYTES {
                let message = format!(
                    "has {bytes} bytes of keys and texts, and may have {MAX_SECTION_BYTES}: shorten it"
                );
                all.fault_at(at, name, message);
            }
            all.table(name).map(|section| (name, section))
        });
        named.collect()
    }

    fn path_of(&self, key: &str) -> String {
        let dot = if self.path.is_empty() { "" } else { "." };
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !key.is_empty() && key.len() <= 64 && key.chars().all(is_bare) {
            format!("{}{dot}{key}", self.path)
        } else {
            format!("{}{dot}\"{}\"", self.path, cut(key, 64))
        }
    }
}
