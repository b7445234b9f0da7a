#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::error::Failure;
use crate::trial::Directory;
use crate::warnings::Warnings;

struct Bench {
    directory: Directory,
    credential: Arc<Credential>,
    registry: Registry,
}

impl Bench {
    /// A token in a file, with the pauses of `keeper`.
    fn with(keeper: &Keeper, token: &str) -> Self {
        let directory = Directory::new("credential").unwrap();
        let file = directory.0.join("token");
        std::fs::write(&file, token).unwrap();
        let value = SecretString::from(token.to_owned());
        let secret = Secret { name: "HUBSPOT_ACCESS_TOKEN", value, file: Some(file) };
        let mut registry = shared::metrics::registry("worker");
        let metrics = WorkerMetrics::register(&mut registry, false);
        let (base, timeout) = ("http://localhost/".parse().unwrap(), Duration::from_secs(10));
        let (service, keeper) = (Service::HubSpot, keeper.clone());
        let credential =
            Credential::new(service, &base, Some(secret), timeout, keeper, metrics).unwrap();
        Self { directory, credential: Arc::new(credential), registry }
    }

    fn new(token: &str) -> Self {
        Self::with(&Keeper::process(), token)
    }

    fn file(&self) -> PathBuf {
        self.directory.0.join("token")
    }

    fn write(&self, token: &str) {
        std::fs::write(self.file(), token).unwrap();
    }

    fn is_paused(&self) -> bool {
        let text = shared::metrics::encode(&self.registry);
        let line = |value| format!("hubline_credential_paused{{service=\"hubspot\"}} {value}\n");
        assert!(text.contains(&line(0)) || text.contains(&line(1)), "{text}");
        text.contains(&line(1))
    }
}

fn text(pass: &Pass) -> &str {
    pass.token.secret().expose_secret()
}

fn waits(error: &HandlerError) -> Duration {
    let Failure::Deferred { wait } = error.kind else { panic!("{error}") };
    assert_eq!(error.code, "HUBSPOT_TOKEN_REFUSED");
    assert!(error.message.contains("replace it"), "{error}");
    wait
}

#[tokio::test]
async fn a_refused_token_is_read_again_once_however_many_ask() {
    let bench = Bench::new("old");
    let pass = bench.credential.pass().await.unwrap();
    let others: Vec<Pass> = {
        let passes = (0..20).map(|_| bench.credential.pass());
        futures_util::future::try_join_all(passes).await.unwrap()
    };
    bench.write("new\n");
    assert_eq!(text(&bench.credential.anew(&pass).await.unwrap()), "new");
    // What is there now is not the others' concern: they have one that they were not refused with.
    std::fs::remove_file(bench.file()).unwrap();
    for other in others {
        assert_eq!(text(&bench.credential.anew(&other).await.unwrap()), "new");
    }
}

#[tokio::test]
async fn a_token_that_was_read_after_it_was_used_is_not_read_again() {
    let bench = Bench::new("old");
    let (one, other) =
        (bench.credential.pass().await.unwrap(), bench.credential.pass().await.unwrap());
    assert!(bench.credential.anew(&one).await.is_none());
    bench.write("new");
    assert!(bench.credential.anew(&other).await.is_none(), "read since that pass");
    let later = bench.credential.pass().await.unwrap();
    assert_eq!(text(&bench.credential.anew(&later).await.unwrap()), "new");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_replaced_is_read_without_a_refusal() {
    let bench = Bench::new("old");
    // As Kubernetes does it: the directory is a link, and another one takes its place.
    let (data, next) = (bench.directory.0.join("data"), bench.directory.0.join("next"));
    for (number, token) in [("1", "old"), ("2", "newer")] {
        std::fs::create_dir(bench.directory.0.join(number)).unwrap();
        std::fs::write(bench.directory.0.join(number).join("token"), token).unwrap();
    }
    symlink(bench.directory.0.join("1"), &data).unwrap();
    std::fs::remove_file(bench.file()).unwrap();
    symlink(data.join("token"), bench.file()).unwrap();
    let used = || async { text(&bench.credential.pass().await.unwrap()).to_owned() };
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(used().await, "old");
    symlink(bench.directory.0.join("2"), &next).unwrap();
    std::fs::rename(&next, &data).unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(used().await, "newer");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_away_or_holds_nothing_of_use_leaves_the_token_as_it_is() {
    let bench = Bench::new("old");
    let used = || async { text(&bench.credential.pass().await.unwrap()).to_owned() };
    for bad in ["", "a\u{1}b"] {
        bench.write(bad);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(used().await, "old", "{bad:?}");
    }
    std::fs::remove_file(bench.file()).unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(used().await, "old");
    bench.write("new");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(used().await, "new");
}

#[tokio::test]
async fn all_who_share_a_token_wait_once_it_is_refused_and_who_has_another_does_not() {
    let keeper = Keeper::process();
    let (one, same) = (Bench::with(&keeper, "old"), Bench::with(&keeper, "old"));
    let other = Bench::with(&keeper, "new");
    let pass = one.credential.pass().await.unwrap();
    let wait = waits(&one.credential.refused(&pass, "HUBSPOT_401").await);
    assert!(wait >= Duration::from_millis(900) && wait <= Duration::from_millis(1500), "{wait:?}");
    assert!(one.is_paused());
    for bench in [&one, &same] {
        waits(&bench.credential.ready().await.unwrap_err());
        waits(&bench.credential.pass().await.unwrap_err());
        bench.credential.look().await;
        assert!(bench.is_paused());
    }
    other.credential.pass().await.unwrap();
    other.credential.look().await;
    assert!(!other.is_paused());
    // It is given another too.
    same.write("new");
    let refused = Pass { token: Arc::clone(&same.credential.tokens.borrow()), ..pass };
    let refused = Pass { since: Instant::now(), ..refused };
    assert_eq!(text(&same.credential.anew(&refused).await.unwrap()), "new");
    same.credential.pass().await.unwrap();
    same.credential.look().await;
    assert!(!same.is_paused() && one.is_paused());
}

#[tokio::test]
async fn one_tries_and_if_it_is_let_in_all_are() {
    let keeper = Keeper::process();
    let (one, other) = (Bench::with(&keeper, "same"), Bench::with(&keeper, "same"));
    let pass = one.credential.pass().await.unwrap();
    one.credential.refused(&pass, "HUBSPOT_401").await;
    let try_pass = loop {
        match other.credential.pass().await {
            Ok(pass) => break pass,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert!(try_pass.is_try());
    waits(&one.credential.pass().await.unwrap_err());
    waits(&other.credential.pass().await.unwrap_err());
    other.credential.accepted(&try_pass).await;
    assert!(!one.credential.pass().await.unwrap().is_try());
    assert!(!other.is_paused());
    one.credential.look().await;
    assert!(!one.is_paused());
}

#[tokio::test]
async fn a_try_that_ends_without_a_word_makes_way_for_another_after_the_last_wait() {
    let bench = Bench::new("same");
    let name = bench.credential.tokens.borrow().name().to_owned();
    let say = |word| bench.credential.keeper.say(&name, word);
    let pass = bench.credential.pass().await.unwrap();
    bench.credential.refused(&pass, "HUBSPOT_401").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let try_pass = bench.credential.pass().await.unwrap();
    assert!(try_pass.is_try());
    drop(try_pass);
    // Told in the background: else nobody would try for 15 s.
    tokio::task::yield_now().await;
    assert!(matches!(say(Word::Look).await, PauseState::Paused(_)));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(say(Word::Look).await, PauseState::Try);
}

#[tokio::test]
async fn a_token_goes_out_once_it_is_vouched_for() {
    let bench = Bench::new("old");
    let pass = bench.credential.pass().await.unwrap();
    bench.credential.vouched(&pass.token, None).unwrap();
    bench.credential.vouch(None);
    let error = bench.credential.vouched(&pass.token, Some(1)).unwrap_err();
    assert_eq!(error.code, "HUBSPOT_TOKEN_NEW");
    assert!(matches!(error.kind, Failure::Deferred { wait } if wait <= Duration::from_secs(2)));
    bench.credential.vouch(Some(Voucher { token: Arc::clone(&pass.token), account: Some(1) }));
    bench.credential.vouched(&pass.token, Some(1)).unwrap();
    bench.credential.vouched(&pass.token, Some(2)).unwrap_err();
    bench.write("new");
    let newer = bench.credential.anew(&pass).await.unwrap();
    bench.credential.vouched(&newer.token, Some(1)).unwrap_err();
    bench.credential.vouched(&pass.token, Some(1)).unwrap();
}

#[test]
fn nothing_shows_the_secret() {
    let bench = Bench::new("hunter2");
    assert!(!format!("{:?}", bench.credential).contains("hunter2"));
    let token = Arc::clone(&bench.credential.tokens.borrow());
    let pass = Pass { token, trial: None, since: Instant::now() };
    assert!(!format!("{pass:?}").contains("hunter2"));
}

#[tokio::test]
async fn one_warning_is_all_that_is_said_of_a_pause() {
    let warnings = Warnings::default();
    let _logging = tracing::subscriber::set_default(warnings.clone());
    let bench = Bench::new("hunter2");
    let mut passes = Vec::new();
    for _ in 0..30 {
        passes.push(bench.credential.pass().await.unwrap());
    }
    for pass in &passes {
        bench.credential.refused(pass, "HUBSPOT_401").await;
    }
    for _ in 0..30 {
        bench.credential.pass().await.unwrap_err();
    }
    let said = warnings.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("HUBSPOT_401") && said[0].contains("HUBSPOT_ACCESS_TOKEN"),
        "{said:?}"
    );
    assert!(!said[0].contains("hunter2"), "{said:?}");
}
