//! What every request needs, and how the records are asked: on the runtime that the program began
//! on. A connection that was made on one of the server's threads would end with that thread, in
//! the middle of other parts' work.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use shared::admin::Readiness;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::access::reach::OutOfReach;
use super::access::{Access, Guesses, Person, Sessions, renew};
use super::fault::Fault;
use super::health::Watch;
use super::limits::Limits;
use super::metrics::ConsoleMetrics;
use super::questions::Questions;
use super::rotations::Rotations;
use super::sources::Sources;
use super::tenants::Tenants;
use super::view::View;
use crate::records::redaction::Redaction;
use crate::records::{Conflict, Records, took_too_long};
use crate::rotation::Refusal;
use crate::sealed::Keys;
use crate::settings::{ConsoleSettings, ConsoleUrl};

/// How long a page may take to find out what it shows.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it is looked whether the records answer.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What every request needs.
pub(super) struct App {
    /// Shown as far as somebody sees them: see [`Self::view`].
    records: Records,
    pub(super) access: Access,
    pub(super) sessions: Sessions,
    pub(super) guesses: Guesses,
    /// Those that are believed whom a request came from.
    pub(super) proxies: Vec<IpNet>,
    pub(super) metrics: ConsoleMetrics,
    /// Where people find the console, if that was said.
    pub(super) url: Option<ConsoleUrl>,
    /// How long discarded letters can be restored.
    pub(super) retention: Duration,
    /// What of events is not shown.
    pub(super) redaction: Redaction,
    pub(super) health: Arc<Watch>,
    pub(super) limits: Arc<Limits>,
    pub(super) tenants: Tenants,
    /// What secrets are sealed with that are made for destinations.
    pub(super) keys: Option<Arc<Keys>>,
    pub(super) rotations: Rotations,
    runtime: Handle,
    questions: Arc<Questions>,
    /// Actions that are being done.
    deeds: TaskTracker,
    records_up: watch::Receiver<Option<bool>>,
    _pinging: AbortOnDropHandle<()>,
    _renewing: Option<AbortOnDropHandle<()>>,
}

impl App {
    pub(super) fn new(settings: &ConsoleSettings, sources: Sources) -> anyhow::Result<Self> {
        let (up, records_up) = watch::channel(None);
        let pinging = tokio::spawn(ping(sources.records.clone(), up));
        let tokens = settings.tokens()?;
        let access = Access::new(&tokens);
        let renewing = renew(settings, tokens, &access);
        // This process, if it runs handlers itself, and whoever may be a worker.
        let own = sources.receivers.iter().map(ToString::to_string);
        let workers: Vec<_> = own.chain(settings.alerts.alert_sources.iter().cloned()).collect();
        Ok(Self {
            records: sources.records.clone(),
            sessions: Sessions::start(&access, sources.records.clone()),
            access,
            guesses: Guesses::default(),
            proxies: settings.console_trusted_proxies.clone(),
            metrics: sources.metrics.clone(),
            url: settings.console_url.clone(),
            retention: sources.discarded_retention,
            redaction: sources.redaction.clone(),
            limits: Arc::new(Limits::new(workers)),
            keys: sources.secrets_key.keys()?.map(Arc::new),
            tenants: Tenants::new(
                sources.records.clone(),
                sources.tenants_file.clone(),
                sources.has_app,
            ),
            health: Arc::new(Watch::new(settings, sources)?),
            rotations: Rotations::default(),
            runtime: Handle::current(),
            questions: Arc::default(),
            deeds: TaskTracker::new(),
            records_up,
            _pinging: AbortOnDropHandle::new(pinging),
            _renewing: renewing,
        })
    }

    /// What `person` sees of the records.
    pub(super) fn view(&self, person: &Person) -> View {
        View::of(person, self.records.clone(), self.redaction.clone())
    }

    /// Asks the records for `person`, not for ever. If the request ends, so does the question.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        person: &Person,
        question: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> Result<T, Fault> {
        let (questions, origin) = (Arc::clone(&self.questions), person.reach.origin().cloned());
        let asking = AbortOnDropHandle::new(self.runtime.spawn(async move {
            let _turn = questions.turn(origin.as_ref()).await;
            question.await
        }));
        match tokio::time::timeout(DEADLINE, asking).await {
            Ok(Ok(answer)) => answer.map_err(fault),
            Ok(Err(error)) => Err(Fault::Broken(error.into())),
            Err(_) => Err(Fault::Unavailable(anyhow::anyhow!(
                "no answer within {} s",
                DEADLINE.as_secs()
            ))),
        }
    }

    /// Begins what goes on whether anybody waits for it or not.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        deed: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.deeds.spawn_on(deed, &self.runtime)
    }

    /// Does something to the records, behind no question, and waits for it a while; `None` if it is
    /// not done by then: it goes on.
    pub(super) async fn act<T: Send + 'static>(
        &self,
        deed: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        match tokio::time::timeout(DEADLINE, self.begin(deed)).await {
            Ok(Ok(done)) => done.map(Some).map_err(fault),
            Ok(Err(error)) => Err(Fault::Broken(error.into())),
            Err(_) => Ok(None),
        }
    }

    /// The same for what reads as much as a question does: of those who see one account alone it waits for its
    /// turn like one.
    pub(super) async fn act_in_turn<T: Send + 'static>(
        &self,
        person: &Person,
        deed: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let (questions, origin) = (Arc::clone(&self.questions), person.reach.origin().cloned());
        let in_turn = async move {
            let _turn = match &origin {
                Some(origin) => Some(questions.turn(Some(origin)).await),
                None => None,
            };
            deed.await
        };
        self.act(in_turn).await
    }

    /// Lets what was begun come to an end, not for ever.
    pub(super) async fn finish(&self, patience: Duration) {
        self.deeds.close();
        if tokio::time::timeout(patience, self.deeds.wait()).await.is_err() {
            tracing::warn!("an action of the console was cut off: what it did stays done");
        }
    }

    pub(super) fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        let up = self.records_up.clone();
        Arc::new(move || {
            let up = *up.borrow();
            let state = match up {
                None => "connecting",
                Some(true) => "up",
                Some(false) => "down",
            };
            let checks = [("records", state.to_owned())].into();
            Readiness { ready: up == Some(true), checks }
        })
    }
}

/// A database that answers what cannot be understood is not away, nor is one that ends a question.
pub(super) fn fault(error: anyhow::Error) -> Fault {
    if error.is::<OutOfReach>() {
        return Fault::nothing();
    }
    if error.is::<Conflict>() {
        let what =
            "Nothing was changed: somebody has changed tenants at the same moment. Try it again.";
        return Fault::Wrong(what.to_owned());
    }
    match error.downcast_ref() {
        None => {}
        Some(Refusal::Missing(_)) => return Fault::nothing(),
        Some(refusal) => return Fault::Wrong(format!("Nothing was changed: {refusal}.")),
    }
    match error.downcast_ref() {
        Some(error_of) if took_too_long(error_of) => Fault::TooLong(error),
        Some(
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::TypeNotFound { .. },
        ) => Fault::Broken(error),
        _ => Fault::Unavailable(error),
    }
}

/// Keeps `up` true while the records answer.
async fn ping(records: Records, up: watch::Sender<Option<bool>>) {
    loop {
        let pinging = records.ping();
        let answered = matches!(tokio::time::timeout(PING_EVERY, pinging).await, Ok(Ok(())));
        if up.send_replace(Some(answered)) == Some(!answered) {
            tracing::info!(up = answered, "the console's records");
        }
        tokio::time::sleep(PING_EVERY).await;
    }
}
