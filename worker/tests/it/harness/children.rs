//! Worker processes that a test may kill: this test binary again, told by its environment to
//! be a worker ([`crate::child`]). What it reports on standard output are the test's signals.
//! A data file is lent to it, so that its events must be there before it starts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};

use shared::testing::Loan;
use tokio::sync::watch;

use super::{Admin, Rig, within};
use crate::child::{DATA, FLAGS, PREFIX, SCENARIO, TEST};

/// What a child reported of a run: `probe <word> <object id> <attempt>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) word: String,
    /// The object's id, or another number or text.
    pub(crate) about: String,
    pub(crate) attempt: Option<u32>,
}

/// A worker process; killed when dropped.
pub(crate) struct Child {
    process: Process,
    stdin: ChildStdin,
    reports: watch::Receiver<Vec<Report>>,
    loan: Option<Loan>,
}

impl Child {
    /// Starts one with the handler of `scenario` on the rig's queues; later flags win.
    pub(crate) async fn start(rig: &Rig, scenario: &str, flags: &[&str]) -> Self {
        let loan = rig.queues.lend().await;
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .envs(loan.iter().map(|loan| (DATA, loan.directory())))
            .env(SCENARIO, scenario)
            .env(PREFIX, &rig.prefix)
            .env(FLAGS, flags.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (report, reports) = watch::channel(Vec::new());
        // Ends with the child's output; the channel then closes.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Some((_, rest)) = line.split_once("probe ") else { continue };
                let mut words = rest.split(' ').map(str::to_owned);
                report.send_modify(|reports| {
                    reports.push(Report {
                        word: words.next().unwrap_or_default(),
                        about: words.next().unwrap_or_default(),
                        attempt: words.next().and_then(|attempt| attempt.parse().ok()),
                    });
                });
            }
        });
        Self { process, stdin, reports, loan }
    }

    /// Starts one and waits until it takes events.
    pub(crate) async fn ready(rig: &Rig, scenario: &str, flags: &[&str]) -> Self {
        let child = Self::start(rig, scenario, flags).await;
        child.admin().await.wait_until_ready().await;
        child
    }

    /// Its admin listener.
    pub(crate) async fn admin(&self) -> Admin {
        Admin::at(&self.wait("listening", 1).await[0].about)
    }

    /// Waits for `count` reports of `word`.
    pub(crate) async fn wait(&self, word: &str, count: usize) -> Vec<Report> {
        let mut reports = self.reports.clone();
        let of = |reports: &[Report]| reports.iter().filter(|report| report.word == word).count();
        let waited = reports.wait_for(|reports| of(reports) >= count);
        let waited = within(&format!("{count} times `{word}` of a child"), waited).await.is_ok();
        assert!(waited, "the child ended before {count} times `{word}`: {:?}", self.reports(word));
        self.reports(word)
    }

    /// The reports of `word` so far.
    pub(crate) fn reports(&self, word: &str) -> Vec<Report> {
        self.reports.borrow().iter().filter(|report| report.word == word).cloned().collect()
    }

    /// A word for handlers that wait for one.
    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.stdin, "{word}").unwrap();
    }

    /// `TERM`, `STOP`, `CONT` or `KILL`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.process.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success(), "{signal} could not be sent");
    }

    /// Waits for its end; a data file is the rig's again.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut reports = self.reports.clone();
        within("the end of a child", async { while reports.changed().await.is_ok() {} }).await;
        // Its output is closed: it is as good as gone.
        let status = tokio::task::block_in_place(|| self.process.wait()).unwrap();
        if let Some(loan) = self.loan.take() {
            loan.end().await;
        }
        status
    }

    /// SIGKILL, and waits for its end.
    pub(crate) async fn kill(mut self) {
        self.signal("KILL");
        assert!(!self.ended().await.success());
    }

    /// SIGTERM; it must end well.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
