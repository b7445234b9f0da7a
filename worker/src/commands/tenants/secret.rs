//! A destination's secret that was made here: handed out once it is made, or again.

use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::commands::dead_letters::output::{complain, say, say_json};
use crate::count::count;
use crate::records::Records;
use crate::rotation::{self, Former, Handed, Wish};
use crate::sealed::Keys;
use crate::when;

/// Whose secret is asked for, by whom, and how it is printed.
pub(super) struct Asked {
    pub(super) destination: String,
    pub(super) json: bool,
    pub(super) who: String,
    pub(super) keys: Option<Keys>,
}

impl Asked {
    pub(super) async fn rotate(&self, records: &Records, former: Former) -> anyhow::Result<()> {
        let handed = rotation::rotate(records, self.keys.as_ref(), self.wish(), former).await?;
        let former = handed.former_until_ms.map_or_else(
            || "the one before it, if there was one, signs no more".to_owned(),
            |until_ms| format!("the one before it signs too until {} UTC", when::show(until_ms)),
        );
        // What was said on standard output may not have arrived.
        complain(format_args!(
            "workers sign with the new secret of {name} within seconds, and {former}: give it to whoever verifies \
             there. `worker tenants secret {name}` prints it again",
            name = self.destination,
        ));
        self.hand(&handed)
    }

    pub(super) async fn show(&self, records: &Records) -> anyhow::Result<()> {
        let handed = rotation::show(records, self.keys.as_ref(), self.wish()).await?;
        self.hand(&handed)
    }

    fn wish(&self) -> Wish<'_> {
        Wish { destination: &self.destination, within: None, who: &self.who }
    }

    fn hand(&self, Handed { secret, former_until_ms, .. }: &Handed) -> anyhow::Result<()> {
        let secret = secret.expose_secret();
        if !self.json {
            return Ok(say(secret)?);
        }
        say_json(&json!({
            "destination": self.destination,
            "secret": secret,
            "former_until_ms": former_until_ms,
        }))
    }
}

pub(super) async fn reseal(
    records: &Records,
    keys: Option<&Keys>,
    who: &str,
    json: bool,
) -> anyhow::Result<()> {
    let sealed = rotation::reseal(records, keys, who).await?;
    if json {
        return say_json(&serde_json::json!({ "sealed": sealed }));
    }
    Ok(say(format_args!(
        "{} sealed with the first key: none of the others is needed for them",
        count(sealed, "secret is", "secrets are"),
    ))?)
}
