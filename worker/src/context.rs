//! What a handler is given beside the event: its run, the integrations and the records.

use std::ops::Deref;
use std::sync::Arc;

use crate::clients::Clients;
use crate::clients::hubspot::HubSpot;
use crate::error::HandlerError;
use crate::records::Records;
use crate::run::Run;
use crate::shared_record::SharedRecord;

/// One run of one handler for one event, and what it works with. It is a [`Run`]: `cx.step(…)`.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) run: Run,
    pub(crate) clients: Arc<Clients>,
    pub(crate) records: Option<Records>,
    /// Where other targets of the delivery ask for its record too.
    pub(crate) record: Option<Arc<SharedRecord>>,
}

impl Context {
    /// The integrations and what is configured of them.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// HubSpot's API for the event's portal.
    pub fn hubspot(&self) -> Result<HubSpot<'_>, HandlerError> {
        self.clients.hubspot(&self.run)
    }

    /// The records, if any are kept: for erasing a contact from them.
    pub fn records(&self) -> Option<&Records> {
        self.records.as_ref()
    }
}

impl Deref for Context {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}
