//! A Hubline as an operator may find it in the morning: with the built-in handlers, a night that
//! went wrong, and some deliveries of just now.

use std::sync::Arc;

use prometheus_client::registry::Registry as Metrics;
use serde_json::json;
use shared::broker::{Broker, Embedded, Publication, PublisherOptions, Route};
use shared::clock::now_ms;
use shared::message::{Death, DeathReason, Message};
use shared::metrics::BrokerMetrics;
use shared::store::Store;
use tokio::time::Instant;
use worker::handlers;
use worker::stand_ins::{Fault, StandIns};

use super::room::Room;
use super::site::Site;
use crate::harness::{PATIENCE, fresh, within};

/// The token of its operators.
pub(super) const TOKEN: &str = "showcase-token-0123456789";

const MINUTE_MS: i64 = 60_000;

/// It runs, and what it talks to.
pub(super) struct Showcase {
    pub(super) site: Site,
    stand_ins: StandIns,
}

impl Showcase {
    pub(super) async fn start() -> Self {
        let room = Room::new();
        bury(&room, night()).await;
        let stand_ins = StandIns::start().await.unwrap();
        furnish(&stand_ins);
        let [hubspot, slack, erp] = ["hubspot", "slack", "erp"].map(|api| stand_ins.url(api));
        let flags = [
            ["--console-token", TOKEN],
            ["--hubspot-api-url", &hubspot],
            ["--hubspot-access-token", "pat-stand-in"],
            ["--slack-api-url", &slack],
            ["--slack-bot-token", "xoxb-stand-in"],
            ["--slack-pace", "0s"],
            ["--erp-url", &erp],
            ["--erp-api-key", "erp-stand-in"],
        ];
        let registry = handlers::registry(&stand_ins.settings()).unwrap();
        let site = Site::standalone(room, flags.as_flattened(), registry).await;
        Self { site, stand_ins }
    }

    /// What comes in this morning: some of it is done, some of it at the second try, and the ERP
    /// still refuses orders.
    pub(super) async fn receive(&self) {
        self.stand_ins.fail(Fault::new("slack", 503).times(2));
        let contacts: Vec<String> =
            (501..505).map(|id| event("contact.creation", 62515, id)).collect();
        self.site.send(&contacts).await;
        self.site.send(&[event("deal.creation", 62515, 9001)]).await;
        self.site.send(&[won(8_841_107, 9002), won(62515, 9003)]).await;
        self.site.send_bytes(b"[{\"eventId\":77,\"portalId\":62515,\"subscri".to_vec()).await;
        self.site.send_forged(contacts[0].as_bytes().to_vec()).await;
    }

    pub(super) async fn finish(self) {
        self.site.finish().await;
    }
}

/// Everything that the deliveries are about.
fn furnish(stand_ins: &StandIns) {
    let refused = json!({ "message": "amount is missing" });
    stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders").body(refused));
    for id in (501..505).chain([601, 602]) {
        stand_ins.put_contact(id);
    }
    let won = [
        ("dealname", "A thousand anvils"),
        ("dealstage", "closedwon"),
        ("closedate", "2026-11-21"),
    ];
    let made = [("dealname", "Rocket skates"), ("amount", "900"), ("dealstage", "qualified")];
    for id in (4001..4015).chain([9002, 9003]) {
        stand_ins.put_deal(id, &won, &[601, 602]);
    }
    for id in (3001..3042).chain([9001]) {
        stand_ins.put_deal(id, &made, &[601]);
    }
}

fn event(subscription_type: &str, portal: u64, object: u64) -> String {
    json!({
        "eventId": 1_030_190_000 + object, "subscriptionId": 4_578_255, "portalId": portal,
        "appId": 19_635_961, "occurredAt": 1_795_249_000_000_u64 + object,
        "subscriptionType": subscription_type, "attemptNumber": 0, "objectId": object,
        "changeFlag": "CREATED", "changeSource": "CRM_UI", "sourceId": "userId:52530071",
    })
    .to_string()
}

/// A deal that is won.
fn won(portal: u64, object: u64) -> String {
    json!({
        "eventId": 1_030_190_000 + object, "subscriptionId": 4_578_256, "portalId": portal,
        "appId": 19_635_961, "occurredAt": 1_795_249_000_000_u64 + object,
        "subscriptionType": "deal.propertyChange", "propertyName": "dealstage",
        "propertyValue": "closedwon", "attemptNumber": 0, "objectId": object,
        "changeSource": "CRM_UI", "sourceId": "userId:52530071",
    })
    .to_string()
}

/// A letter that died so many minutes ago.
fn letter(body: &str, target: &str, minutes: i64, death: Death) -> Message {
    let dead_ms = now_ms() - minutes * MINUTE_MS;
    let attempt = if death.reason == DeathReason::Exhausted { 10 } else { 1 };
    Message {
        attempt,
        target: Some(target.to_owned()),
        received_ms: dead_ms - i64::from(attempt) * MINUTE_MS / 5,
        death: Some(Death { dead_ms, ..death }),
        ..fresh(body)
    }
}

/// Slack was down at night, the ERP wants amounts all day, and a token has just run out.
fn night() -> Vec<Message> {
    let slack = |n: u64| {
        let death = Death::new(DeathReason::Exhausted, "SLACK_5XX", "Slack answered 503", 0);
        let portal = if n.is_multiple_of(3) { 8_841_107 } else { 62515 };
        let minutes = 420 - i64::try_from(n).unwrap() * 4;
        letter(&event("deal.creation", portal, 3001 + n), "on_deal_created", minutes, death)
    };
    let erp = |n: u64| {
        let error = "ERP answered 422: amount is missing";
        let mut death = Death::new(DeathReason::Permanent, "ERP_422", error, 0);
        death.steps = ["closing", "slack"].map(str::to_owned).into();
        let portal = [62515, 8_841_107, 241_903][usize::try_from(n % 3).unwrap()];
        let minutes = 1300 - i64::try_from(n).unwrap() * 93;
        letter(&won(portal, 4001 + n), "on_deal_closed", minutes, death)
    };
    let hubspot = |n: u64| {
        let error = "HubSpot answered 401: the access token has expired";
        let death = Death::new(DeathReason::Permanent, "HUBSPOT_401", error, 0);
        let minutes = 70 - i64::try_from(n).unwrap() * 6;
        let body = event("contact.creation", 241_903, 5001 + n);
        letter(&body, "on_contact_created", minutes, death)
    };
    (0..41).map(slack).chain((0..14).map(erp)).chain((0..12).map(hubspot)).collect()
}

/// Puts letters where workers put them, in a data file that nobody has open yet.
async fn bury(room: &Room, letters: Vec<Message>) {
    let embedded = Embedded::new(Arc::new(Store::open(&room.0).await.unwrap()));
    let closed = embedded.store().closed();
    let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
    let metrics = BrokerMetrics::register(&mut Metrics::default());
    let publisher = Broker::Sqlite(Arc::clone(&embedded)).publisher(options, metrics).unwrap();
    let batch = letters.into_iter().map(|message| Publication { route: Route::Dead, message });
    publisher.publish(batch.collect(), Instant::now() + PATIENCE).await.unwrap();
    drop((publisher, embedded));
    within("the end of the file's use", closed).await;
}
