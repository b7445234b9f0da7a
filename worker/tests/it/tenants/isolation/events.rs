//! Another's events: by the name of a route, by the same ids, and by an answer.

use shared::broker::Lane;
use shared::message::DeathReason;

use crate::harness::{Engine, deal, deal_of, fresh, on_every_engine, wait_for_verdicts};
use crate::tenants::endpoint::Endpoint;
use crate::tenants::file::File;
use crate::tenants::{rig_with, two, worker};

/// A message's target is a name in the broker, and a replay's or a retry's is what a letter had.
async fn no_name_of_a_route_leads_an_event_to_anothers_destination(engine: Engine) {
    let (acme, umbrella, log) = (Endpoint::start([]), Endpoint::start([]), Endpoint::start([]));
    let everybodys = format!(
        "[destinations.log]\nurl = \"{}\"\nsign = \"none\"\n[routes.all]\ndestination = \"log\"\n",
        log.url()
    );
    let file = File::of(&(two(&acme, &umbrella) + everybodys.as_str()));
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address, log.address]).await;
    let worker = worker(&rig);
    let (given_up, unknown) = (DeathReason::Permanent, DeathReason::Exhausted);
    for (id, portal, target, reason, code) in [
        // Umbrella's event for ACME's route, and the other way round.
        (1, 62516, "route/acme/acme-deals", given_up, "TENANT_UNKNOWN"),
        (2, 62515, "route/umbrella/umbrella-all", given_up, "TENANT_UNKNOWN"),
        // For a route of all tenants, of an account that is none's.
        (3, 7, "route/*/all", given_up, "TENANT_UNKNOWN"),
        // ACME's route under other names.
        (4, 62516, "route/umbrella/acme-deals", unknown, "TARGET_UNKNOWN"),
        (5, 62516, "route/*/acme-deals", unknown, "TARGET_UNKNOWN"),
        (6, 62516, "route/umbrella/../acme/acme-deals", unknown, "TARGET_UNKNOWN"),
        (7, 62516, "destination/acme-crm", unknown, "TARGET_UNKNOWN"),
    ] {
        // As it came, as a replay has it, and as a retry of a letter does.
        for (lane, generation, attempt) in
            [(Lane::Work, 0, 0), (Lane::Bulk, 3, 0), (Lane::Bulk, 1, 3)]
        {
            let mut message = fresh(&deal_of(portal, id * 10 + u64::from(generation)));
            message.target = Some(target.to_owned());
            (message.generation, message.attempt) = (generation, attempt);
            rig.publish_to(lane, message).await;
            let letter = rig.queues.take("dead").await.message.unwrap();
            let death = letter.death.unwrap();
            assert_eq!((death.reason, &*death.code), (reason, code), "{target} of {portal}");
            assert_eq!(letter.target.as_deref(), Some(target), "it is not for anybody else then");
        }
    }
    worker.stop().await;
    let received = [&acme, &umbrella, &log].map(|endpoint| endpoint.received().len());
    assert_eq!(received, [0, 0, 0]);
    rig.finish().await;
}

/// Ids are each portal's own: the same event of both is two, and neither is taken for the other's duplicate.
async fn the_same_ids_in_two_portals_are_two_events(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&two(&acme, &umbrella));
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    for _ in 0..2 {
        rig.publish(&deal(1)).await;
        rig.publish(&deal_of(62516, 1)).await;
    }
    wait_for_verdicts(&worker, "succeeded", 2).await;
    wait_for_verdicts(&worker, "duplicate", 2).await;
    worker.stop().await;
    let ([acmes], [umbrellas]) = (&acme.received()[..], &umbrella.received()[..]) else {
        panic!("{:?} {:?}", acme.received(), umbrella.received())
    };
    assert_eq!(acmes.body, deal(1).as_bytes());
    assert_eq!(umbrellas.body, format!("[{}]", deal_of(62516, 1)).as_bytes());
    let names = [acmes, umbrellas].map(|received| received.header("idempotency-key").to_owned());
    assert_ne!(names[0].split('_').next(), names[1].split('_').next(), "{names:?}");
    rig.finish().await;
}

/// Both routes lead to one destination, and each event goes there by its own tenant's.
async fn what_goes_to_a_destination_of_all_goes_by_its_own_tenants_route(engine: Engine) {
    let log = Endpoint::start([]);
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        tenants.umbrella = {{ origin = "hubspot/62516" }}
        destinations.log = {{ url = "{}", sign = "none" }}
        [routes.acme-log]
        tenant = "acme"
        destination = "log"
        transform = {{ template = '{{"of": "acme", "portal": {{{{ portal.id }}}}}}' }}
        [routes.umbrella-log]
        tenant = "umbrella"
        destination = "log"
        transform = {{ template = '{{"of": "umbrella", "portal": {{{{ portal.id }}}}}}' }}
        "#,
        log.url()
    ));
    let rig = rig_with(engine, &file, &[log.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    rig.publish(&deal_of(62516, 1)).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    let mut bodies: Vec<_> = log.received().into_iter().map(|received| received.body).collect();
    bodies.sort_unstable();
    assert_eq!(
        bodies,
        [&br#"{"of":"acme","portal":62515}"#[..], &br#"{"of":"umbrella","portal":62516}"#[..]]
    );
    rig.finish().await;
}

on_every_engine! {
    no_name_of_a_route_leads_an_event_to_anothers_destination
    the_same_ids_in_two_portals_are_two_events
    what_goes_to_a_destination_of_all_goes_by_its_own_tenants_route
}
