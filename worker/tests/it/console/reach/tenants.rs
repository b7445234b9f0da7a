//! Two accounts with letters, events and jobs, and a problem that both have.

use std::path::PathBuf;

use reqwest::Method;
use shared::message::{Death, DeathReason, Message};
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, prefix};
use worker::parts::records::dead_letters::{Filter, Grouping, Letter, State, note_version};
use worker::parts::records::jobs::{Action, Scope, Wish};

use crate::console::rig::{Answer, Browser, OPERATOR, Rig, VIEWER};
use crate::console::tenants::apply_text;
use crate::harness::{deal_of, fresh};

pub(super) const OWN: u64 = 62515;
pub(super) const OTHER: u64 = 777_001_234;
pub(super) const OWN_OPERATOR: &str = "own-operator-0123456789";
pub(super) const OWN_VIEWER: &str = "own-viewer-0123456789";
pub(super) const OTHER_OPERATOR: &str = "other-operator-0123456789";
/// What only the others' errors, notes, names and events say, and what is of all.
const OTHERS: [&str; 9] = [
    "777001234",
    "880055501",
    "Initech",
    "ONLY_OTHERS",
    "olga",
    "on_others_deal",
    "initech",
    "only-of-all",
    "log.example",
];

const TENANTS: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/"
secret = { env = "TENANT_ACME" }
[destinations.shared-log]
url = "https://log.example/"
sign = "none"
[destinations.shared-chat]
slack = { env = "TENANT_CHAT" }
[routes.acme-chat]
tenant = "acme"
destination = "shared-chat"
[routes.acme-deals]
tenant = "acme"
destination = "acme-crm"
[routes.acme-log]
tenant = "acme"
destination = "shared-log"
[routes.only-of-all]
destination = "shared-log"
[tenants.initech]
origin = "hubspot/777001234"
[destinations.initech-crm]
tenant = "initech"
url = "https://hooks.initech.example/"
secret = { env = "TENANT_INITECH" }
[routes.initech-all]
tenant = "initech"
destination = "initech-crm"
"#;

/// A file of tokens, gone when dropped.
pub(super) struct File(pub(super) PathBuf);

impl File {
    pub(super) fn of(text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("hubline-tokens-{}", prefix())));
        file.write(text);
        file
    }

    pub(super) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(super) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A console that knows people of both accounts.
pub(super) struct Two {
    pub(super) rig: Rig,
    pub(super) file: File,
    pub(super) own: Vec<Letter>,
    pub(super) others: Vec<Letter>,
    /// The problem that both have.
    pub(super) problem: String,
    pub(super) own_job: i64,
    /// One about the others' letters, and one about everybody's.
    pub(super) others_jobs: [i64; 2],
}

fn died(portal: u64, id: u64, target: &str, code: &str, error: &str) -> Message {
    let death = Death::new(DeathReason::Exhausted, code, error, shared::clock::now_ms());
    let target = Some(target.to_owned());
    Message { attempt: 10, target, death: Some(death), ..fresh(&deal_of(portal, id)) }
}

impl Two {
    pub(super) async fn new(engine: DatabaseEngine) -> Self {
        let file = File::of(&format!(
            "hubspot/{OWN} operator {OWN_OPERATOR}\nhubspot/{OWN} viewer {OWN_VIEWER}\n\
             hubspot/{OTHER} operator {OTHER_OPERATOR}\n"
        ));
        let flags = ["--console-token", OPERATOR, "--console-viewer-token", VIEWER];
        let flags = [&flags[..], &["--console-tenant-tokens-file", file.path()]].concat();
        let rig = Rig::with(engine, &flags).await;
        let mut messages: Vec<Message> = (1..=2)
            .map(|id| died(OWN, id, "on_deal", "SHARED", &format!("refused for 44001{id}")))
            .collect();
        messages.push(died(OWN, 3, "on_deal", "ONLY_OWN", "only of the own one"));
        messages.extend(
            (1..=5).map(|id| {
                died(OTHER, id, "on_deal", "SHARED", &format!("refused for 88005550{id}"))
            }),
        );
        messages.push(died(OTHER, 6, "on_others_deal", "ONLY_OTHERS", "Initech is no customer"));
        rig.letters.index(&messages).await;
        apply_text(&rig, TENANTS).await;
        let records = &rig.letters.records;
        let all = records.list(&Filter::default(), None, 99).await.unwrap().letters;
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|letter| letter.origin == Origin::hubspot(OWN));
        assert_eq!((own.len(), others.len()), (3, 6));
        let problem = own.last().unwrap().fingerprint.clone();
        let groups = records.groups(Grouping::Fingerprint, true).await.unwrap();
        let shared = groups.iter().find(|group| group.key == problem).unwrap();
        assert_eq!((shared.dead, shared.origins), (7, 2));
        let note = Some("Initech waits for this");
        records.note(&problem, &note_version(None), note, "olga").await.unwrap();
        for letter in own.iter().chain(&others) {
            rig.letters.database.run(&line(letter)).await;
        }
        let mut jobs = Vec::new();
        for (origin, who) in [(Some(OWN), "ann of all"), (Some(OTHER), "olga"), (None, "olga")] {
            let origin = origin.map(Origin::hubspot);
            let filter = Filter { origin, code: Some("SHARED".to_owned()), ..Filter::default() };
            let scope = Scope::letters(Action::Retry, filter);
            let cutoff_ms = shared::clock::now_ms();
            let wish = Wish { scope, cutoff_ms, rate: 1, who: who.to_owned() };
            jobs.push(records.jobs().create(&wish).await.unwrap().unwrap().id);
        }
        let (own_job, others_jobs) = (jobs[0], [jobs[1], jobs[2]]);
        Self { rig, file, own, others, problem, own_job, others_jobs }
    }

    pub(super) fn with(&self, token: &str) -> Browser {
        self.rig.browser.with("authorization", &format!("Bearer {token}"))
    }

    /// The letters of an account that are in this state.
    pub(super) async fn in_state(&self, portal: u64, state: State) -> i64 {
        let (origin, state) = (Some(Origin::hubspot(portal)), Some(state));
        self.rig.letters.count(&Filter { origin, state, ..Filter::default() }).await
    }

    /// Nothing of the others is in an answer.
    #[track_caller]
    pub(super) fn assert_own(&self, path: &str, answer: &Answer) {
        let head = format!("{:?}", answer.headers);
        for word in OTHERS {
            assert!(!answer.text.contains(word), "{path}: {word} in {}", answer.text);
            assert!(!head.contains(word), "{path}: {word} in {head}");
        }
        for letter in &self.others {
            let Letter { id, identity, .. } = letter;
            for word in [identity, &format!("/letters/{id}\""), &format!("\"id\":{id},")] {
                assert!(!answer.text.contains(word), "{path}: {word} in {}", answer.text);
            }
        }
        for job in self.others_jobs {
            assert!(!answer.text.contains(&format!("/jobs/{job}\"")), "{path}: {}", answer.text);
        }
    }

    pub(super) async fn finish(self) {
        self.rig.finish().await;
    }
}

/// A line of the event log about a letter's event, which quotes its error.
fn line(letter: &Letter) -> String {
    let now_ms = shared::clock::now_ms();
    let Letter { id, identity, origin, target, code, error, object_id, .. } = letter;
    let object_id = object_id.unwrap();
    format!(
        "INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, started_ms, \
         settled_ms, attempt, generation, target, verdict, code, error) VALUES ({}, {}, '{identity}', \
         '{origin}', 'deal.creation', {object_id}, {now_ms}, {now_ms}, {now_ms}, 9, 0, '{target}', \
         'exhausted', '{code}', '{error}')",
        now_ms / 86_400_000,
        now_ms * 1_048_576 + id,
    )
}

/// Asks with nothing in it.
pub(super) async fn ask(browser: &Browser, method: Method, path: &str) -> Answer {
    match method {
        Method::POST => browser.post(path, &[]).await,
        _ => browser.get(path).await,
    }
}
