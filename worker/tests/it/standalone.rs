//! `worker standalone` as an operator runs it: started, killed, started again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shared::senders::hubspot::signature::{ClientSecret, Version};
use tokio::sync::watch;
use worker::parts::poster::Poster;
use worker::stand_ins::{Fault, StandIns};

use crate::console::rig::Browser;
use crate::harness::within;

mod data;
mod demo;
mod disk;
mod finding;
mod process;
mod writer;

use data::Data;
use process::{Process, SECRET, refused};

const HANDLER: &str = "on_contact_created";

/// A contact's creation, different for each `id`: one call to the ERP.
fn contact(id: u64) -> String {
    format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":62515,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
    )
}

fn poster(process: &Process) -> Poster {
    let url = format!("http://{}/webhooks/hubspot", process.address);
    let secret = ClientSecret::new(SECRET.to_owned()).unwrap();
    Poster::new(&url, None, secret, Version::V3).unwrap()
}

async fn send(process: &Process, events: &[String]) {
    let body = format!("[{}]", events.join(","));
    let answer = poster(process).send(body.into_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, format!("{{\"received\":{}}}", events.len())));
}

/// An ERP, and the environment that points at it.
async fn erp() -> (StandIns, String) {
    let stand_ins = StandIns::start().await.unwrap();
    let url = stand_ins.url("erp");
    (stand_ins, url)
}

fn with_erp(url: &str) -> [(&str, &str); 2] {
    [("ERP_URL", url), ("ERP_API_KEY", "stand-in")]
}

/// Posts batches until the process is gone; every contact answered 200 is kept.
struct Load {
    confirmed: watch::Sender<BTreeSet<u64>>,
    next: AtomicU64,
}

impl Load {
    async fn run(self: Arc<Self>, poster: Poster, batch: u64) {
        loop {
            let first = self.next.fetch_add(batch, Ordering::Relaxed);
            let events: Vec<String> = (first..first + batch).map(contact).collect();
            match poster.send(format!("[{}]", events.join(",")).into_bytes()).await {
                Ok(answer) if answer.status == 200 => {
                    self.confirmed.send_modify(|confirmed| confirmed.extend(first..first + batch));
                }
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => return,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_under_load_it_ends_every_event_that_was_answered_200() {
    let (data, (stand_ins, url)) = (Data::new(), erp().await);
    // Contacts whose id begins with 9 are refused for good, and now and then the ERP is down.
    let refused = || Fault::new("erp", 422).on("PUT", "/customers/9");
    stand_ins.fail(refused());
    let load = Arc::new(Load {
        confirmed: watch::channel(BTreeSet::new()).0,
        next: AtomicU64::new(1_000_000),
    });
    for round in 0..50 {
        stand_ins.fail(Fault::new("erp", 503).times(3));
        let process = Process::start(&data.0, &with_erp(&url)).await;
        if round % 10 == 9 {
            load.next.store(9_000_000 + round * 10_000, Ordering::Relaxed);
        } else {
            load.next.store(1_000_000 + round * 10_000, Ordering::Relaxed);
        }
        let posting: Vec<_> = [1, 2, 7, 20]
            .map(|batch| tokio::spawn(Arc::clone(&load).run(poster(&process), batch)))
            .into();
        // At no moment in particular: after some more answers, whatever else is going on.
        let enough = load.confirmed.borrow().len() + 1 + rand::random::<u8>() as usize;
        let mut confirmed = load.confirmed.subscribe();
        let waited = confirmed.wait_for(|confirmed| confirmed.len() >= enough);
        within("answers", waited).await.unwrap();
        process.kill().await;
        for posting in posting {
            within("the posting's end", posting).await.unwrap();
        }
    }
    // It is up in the end. Of rounds that were over before it was called its failures are left, and with so many
    // nobody calls it for minutes.
    stand_ins.heal();
    stand_ins.fail(refused());
    let process = Process::start(&data.0, &with_erp(&url)).await;
    data.worked_off().await;
    assert_eq!(process.terminate().await.code(), Some(0));

    let confirmed: Vec<u64> = load.confirmed.borrow().iter().copied().collect();
    let bodies: Vec<String> = confirmed.iter().copied().map(contact).collect();
    let ends = data.ends(&bodies, HANDLER).await;
    let customers = stand_ins.customers();
    let mut dead = 0;
    for (id, end) in confirmed.iter().zip(&ends) {
        match end {
            Some("done") => assert!(customers.contains(&id.to_string()), "{id} was never put"),
            Some(_) => dead += 1,
            None => panic!("{id} was answered 200 and is lost"),
        }
    }
    let refused = confirmed.iter().filter(|id| **id >= 9_000_000).count();
    assert!(confirmed.len() > 1000 && refused > 0, "{} {refused}", confirmed.len());
    assert!(dead >= refused, "{dead} of {refused} refused are dead letters");
    assert!(dead < confirmed.len() / 2, "{dead} of {} are dead letters", confirmed.len());
    // Only what a kill cut off was done again: at most what is in hand at once, each time.
    assert_eq!(data.number("SELECT count(*) FROM claim WHERE state = 'S'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_hand_goes_on_at_once_after_a_kill() {
    let (data, (stand_ins, url)) = (Data::new(), erp().await);
    stand_ins.fail(Fault::slow("erp", std::time::Duration::from_secs(3600)).times(1));
    // The lease would hold for an hour: the next process knows that its owner is dead.
    let mut environment = with_erp(&url).to_vec();
    environment.extend([("LEASE", "1h"), ("HANDLER_TIMEOUT", "20min"), ("API_TIMEOUT", "10min")]);
    environment.push(("SHUTDOWN_GRACE", "20min"));
    let process = Process::start(&data.0, &environment).await;
    send(&process, &[contact(1)]).await;
    within("the call", stand_ins.wait_for(1, |_| true)).await;
    process.kill().await;
    let process = Process::start(&data.0, &environment).await;
    data.worked_off().await;
    assert_eq!(process.terminate().await.code(), Some(0));
    assert_eq!(data.ends(&[contact(1)], HANDLER).await, [Some("done")]);
    assert_eq!(stand_ins.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_for_its_retry_does_so_over_a_restart_and_a_clock_set_back() {
    let (data, (stand_ins, url)) = (Data::new(), erp().await);
    stand_ins.fail(Fault::new("erp", 503).times(1));
    let mut environment = with_erp(&url).to_vec();
    environment.extend([("RETRY_INITIAL", "3s"), ("RETRY_MAX", "3s")]);
    let process = Process::start(&data.0, &environment).await;
    send(&process, &[contact(1)]).await;
    within("the call", stand_ins.wait_for(1, |_| true)).await;
    assert_eq!(process.terminate().await.code(), Some(0));
    assert_eq!(data.number("SELECT count(*) FROM message WHERE attempt = 1").await, 1);
    // As if the first process had run with a clock that was an hour ahead, since set right.
    data.change(
        "UPDATE clock SET high_ms = high_ms + 3600000;
         UPDATE message SET due_ms = due_ms + 3600000;
         UPDATE claim SET lease_until_ms = lease_until_ms + 3600000,
                          expires_ms = expires_ms + 3600000",
    )
    .await;
    let process = Process::start(&data.0, &environment).await;
    data.worked_off().await;
    // A new event, by the same clock.
    send(&process, &[contact(2)]).await;
    data.worked_off().await;
    assert_eq!(process.terminate().await.code(), Some(0));
    let ends = data.ends(&[contact(1), contact(2)], HANDLER).await;
    assert_eq!(ends, [Some("done"), Some("done")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_ends_and_says_why() {
    let data = Data::new();
    let process = Process::start(&data.0, &[]).await;
    let (code, said) = refused(&data.0, &[]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("in use by another process"), "{said}");
    send(&process, &[contact(1)]).await;
    assert_eq!(process.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why_and_has_begun_nothing() {
    let data = Data::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (setting, value) in [
        ("ADMIN_LISTEN", address.as_str()),
        ("CONSOLE_LISTEN", &address),
        ("CONSOLE_TOKEN", "too short"),
        ("LISTEN", &address),
        ("HUBSPOT_CLIENT_SECRET", ""),
        ("LEASE", "1s"),
        ("ERP_URL", "http://127.0.0.1:1"),
    ] {
        let (code, said) = refused(&data.0, &[(setting, value)]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(setting), "{said}");
        assert!(!said.contains("worker started"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_leaves_the_file_and_its_room_is_used_again() {
    let (data, (_stand_ins, url)) = (Data::new(), erp().await);
    let process = Process::start(&data.0, &with_erp(&url)).await;
    let events: Vec<String> = (0..2000).map(contact).collect();
    send(&process, &events).await;
    data.worked_off().await;
    assert_eq!(process.terminate().await.code(), Some(0));
    assert_eq!(data.number("SELECT count(*) FROM claim WHERE state = 'C'").await, 2000);
    let pages = data.number("PRAGMA page_count").await;
    // As if all of it had been long ago.
    data.change("UPDATE claim SET expires_ms = 1").await;
    let process = Process::start(&data.0, &with_erp(&url)).await;
    let forgotten = async {
        while data.number("SELECT count(*) FROM claim").await > 0
            || data.number("PRAGMA freelist_count").await > 0
        {
            // A file has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("what has expired is forgotten", forgotten).await;
    assert_eq!(process.terminate().await.code(), Some(0));
    let left = data.number("PRAGMA page_count").await;
    assert!(left < pages / 4, "{left} of {pages} pages are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_admin_listener_tells_of_both_halves() {
    let (data, (stand_ins, url)) = (Data::new(), erp().await);
    let process = Process::start(&data.0, &with_erp(&url)).await;
    send(&process, &[contact(1)]).await;
    within("the call", stand_ins.wait_for(1, |_| true)).await;
    data.worked_off().await;
    let admin = crate::harness::Admin::at(process.admin);
    admin.wait_until_ready().await;
    for line in [
        "hubline_received_events_total 1",
        "hubline_deliveries_total{handler=\"on_contact_created\",verdict=\"succeeded\"} 1",
        "hubline_store_up 1",
        "hubline_queue_messages{queue=\"dead\"} 0.0",
    ] {
        admin.wait_for_line(line).await;
    }
    assert_eq!(admin.get("rejections").await, "[]");
    assert_eq!(process.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_console_shows_what_was_done_and_whom_its_endpoint_refused() {
    let (data, (_stand_ins, url)) = (Data::new(), erp().await);
    let process = Process::start(&data.0, &with_erp(&url)).await;
    send(&process, &[contact(1)]).await;
    data.worked_off().await;
    let endpoint = format!("http://{}/webhooks/hubspot", process.address);
    let wrong = ClientSecret::new("another".to_owned()).unwrap();
    let stranger = Poster::new(&endpoint, None, wrong, Version::V3).unwrap();
    assert_eq!(stranger.send(b"[]".to_vec()).await.unwrap().status, 401);
    let browser = Browser::at(process.console);
    let shown = async {
        // The log is written beside the work, and the page is of a moment ago.
        while !browser.get("/health").await.text.contains(">succeeded<") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within("the event in the log", shown).await;
    let page = browser.get("/health").await;
    page.shows(&["signature_mismatch", "data file", "events to be worked on"]);
    browser.get("/events").await.shows(&["contact.creation", "on_contact_created"]);
    assert_eq!(process.terminate().await.code(), Some(0));
}
