//! Tokens that are refused, and the portal that HubSpot's is for.

use std::path::PathBuf;

use shared::message::DeathReason;
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::{Call, Fault};

use super::shop::{Shop, event};
use crate::harness::{Admin, Engine, on_every_engine, wait_for_ends, within};

/// One attempt each: whatever counted as a failure would be a dead letter.
const ONE: [&str; 2] = ["--retry-attempts", "1"];

const LIMITED: &str = "verdict=\"limited\"";

/// The tokens of a test, in files of its own.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(shared::testing::prefix());
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, token: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, token).unwrap();
        file
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn paused(service: &str, value: u8) -> String {
    format!("hubline_credential_paused{{service=\"{service}\"}} {value}")
}

async fn another_token_in_the_file_is_taken_without_a_restart(engine: Engine) {
    let files = Files::new();
    let hubspot = files.write("hubspot", "pat-1\n");
    let erp = files.write("erp", "erp-1\n");
    let shop = Shop::stage(engine, &ONE, |stand_ins, settings| {
        stand_ins.take_only("hubspot", "pat-1");
        stand_ins.take_only("erp", "erp-1");
        settings.hubspot_access_token = None;
        settings.hubspot_access_token_file = Some(hubspot);
        settings.erp_api_key = None;
        settings.erp_api_key_file = Some(erp);
    })
    .await;
    for contact in 1..=20 {
        shop.stand_ins.put_contact(contact);
    }
    shop.publish(&event("contact.creation", 1, "")).await;
    shop.done(1, 0).await;
    shop.stand_ins.take_only("hubspot", "pat-2");
    shop.stand_ins.take_only("erp", "erp-2");
    files.write("hubspot", "pat-2\n");
    files.write("erp", "erp-2\n");
    for contact in 2..=20 {
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    shop.done(20, 0).await;
    assert_eq!(shop.stand_ins.customers().len(), 20);
    let taken = |call: &&Call| call.status == 201;
    assert_eq!(shop.calls("erp", "/customers").iter().filter(taken).count(), 20, "nothing twice");
    assert_eq!(Admin::of(&shop.worker).sum("hubline_dead_letters_total", &[]).await, 0);
    shop.close().await;
}

async fn a_token_that_stays_refused_loses_no_event(engine: Engine) {
    let shop = Shop::stage(engine, &ONE, |stand_ins, _| {
        stand_ins.take_only("hubspot", "another");
    })
    .await;
    let admin = Admin::of(&shop.worker);
    for deal in 1..=30 {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "")).await;
    }
    // The question for the portal may have been the first that was refused.
    admin.wait_for_line(&paused("hubspot", 1)).await;
    admin.wait_for("hubline_deliveries_total", &[LIMITED], 30).await;
    let refused: Vec<Call> = shop.stand_ins.calls();
    assert!(refused.len() <= 25, "{} of 30 asked: {refused:?}", refused.len());
    shop.stand_ins.take_only("hubspot", "pat-stand-in");
    shop.done(30, 0).await;
    admin.wait_for_line(&paused("hubspot", 0)).await;
    assert_eq!(shop.messages().len(), 30);
    assert_eq!(admin.sum("hubline_dead_letters_total", &[]).await, 0);
    assert_eq!(admin.sum("hubline_deliveries_total", &["verdict=\"retried\""]).await, 0);
    shop.close().await;
}

async fn slack_refuses_its_token_within_a_200(engine: Engine) {
    let shop = Shop::stage(engine, &ONE, |stand_ins, _| {
        stand_ins.take_only("slack", "another");
    })
    .await;
    let admin = Admin::of(&shop.worker);
    for deal in 1..=5 {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "")).await;
    }
    admin.wait_for_line(&paused("slack", 1)).await;
    admin.wait_for("hubline_deliveries_total", &[LIMITED], 5).await;
    let before = shop.messages().len();
    assert!(before >= 1, "it was tried");
    shop.stand_ins.take_only("slack", "xoxb-stand-in");
    shop.done(5, 0).await;
    admin.wait_for_line(&paused("slack", 0)).await;
    assert_eq!(admin.sum("hubline_dead_letters_total", &[]).await, 0);
    shop.close().await;
}

async fn waiting_for_a_token_has_an_end(engine: Engine) {
    let flags = ["--retry-attempts", "1", "--wait-max", "1s"];
    let shop = Shop::stage(engine, &flags, |stand_ins, _| {
        stand_ins.take_only("onboarding", "another");
    })
    .await;
    shop.stand_ins.put_contact(1);
    let customer = r#","propertyName":"lifecyclestage","propertyValue":"customer""#;
    shop.publish(&event("contact.propertyChange", 1, customer)).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "WAITED_TOO_LONG"));
    assert!(death.error.contains("WAIT_MAX"), "{}", death.error);
    assert!(death.error.contains("ONBOARDING_TOKEN_REFUSED"), "{}", death.error);
    shop.close().await;
}

/// A missing right is no refused token: what it is about is given up, and nothing else.
async fn a_403_pauses_nothing(engine: Engine) {
    let shop = Shop::with(engine, &ONE).await;
    shop.won_deal(7, &[]);
    shop.stand_ins.fail(Fault::new("hubspot", 403).times(1));
    shop.publish(&event("deal.creation", 7, "")).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "HUBSPOT_403"));
    Admin::of(&shop.worker).wait_for_line(&paused("hubspot", 0)).await;
    shop.won_deal(8, &[]);
    shop.publish(&event("deal.creation", 8, "")).await;
    shop.done(1, 0).await;
    shop.close().await;
}

async fn the_portal_is_asked_for_and_anothers_events_are_not_acted_on(engine: Engine) {
    let shop = Shop::stage(engine, &ONE, |stand_ins, settings: &mut IntegrationSettings| {
        stand_ins.set_portal(62515);
        assert_eq!(settings.hubspot_portal_id, None);
    })
    .await;
    shop.won_deal(7, &[]);
    shop.won_deal(8, &[]);
    shop.publish(&event("deal.creation", 7, "")).await;
    shop.done(1, 0).await;
    shop.publish(&event("deal.creation", 8, "").replace("62515", "99")).await;
    let letter = shop.rig.queues.take("dead").await.message.unwrap();
    assert_eq!(
        (letter.portal_id, &*letter.death.as_ref().unwrap().code),
        (99, "HUBSPOT_WRONG_PORTAL")
    );
    assert_eq!(shop.calls("hubspot", "/crm/v3/objects/deals/8").len(), 0);
    assert_eq!((shop.messages().len(), shop.stand_ins.portal_asked()), (1, 1));
    shop.close().await;
}

async fn a_hubspot_that_is_away_at_the_start_is_asked_again(engine: Engine) {
    let shop = Shop::stage(engine, &ONE, |stand_ins, _| {
        stand_ins.set_portal(62515);
        stand_ins.fail(Fault::new("hubspot", 503).on("GET", "/account-info").times(3));
    })
    .await;
    // The start is not held up, and what needs no HubSpot goes on.
    shop.publish(&event("contact.privacyDeletion", 1, "")).await;
    shop.wait_for_call("erp", "/customers/1").await;
    shop.won_deal(7, &[]);
    shop.publish(&event("deal.creation", 7, "")).await;
    shop.done(2, 0).await;
    assert_eq!(shop.stand_ins.portal_asked(), 4);
    shop.close().await;
}

/// Its right to tell is missing: as if there were only one portal.
async fn a_token_that_may_not_tell_its_portal_is_used_for_all(engine: Engine) {
    let shop = Shop::with(engine, &ONE).await;
    for (deal, portal) in [(7, "62515"), (8, "99")] {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "").replace("62515", portal)).await;
    }
    shop.done(2, 0).await;
    assert_eq!(shop.stand_ins.portal_asked(), 1);
    shop.close().await;
}

on_every_engine! {
    another_token_in_the_file_is_taken_without_a_restart
    a_token_that_stays_refused_loses_no_event
    slack_refuses_its_token_within_a_200
    waiting_for_a_token_has_an_end
    a_403_pauses_nothing
    the_portal_is_asked_for_and_anothers_events_are_not_acted_on
    a_hubspot_that_is_away_at_the_start_is_asked_again
    a_token_that_may_not_tell_its_portal_is_used_for_all
}

/// On a data file there is one worker.
#[tokio::test(flavor = "multi_thread")]
async fn workers_share_a_pause_and_its_end() {
    let shop = Shop::stage(Engine::Cluster, &ONE, |stand_ins, _| {
        stand_ins.take_only("erp", "another");
    })
    .await;
    let other = shop.another_worker();
    let (one, two) = (Admin::of(&shop.worker), Admin::of(&other));
    for admin in [&one, &two] {
        admin.wait_until_ready().await;
    }
    for contact in 1..=41 {
        shop.stand_ins.put_contact(contact);
    }
    shop.publish(&event("contact.creation", 1, "")).await;
    for admin in [&one, &two] {
        admin.wait_for_line(&paused("erp", 1)).await;
    }
    for contact in 2..=41 {
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    let put_off = async {
        while one.sum("hubline_deliveries_total", &[LIMITED]).await
            + two.sum("hubline_deliveries_total", &[LIMITED]).await
            < 41
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("every event put off", put_off).await;
    // The first, and those that tried for all: after 1 s, 2 s, 4 s, …
    let asked = shop.calls("erp", "/customers");
    assert!((1..=6).contains(&asked.len()), "{asked:?}");
    // It is not the ERP that wants to be left alone.
    for admin in [&one, &two] {
        assert_eq!(admin.sum("hubline_budget_requests_total", &["result=\"spent\""]).await, 0);
    }
    shop.stand_ins.take_only("erp", "erp-stand-in");
    wait_for_ends(&[&shop.worker, &other], 41).await;
    for admin in [&one, &two] {
        admin.wait_for_line(&paused("erp", 0)).await;
    }
    assert_eq!(shop.stand_ins.customers().len(), 41);
    other.stop().await;
    shop.close().await;
}
