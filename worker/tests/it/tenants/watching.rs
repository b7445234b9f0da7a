//! A file that changes while a worker runs, and one that cannot be used at the start.

use worker::parts::Worker;

use super::endpoint::Endpoint;
use super::file::File;
use super::{one, rig_with, worker};
use crate::harness::{Admin, Engine, deal, on_every_engine, wait_for_verdicts};

async fn another_version_of_the_file_is_taken_and_a_faulty_one_is_not(engine: Engine) {
    let (before, after) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&one(&before, "active", "active"));
    let rig = rig_with(engine, &file, &[before.address, after.address]).await;
    let worker = worker(&rig);
    let admin = Admin::of(&worker);
    admin.wait_for_line("hubline_tenants_file_valid 1.0").await;
    rig.publish(&deal(1)).await;
    before.wait(1).await;
    file.write("[tenants.acme]\norigin = 7\n");
    admin.wait_for_line("hubline_tenants_file_valid 0.0").await;
    rig.publish(&deal(2)).await;
    before.wait(2).await;
    file.write(&one(&after, "active", "active"));
    admin.wait_for_line("hubline_tenants_file_valid 1.0").await;
    rig.publish(&deal(3)).await;
    after.wait(1).await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    worker.stop().await;
    assert_eq!((before.received().len(), after.received().len()), (2, 1));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_text_stops_the_start_with_each_fault() {
    let acme = Endpoint::start([]);
    let text = one(&acme, "active", "active");
    let file = File::of(&text.replace("destination = \"acme-crm\"", "destination = \"acme-crn\""));
    let mut settings = crate::harness::settings("unused", &[]);
    settings.processing.tenants.tenants_file = Some(file.path());
    let error = Worker::start(&settings, worker::Registry::new()).err().unwrap();
    let error = format!("{error:#}");
    assert!(error.contains("did you mean") && error.contains("acme-crm"), "{error}");
    assert!(!error.contains("hooks"), "an address may be a secret: {error}");
}

on_every_engine! {
    another_version_of_the_file_is_taken_and_a_faulty_one_is_not
}
