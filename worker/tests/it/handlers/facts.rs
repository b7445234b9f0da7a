//! Business facts that several events tell of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use worker::HandlerError;

use super::shop::{Shop, changed, event, generic, told};
use crate::harness::{Admin, Engine, Rig, deal, on_every_engine, probed, wait_for_verdicts};

async fn twins_tell_the_channel_once(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[]);
    let creation = event("deal.creation", 7, "");
    let moved = changed("deal.propertyChange", 7, "dealstage", "contractsent");
    for (number, event) in [&creation, &moved].into_iter().enumerate() {
        let number = number as u64;
        shop.publish_twice(event).await;
        shop.publish_twice(&generic(event, "0-3")).await;
        shop.publish_twice(&told(700 + number, 1_790_000_000_000, event)).await;
        shop.done(3 * (number + 1), 3 * (number + 1)).await;
    }
    // The same move once more, at another time.
    shop.publish(&told(800, 1_790_000_500_000, &moved)).await;
    shop.done(7, 6).await;
    let moved = "Deal moved: Big &lt;one&gt; · Stage: contractsent";
    assert_eq!(shop.messages(), [moved, moved, "New deal: Big &lt;one&gt; · Amount: €5,000.10"]);
    shop.close().await;
}

async fn a_new_deals_first_stage_is_no_move(engine: Engine) {
    let shop = Shop::open(engine).await;
    let stage = |stage| [("dealname", "Big one"), ("dealstage", stage)];
    shop.stand_ins.put_deal_at(530, &stage("appointmentscheduled"), &[], 1_790_000_000_012);
    shop.publish_twice(&event("deal.creation", 530, "")).await;
    let first = changed("deal.propertyChange", 530, "dealstage", "appointmentscheduled");
    shop.publish_twice(&first).await;
    shop.done(2, 2).await;
    shop.stand_ins.put_deal_at(530, &stage("contractsent"), &[], 1_790_000_090_000);
    let moved = changed("deal.propertyChange", 530, "dealstage", "contractsent");
    shop.publish_twice(&told(531, 1_790_000_090_000, &moved)).await;
    // Back where it was created is a move.
    shop.stand_ins.put_deal_at(530, &stage("appointmentscheduled"), &[], 1_790_000_190_000);
    shop.publish_twice(&told(532, 1_790_000_190_000, &first)).await;
    shop.done(4, 4).await;
    assert_eq!(
        shop.messages(),
        [
            "Deal moved: Big one · Stage: appointmentscheduled",
            "Deal moved: Big one · Stage: contractsent",
            "New deal: Big one",
        ]
    );
    shop.close().await;
}

async fn a_handler_of_ones_own_does_a_fact_once_for_all_its_events(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let done = Arc::new(AtomicUsize::new(0));
    let times = Arc::clone(&done);
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, _| {
            let times = Arc::clone(&times);
            async move {
                // Failed, the fact is free again.
                let work = async {
                    match times.fetch_add(1, Ordering::SeqCst) {
                        0 => Err(HandlerError::transient("TEST_503", "down")),
                        _ => Ok(()),
                    }
                };
                cx.once("invoice-paid/62515/7", work).await
            }
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    for id in 2..5 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "succeeded", 4).await;
    assert_eq!(done.load(Ordering::SeqCst), 2);
    worker.stop().await;
    rig.finish().await;
}

/// What [`worker::Run::once`] does, by the claim alone, and with something to say in the end.
async fn a_fact_that_is_claimed_by_hand_is_done_once_and_keeps_its_steps(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let done = Arc::new(AtomicUsize::new(0));
    let times = Arc::clone(&done);
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, _| {
            let times = Arc::clone(&times);
            async move {
                let Some(claimed) = cx.claim("invoice-paid/62515/8").await? else { return Ok(()) };
                let number = async { Ok(times.fetch_add(1, Ordering::SeqCst)) };
                let number: usize = claimed.run().step("number", number).await?;
                if cx.attempt() == 0 {
                    claimed.release().await;
                    return Err(HandlerError::transient("TEST_503", "down"));
                }
                assert_eq!(number, 0, "the first run's, whichever event comes next");
                claimed.complete().await;
                Ok(())
            }
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish(&deal(2)).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    assert_eq!(done.load(Ordering::SeqCst), 1);
    let retried = &["verdict=\"retried\""];
    let retried = Admin::of(&worker).sum("hubline_deliveries_total", retried).await;
    assert_eq!(retried, 1, "the second event found the fact open");
    worker.stop().await;
    rig.finish().await;
}

async fn a_handler_that_is_cut_off_holds_no_fact_back(engine: Engine) {
    let flags = ["--handler-timeout", "500ms", "--lease", "5min", "--api-timeout", "200ms"];
    let rig = Rig::on(engine, &flags).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, _| {
            let runs = Arc::clone(&runs);
            async move {
                let work = async {
                    if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                        std::future::pending::<()>().await;
                    }
                    Ok(())
                };
                cx.once("invoice-paid/62515/7", work).await
            }
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "retried", 1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    twins_tell_the_channel_once
    a_new_deals_first_stage_is_no_move
    a_handler_of_ones_own_does_a_fact_once_for_all_its_events
    a_fact_that_is_claimed_by_hand_is_done_once_and_keeps_its_steps
    a_handler_that_is_cut_off_holds_no_fact_back
}
