//! What somebody sees and does of the records: everything, or what is of one origin.
//!
//! Pages have no other way to them. So it is asked here, and nowhere else, whether something is within
//! somebody's reach; what is not is answered as what is not there. What is shown is redacted, and what is
//! done is done in the name of who does it.

use shared::origin::Origin;

use super::access::Person;
use super::access::person::mark;
use super::access::reach::{OutOfReach, Reach};
use crate::records::dead_letters::{DeadLetters, OWN_NAME};
use crate::records::redaction::Redaction;
use crate::records::{Aliases, Records};

mod events;
mod jobs;
mod letters;
mod secrets;

pub(super) use events::SeenEvent;

/// What one person sees and does. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct View {
    records: Records,
    letters: DeadLetters,
    redaction: Redaction,
    reach: Reach,
    /// As the audit calls them.
    who: String,
}

impl View {
    /// What `person` sees.
    pub(super) fn of(person: &Person, records: Records, redaction: Redaction) -> Self {
        Self {
            letters: DeadLetters::new(records.clone()),
            records,
            redaction,
            reach: person.reach.clone(),
            who: person.signature(),
        }
    }

    /// What of events is not shown.
    pub(super) fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// How people call events.
    pub(super) async fn aliases(&self) -> anyhow::Result<Aliases> {
        self.records.aliases(&self.redaction).await
    }

    /// The records themselves, for those who see everything.
    pub(super) fn whole(&self) -> Result<Records, OutOfReach> {
        self.all()?;
        Ok(self.records.clone())
    }

    /// For what belongs to no origin, or to several.
    fn all(&self) -> Result<(), OutOfReach> {
        if self.reach.is_all() { Ok(()) } else { Err(OutOfReach) }
    }

    fn covers(&self, origin: &Origin) -> bool {
        self.reach.covers(origin)
    }

    /// Whoever did something, as far as that is told: to those who see one origin not who of others did.
    pub(super) fn told(&self, who: String) -> String {
        if self.reach.is_all() || who == OWN_NAME || who.ends_with(&mark(&self.reach)) {
            return who;
        }
        "an operator of all".to_owned()
    }
}
