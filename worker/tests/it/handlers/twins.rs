//! Two events of one fact where there is no room: they wait for one place in line, and either may use it.

use std::time::Duration;

use serde_json::Value;
use shared::message::DeathReason;
use worker::HandlerError;
use worker::clients::slack::Message;
use worker::stand_ins::StandIns;

use super::shop::{Shop, changed, closed};
use crate::harness::{
    Admin, Engine, Probe, Rig, deal, on_every_engine, pause, probed, wait_for_verdicts, within,
};

const DELIVERIES: &str = "hubline_deliveries_total";
const SUCCEEDED: &str = "verdict=\"succeeded\"";
const LIMITED: &str = "verdict=\"limited\"";

/// Longer than a run waits where it is.
const PACE: Duration = Duration::from_millis(2500);

/// When the last who waits for the channel has its turn, in ms from now.
async fn drained_ms(admin: &Admin) -> u64 {
    let limits: Vec<Value> = serde_json::from_str(&admin.get("limits").await).unwrap();
    let is_channel = |limit: &&Value| {
        limit["of"] == "requests" && limit["limit"].as_str().unwrap().starts_with("slack/")
    };
    limits.iter().filter(is_channel).map(|limit| limit["drained_ms"].as_u64().unwrap()).sum()
}

async fn events_of_one_closing_take_one_place_in_the_channels_line(engine: Engine) {
    let deals = 4;
    let shop = Shop::set_up(engine, &["--retry-attempts", "1"], |settings| {
        settings.slack_pace = PACE;
    })
    .await;
    let admin = Admin::of(&shop.worker);
    let publishing = async {
        for deal in 1..=deals {
            shop.won_deal(deal, &[]);
            shop.publish(&closed(deal)).await;
        }
        // Each has posted or has its place, so that none is at work when the other event comes.
        admin.wait_for(DELIVERIES, &[SUCCEEDED, LIMITED], deals).await;
        for deal in 1..=deals {
            shop.publish(&changed("deal.propertyChange", deal, "hs_is_closed_won", "true")).await;
        }
    };
    let mut longest_ms = 0;
    let looking = async {
        while admin.sum(DELIVERIES, &[SUCCEEDED]).await < 2 * deals {
            longest_ms = longest_ms.max(drained_ms(&admin).await);
            pause().await;
        }
    };
    within("all events", async { tokio::join!(publishing, looking) }).await;
    assert_eq!(shop.messages().len() as u64, deals);
    // With a place for each event the line would be nearly twice as long.
    let line = PACE.mul_f64(1.05) * u32::try_from(deals).unwrap();
    assert!(longest_ms > 0 && u128::from(longest_ms) <= line.as_millis(), "{longest_ms}");
    shop.close().await;
}

async fn a_place_is_used_though_the_event_that_took_it_is_dead(engine: Engine) {
    let stand_ins = StandIns::start().await.unwrap();
    let mut rig = Rig::on(engine, &[]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    // Who comes seconds late still waits for longer than where it is.
    rig.settings.processing.integrations.slack_pace = Duration::from_secs(7);
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let times = runs.note(&cx, &event);
            async move {
                let fact = match event.object_id {
                    Some(1) => "invoice-paid/62515/1",
                    Some(2) if times > 0 => {
                        return Err(HandlerError::permanent("TEST_422", "refused"));
                    }
                    _ => "invoice-paid/62515/2",
                };
                let slack = cx.clients().slack().unwrap();
                cx.once(fact, slack.post(&cx, &Message::new("Invoice paid", fact))).await
            }
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    for (id, limited) in [(2, 1), (3, 2)] {
        rig.publish(&deal(id)).await;
        wait_for_verdicts(&worker, "limited", limited).await;
    }
    let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "TEST_422"));
    wait_for_verdicts(&worker, "succeeded", 2).await;
    let posted = stand_ins.calls().into_iter().filter(|call| call.api == "slack");
    let texts: Vec<_> = posted.map(|call| call.body["text"].clone()).collect();
    let facts = ["invoice-paid/62515/1", "invoice-paid/62515/2"];
    assert_eq!(texts, facts.map(|fact| format!("Invoice paid: {fact}")));
    // The other event came back for it once.
    assert_eq!(probe.runs().iter().filter(|run| run.object_id == 3).count(), 2);
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    events_of_one_closing_take_one_place_in_the_channels_line
    a_place_is_used_though_the_event_that_took_it_is_dead
}
