//! Handlers tried out in a test: all of Hubline in this process, on a data file that is thrown
//! away, with short waits. Owns no server and plays nobody: third parties are
//! [`crate::stand_ins`], or nobody.

use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args as _, Command, FromArgMatches as _};
use secrecy::SecretString;
use shared::senders::Sender;
use shared::senders::hubspot::signature::{ClientSecret, Version};

use crate::poster::Poster;
use crate::records::{Line, Question, Records};
use crate::registry::Registry;
use crate::router::Table;
use crate::settings::integrations::IntegrationSettings;
use crate::settings::{RetrySettings, StandaloneSettings};
use crate::standalone::Standalone;

/// No trial takes that long; what does hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// What is not the end of an event for its handler: it comes back.
const ON_THE_WAY: [&str; 5] = ["retried", "held", "limited", "interrupted", "lost"];

/// A running Hubline with the handlers under test.
pub struct Trial {
    standalone: Standalone,
    records: Records,
    targets: Table,
    poster: Poster,
    directory: Directory,
}

impl Trial {
    /// Starts it. What `integrations` does not name is off; whatever the environment says does
    /// not count. Must be called on a multi-thread runtime.
    pub async fn start(
        registry: Registry,
        integrations: IntegrationSettings,
    ) -> anyhow::Result<Self> {
        let directory = Directory::new("trial")?;
        let secret = format!("{:032x}", rand::random::<u128>());
        let mut settings = thrown_away(&directory, &secret)?;
        settings.processing.retry = RetrySettings {
            retry_initial: Duration::from_millis(10),
            retry_multiplier: 2.0,
            retry_max: Duration::from_millis(100),
            retry_attempts: 5,
        };
        settings.processing.integrations = integrations;
        let standalone = Standalone::start(&settings, registry.clone()).await?;
        let url = format!("http://{}/webhooks/hubspot", standalone.address());
        let poster = Poster::new(&url, None, ClientSecret::new(secret)?, Version::V3)?;
        let records = Records::in_directory(&directory.0);
        Ok(Self { standalone, records, targets: Table::new(registry), poster, directory })
    }

    /// Delivers one event, written as HubSpot writes it, and waits until every handler that wants
    /// it has come to its end, retries and all. Gives these ends as the event log has them:
    /// `succeeded`, `duplicate`, `exhausted`, `permanent`, …
    pub async fn deliver(&self, event: &str) -> anyhow::Result<Vec<String>> {
        let parsed = Sender::HubSpot.identify(&event.to_owned().into())?;
        let identity = parsed.identity.to_string();
        let before = self.ends(&identity).await.map_or(0, |ends| ends.len());
        let answer = self.poster.send(format!("[{event}]").into_bytes()).await?;
        anyhow::ensure!(answer.status == 200, "answered {} {}", answer.status, answer.body);
        let awaited = before + self.targets.targets_of(&parsed).len().max(1);
        let waiting = async {
            loop {
                // Records are opened beside the work, and may not be there yet.
                if let Ok(ends) = self.ends(&identity).await
                    && ends.len() >= awaited
                {
                    return ends;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let ends = tokio::time::timeout(PATIENCE, waiting).await;
        let mut ends = ends.context("the event has not come to its end within a minute")?;
        Ok(ends.split_off(before).into_iter().map(|line| line.verdict).collect())
    }

    /// The ends of an event so far, the first one first.
    async fn ends(&self, identity: &str) -> anyhow::Result<Vec<Line>> {
        let question = Question { event: Some(identity.to_owned()), ..Question::default() };
        let mut lines = self.records.history(&question, 1000).await?;
        lines.retain(|line| !ON_THE_WAY.contains(&line.verdict.as_str()));
        lines.reverse();
        Ok(lines)
    }

    /// Ends it and removes its data.
    pub async fn stop(self) {
        self.records.close().await;
        self.standalone.stop().await;
        drop(self.directory);
    }
}

/// A directory of one's own, removed when dropped.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(purpose: &str) -> anyhow::Result<Self> {
        let name = format!("hubline-{purpose}-{:016x}", rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every default, as if the environment were empty, in `directory` and on free ports of the
/// loopback interface.
pub(crate) fn thrown_away(
    directory: &Directory,
    secret: &str,
) -> anyhow::Result<StandaloneSettings> {
    let command = StandaloneSettings::augment_args(Command::new("hubline").no_binary_name(true));
    let command = command.mut_args(|argument| argument.env(None::<&str>));
    let matches = command.try_get_matches_from(std::iter::empty::<&str>())?;
    let mut settings = StandaloneSettings::from_arg_matches(&matches)?;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.data.clone_from(&directory.0);
    settings.listen = loopback;
    settings.admin_listen = loopback;
    settings.console.console_listen = loopback;
    settings.endpoint.hubspot_client_secret = Some(SecretString::from(secret.to_owned()));
    Ok(settings)
}
