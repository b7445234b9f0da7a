//! Events that a command is given in files, and the properties of their record.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::Value;
use shared::event::Event;
use shared::origin::Sender;

use super::input::bytes_of;

/// The properties of a record, as a JSON object.
pub(super) fn properties_in(file: &Path) -> anyhow::Result<Value> {
    let named = || file.display().to_string();
    let properties: Value =
        serde_json::from_slice(&bytes_of(file).with_context(named)?).with_context(named)?;
    anyhow::ensure!(properties.is_object(), "{} is no JSON object", named());
    Ok(properties)
}

/// The events of a file: one, or a batch as HubSpot posts it.
pub(super) fn events_in(file: &Path) -> anyhow::Result<Vec<Event>> {
    let bytes = Bytes::from(bytes_of(file)?);
    let bodies = if bytes.trim_ascii_start().starts_with(b"[") {
        Sender::HubSpot.split(&bytes)?
    } else {
        vec![bytes.slice_ref(bytes.trim_ascii())]
    };
    bodies.iter().map(|body| Ok(Sender::HubSpot.identify(body)?)).collect()
}
