//! What a filter is asked about. Refuses to be printed: bodies stay out of logs.

use serde_json::Value;

#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// One event, as it came.
    pub(crate) event: &'a Value,
    /// The `properties` of the CRM record it is about, if somebody has read them.
    pub(crate) record: Option<&'a Value>,
}
