//! A disk that fails on demand: what a process writes to its data directory, or syncs there, goes
//! through `disk.c`, which is compiled here and loaded into it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tokio::sync::watch;
use worker::parts::poster::Poster;

use super::data::Data;
use super::process::Process;
use super::{HANDLER, contact, erp, poster, with_erp};
use crate::harness::{Admin, within};

const ENOSPC: u32 = 28;
const EIO: u32 = 5;

struct Disk {
    directory: PathBuf,
    data: PathBuf,
}

impl Disk {
    /// Of the files in `data`. Works until it is told otherwise.
    fn of(data: &Path) -> Self {
        let directory = data.with_extension("disk");
        std::fs::create_dir(&directory).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/standalone/disk.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(directory.join("disk.so"))
            .arg(source)
            .arg("-ldl")
            .output()
            .expect("this test needs a C compiler named cc");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Self { directory, data: data.to_owned() }
    }

    fn environment(&self) -> [(&'static str, String); 3] {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(self.directory.join("disk.so"))),
            ("FAULTY_DIRECTORY", text(self.data.clone())),
            ("FAULTY_ORDER", text(self.order())),
        ]
    }

    fn order(&self) -> PathBuf {
        self.directory.join("order")
    }

    /// From here on each `operation`, `write` or `sync`, fails with this error.
    fn fail(&self, operation: &str, errno: u32) {
        let _ = std::fs::remove_file(self.directory.join("order.obeyed"));
        let new = self.directory.join("order.new");
        std::fs::write(&new, format!("{operation} {errno}")).unwrap();
        std::fs::rename(new, self.order()).unwrap();
    }

    fn work(&self) {
        std::fs::remove_file(self.order()).unwrap();
        assert!(self.directory.join("order.obeyed").exists(), "nothing has failed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What the answers were.
#[derive(Default)]
struct Answers {
    confirmed: BTreeSet<u64>,
    refused: u64,
}

/// Posts contacts one after another until told to end, or the process is gone.
struct Load {
    answers: watch::Sender<Answers>,
    next: AtomicU64,
    ends: AtomicBool,
}

impl Load {
    async fn run(self: Arc<Self>, poster: Poster) {
        while !self.ends.load(Ordering::Relaxed) {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let Ok(answer) = poster.send(format!("[{}]", contact(id)).into_bytes()).await else {
                return;
            };
            self.answers.send_modify(|answers| match answer.status {
                200 => drop(answers.confirmed.insert(id)),
                503 => answers.refused += 1,
                _ => panic!("{answer:?}"),
            });
        }
    }

    /// Waits for so many more answers of each kind.
    async fn wait(&self, confirmed: usize, refused: u64) {
        let (before, refused_before) = {
            let answers = self.answers.borrow();
            (answers.confirmed.len(), answers.refused)
        };
        let mut answers = self.answers.subscribe();
        let enough = answers.wait_for(|answers| {
            answers.confirmed.len() >= before + confirmed
                && answers.refused >= refused_before + refused
        });
        within("answers", enough).await.unwrap();
    }
}

/// Whether the process says that it can take deliveries.
async fn wait_until_ready(admin: &Admin, ready: bool) -> Value {
    loop {
        let readiness: Value = serde_json::from_str(&admin.get("readyz").await).unwrap();
        if readiness["ready"] == ready {
            return readiness;
        }
        // A page has nothing to wait on; this is the poll of a test, not a delay.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn nothing_is_lost_that_was_answered_200(operation: &str, errno: u32) {
    let (data, (stand_ins, url)) = (Data::new(), erp().await);
    let disk = Disk::of(&data.0);
    let preload = disk.environment();
    let mut environment = with_erp(&url).to_vec();
    environment.extend(preload.iter().map(|(name, value)| (*name, value.as_str())));
    let load = Arc::new(Load {
        answers: watch::Sender::default(),
        next: AtomicU64::new(1_000_000),
        ends: AtomicBool::new(false),
    });

    let process = Process::start(&data.0, &environment).await;
    let admin = Admin::at(process.admin);
    let posting: Vec<_> =
        (0..4).map(|_| tokio::spawn(Arc::clone(&load).run(poster(&process)))).collect();
    for _ in 0..2 {
        load.wait(30, 0).await;
        disk.fail(operation, errno);
        load.wait(0, 30).await;
        let readiness = within("it to say so", wait_until_ready(&admin, false)).await;
        let said = readiness["checks"]["broker"].as_str().unwrap().to_owned();
        assert!(said.starts_with("down: "), "{readiness}");
        assert_eq!(admin.get("livez").await, "ok\n");
        // Room again: it goes on by itself.
        disk.work();
        within("it to be ready", wait_until_ready(&admin, true)).await;
        load.wait(30, 0).await;
    }
    // And it may die meanwhile.
    disk.fail(operation, errno);
    load.wait(0, 10).await;
    process.kill().await;
    for posting in posting {
        within("the posting's end", posting).await.unwrap();
    }
    disk.work();

    let process = Process::start(&data.0, &environment).await;
    data.worked_off().await;
    assert_eq!(process.terminate().await.code(), Some(0));
    let confirmed: Vec<u64> = load.answers.borrow().confirmed.iter().copied().collect();
    let bodies: Vec<String> = confirmed.iter().copied().map(contact).collect();
    let (ends, customers) = (data.ends(&bodies, HANDLER).await, stand_ins.customers());
    for (id, end) in confirmed.iter().zip(&ends) {
        assert_eq!(*end, Some("done"), "{id} was answered 200");
        assert!(customers.contains(&id.to_string()), "{id} was never put");
    }
    assert!(confirmed.len() >= 120, "{}", confirmed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_a_write_loses_nothing() {
    nothing_is_lost_that_was_answered_200("write", ENOSPC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_at_a_write_loses_nothing() {
    nothing_is_lost_that_was_answered_200("write", EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_at_a_sync_loses_nothing() {
    nothing_is_lost_that_was_answered_200("sync", ENOSPC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_at_a_sync_loses_nothing() {
    nothing_is_lost_that_was_answered_200("sync", EIO).await;
}
