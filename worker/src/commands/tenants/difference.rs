//! What changes, as it is told.

use serde_json::json;

use crate::commands::dead_letters::output::{say, say_json};
use crate::tenants::{Change, Difference, Fate};

/// Each change on a line.
pub(super) fn tell(difference: &Difference, json: bool) -> anyhow::Result<()> {
    if json {
        return difference.0.iter().try_for_each(|change| say_json(&as_json(change)));
    }
    if difference.is_empty() {
        return Ok(say("nothing would change")?);
    }
    Ok(say(difference)?)
}

fn as_json(change: &Change) -> serde_json::Value {
    let (what, keys) = match &change.fate {
        Fate::Comes { .. } => ("add", None),
        Fate::Changes(keys) => ("change", Some(keys)),
        Fate::Goes => ("delete", None),
    };
    json!({ "change": what, "kind": change.kind.as_str(), "name": change.name, "keys": keys })
}
