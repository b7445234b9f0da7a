//! The demo's two tenants: their file, the events that nobody but they want, and whose destination is down at
//! first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::BASE64;

use super::deliveries::Delivery;
use super::secret_file;
use crate::stand_ins::{Call, Fault, StandIns};

/// Who plays destinations.
const API: &str = "destinations";
/// What waits while Umbrella's destination is down.
pub(super) const WAITS: &str = "route/umbrella/umbrella-all";

/// The account of one of the captured deliveries, which has three events of a company's.
const ACMES: (&str, usize) = ("acme-crm", 3);
const UMBRELLAS: (&str, usize) = ("umbrella-crm", 6);

/// Where workers find them.
pub(super) struct Tenants {
    pub(super) file: PathBuf,
    pub(super) secrets: PathBuf,
    /// What may be called although it is not public.
    pub(super) allow: String,
}

impl Tenants {
    /// Writes the file and its secrets into this directory.
    pub(super) fn write(directory: &Path, stand_ins: &StandIns) -> anyhow::Result<Self> {
        let (file, secrets) = (directory.join("tenants.toml"), directory.join("secrets"));
        std::fs::create_dir(&secrets)
            .with_context(|| format!("cannot make {}", secrets.display()))?;
        for name in ["acme", "umbrella"] {
            let random: [u8; 32] = rand::random();
            secret_file::write(&secrets.join(name), &format!("whsec_{}", BASE64.encode(&random)))?;
        }
        let (url, of) = (stand_ins.url(API), secrets.display());
        let text = format!(
            r#"[tenants.acme]
origin = "hubspot/145883449"

[destinations.acme-crm]
tenant = "acme"
url = "{url}/acme-crm"
secret = {{ file = "{of}/acme" }}

[routes.acme-companies]
tenant = "acme"
destination = "acme-crm"
filter = {{ field = "subscriptionType", operator = "starts_with", value = "company." }}

[tenants.umbrella]
origin = "hubspot/62516"

[destinations.umbrella-crm]
tenant = "umbrella"
url = "{url}/umbrella-crm"
secret = {{ file = "{of}/umbrella" }}
concurrency = 3

[routes.umbrella-all]
tenant = "umbrella"
destination = "umbrella-crm"
"#
        );
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { file, secrets, allow: stand_ins.host() })
    }
}

/// Umbrella's destination is down from now on.
pub(super) fn take_down(stand_ins: &StandIns) {
    stand_ins.fail(Fault::new(API, 503).on("POST", UMBRELLAS.0));
}

/// It is up again.
pub(super) fn put_up(stand_ins: &StandIns) {
    stand_ins.heal_one(API);
}

/// New companies of Umbrella's, which no handler wants.
pub(super) fn delivery() -> Delivery {
    let event = |id: usize| {
        format!(
            r#"{{"eventId":{id},"subscriptionId":7,"portalId":62516,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"company.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
        )
    };
    let events: Vec<_> = (0..UMBRELLAS.1).map(|place| event(9_001 + place)).collect();
    Delivery {
        id: "six new companies of Umbrella's".to_owned(),
        body: format!("[{}]", events.join(",")),
        events: events.len(),
    }
}

/// Says what each destination has got; true if that is all, and nothing twice.
pub(super) fn sum_up(calls: &[Call]) -> bool {
    say!("At tenants' destinations:");
    let mut are_all_there = true;
    for (name, expected) in [ACMES, UMBRELLAS] {
        let of = |call: &&Call| call.api == API && call.path == format!("/{name}");
        let (got, refused): (Vec<&Call>, Vec<&Call>) =
            calls.iter().filter(of).partition(|call| call.status == 200);
        let names: BTreeSet<_> = got.iter().map(|call| call.idempotency_key.as_deref()).collect();
        let (count, refused) = (names.len(), refused.len());
        let in_vain = match refused {
            0 => String::new(),
            refused => format!(", {refused} in vain while it was down"),
        };
        say!("  {name:<12} {count} of {expected} events{in_vain}");
        are_all_there &= count == expected && got.len() == expected;
    }
    are_all_there
}
