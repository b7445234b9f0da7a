//! What is posted in the demo, and what HubSpot knows of it.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stand_ins::StandIns;

/// A stage of a custom pipeline that one of the captured deliveries moves a deal to.
pub(super) const WON_STAGE: &str = "1f4f1ec1-8174-49f3-a112-4eaa4748e38e";

const CAPTURED: &str = include_str!("../../../shared/tests/fixtures/payloads.json");

/// One delivery.
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) events: usize,
}

#[derive(Deserialize)]
struct Captured {
    id: String,
    body: Vec<Box<RawValue>>,
}

/// The captured deliveries, and one of them a second time, as HubSpot does after a timeout.
pub(super) fn all() -> anyhow::Result<Vec<Delivery>> {
    let captured: Vec<Captured> =
        serde_json::from_str(CAPTURED).context("the captured deliveries are broken")?;
    let mut deliveries: Vec<Delivery> = captured
        .into_iter()
        .map(|captured| {
            let events: Vec<&str> = captured.body.iter().map(|event| event.get()).collect();
            let body = format!("[{}]", events.join(","));
            Delivery { id: captured.id, body, events: events.len() }
        })
        .collect();
    if let Some(first) = deliveries.first() {
        let body = first.body.replace("\"attemptNumber\": 0", "\"attemptNumber\": 1");
        let id = format!("{}, once more", first.id);
        deliveries.push(Delivery { id, body, events: first.events });
    }
    Ok(deliveries)
}

/// The records that the deliveries are about.
pub(super) fn furnish(hubspot: &StandIns) {
    let closed = [
        ("dealname", "A thousand anvils"),
        ("amount", "12500"),
        ("dealstage", WON_STAGE),
        ("closedate", "2026-01-22T11:39:53Z"),
        ("hubspot_owner_id", "52530071"),
    ];
    hubspot.put_deal(697_680_835, &closed, &[501, 502]);
    let created = [("dealname", "Rocket skates"), ("amount", "900"), ("dealstage", "qualified")];
    hubspot.put_deal(267_448_862_446, &created, &[503]);
    for contact in [10_801, 1_246_978, 123, 106_651_134_132] {
        hubspot.put_contact(contact);
    }
}
