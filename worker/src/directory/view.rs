//! What a directory is read from: a text, and what people have said of its sections beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::origin::Origin;

use crate::generated::{NO_KEY, Opened, Owner};
use crate::records::{KeptSecret, Section, SectionState, Sections, Stand};
use crate::sealed::Keys;
use crate::tenants::{SectionKind, SectionText, Standing, text_of};

/// What the sections of the records are called where a file has its name.
pub(crate) const RECORDS: &str = "records";

/// One version of what there is.
#[derive(Debug)]
pub(crate) struct View {
    /// What it is called in faults and logs.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) standing: Standing,
    pub(crate) marks: Vec<Mark>,
    /// Accounts that are without the app, where nothing is said of sections: a file's tenants are theirs.
    pub(super) without_app: Arc<[(Origin, i64)]>,
    /// How each destination stands in the records.
    pub(super) stands: HashMap<String, Stand>,
    /// Destinations that are paused since they want nothing any more.
    pub(super) refusing: BTreeSet<String>,
    /// Secrets that were made here, by the destinations' names.
    secrets: Vec<KeptSecret>,
}

/// What was said of a section, if it was anything but that it is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) kind: SectionKind,
    pub(crate) name: String,
    pub(crate) state: SectionState,
    pub(crate) since_ms: i64,
    /// Whose the section is.
    pub(crate) tenant: Option<String>,
    /// A tenant's.
    pub(crate) origin: Option<Origin>,
}

impl View {
    /// The text of a file.
    pub(crate) fn of_file(name: String, text: String) -> Self {
        Self {
            name,
            text,
            standing: Standing::File,
            marks: Vec::new(),
            without_app: Arc::default(),
            stands: HashMap::new(),
            refusing: BTreeSet::new(),
            secrets: Vec::new(),
        }
    }

    /// While these accounts are without the app, each since then (ms since the Unix epoch).
    pub(crate) fn without_app(self, accounts: Arc<[(Origin, i64)]>) -> Self {
        Self { without_app: accounts, ..self }
    }

    /// The same, which is to stand in the records.
    pub(crate) fn into_stored(self) -> Self {
        Self { standing: Standing::Records, ..self }
    }

    /// What stands in the records.
    pub(crate) fn of_records(sections: &Sections) -> Self {
        let texts: Vec<_> = sections.there().map(section_text).collect();
        let refusing = sections.there().filter(|section| section.has_refused());
        let marked = sections.sections.iter().filter(|one| one.state != SectionState::Active);
        Self {
            name: RECORDS.to_owned(),
            text: text_of(&texts),
            standing: Standing::Records,
            marks: marked.map(mark).collect(),
            without_app: Arc::default(),
            stands: sections.stands(),
            refusing: refusing.map(|section| section.name.clone()).collect(),
            secrets: Vec::new(),
        }
    }

    /// With these secrets, by the destinations' names.
    pub(crate) fn with(self, secrets: Vec<KeptSecret>) -> Self {
        Self { secrets, ..self }
    }

    /// The secret that was made for a destination, opened.
    pub(crate) fn secret(&self, owner: &Owner, keys: Option<&Keys>) -> Result<Opened, String> {
        owner.open(keys.ok_or(NO_KEY)?, owner.find(&self.secrets))
    }

    /// What differs if anything of it does.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix((self.text.len() as u64).to_le_bytes());
        digest.update(&self.text);
        digest.update(format!("{:?} {:?}", self.marks, self.without_app));
        // One that was paused and resumed meanwhile is another one to whoever is refused there.
        let stands: BTreeMap<_, _> = self.stands.iter().collect();
        digest.update(format!("{stands:?} {:?}", self.refusing));
        for kept in &self.secrets {
            let KeptSecret { destination, sealed, previous, previous_until_ms, .. } = kept;
            // Each is sealed anew, and so another one.
            digest.update(format!("{destination} {sealed:?} {previous:?} {previous_until_ms:?}"));
        }
        digest.finalize().into()
    }
}

/// A section of the records as one of a file.
pub(crate) fn section_text(section: &Section) -> SectionText {
    SectionText { kind: section.kind, name: section.name.clone(), body: body(section) }
}

fn mark(section: &Section) -> Mark {
    let (body, kind, name) = (body(section), section.kind, section.name.clone());
    let said = |key: &str| body.get(key).and_then(Value::as_str);
    let tenant = said("tenant").map(str::to_owned);
    let origin = said("origin").and_then(|origin| origin.parse().ok());
    Mark { kind, name, state: section.state, since_ms: section.state_ms, tenant, origin }
}

/// What is no section has no keys, and is told of as faulty.
fn body(section: &Section) -> Value {
    let body = serde_json::from_str(&section.body).ok();
    body.filter(Value::is_object).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}
