//! The sessions that people have open: what they are sealed with, and which were ended before their
//! time, by this console or by another one on the same records.
//!
//! The records are asked once a second and not with each page, so that pages that need no records are
//! there while these are away. Before they have answered once, no session is believed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::clock::now_ms;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::session::{self, Session};
use super::tokens::{Access, Pass};
use crate::console::fault::Fault;
use crate::records::{Key, Purpose, Records};

/// How often it is looked what others have ended.
const EVERY: Duration = Duration::from_secs(1);
/// How long the records are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the records have told.
#[derive(Debug)]
struct Known {
    key: Arc<Key>,
    ended: HashSet<String>,
}

/// A session that was ended here.
#[derive(Clone, Copy, Debug)]
struct End {
    expires_ms: i64,
    is_written: bool,
}

#[derive(Debug)]
struct Shared {
    records: Records,
    known: watch::Sender<Option<Known>>,
    ended_here: Mutex<HashMap<String, End>>,
}

/// The sessions that people have open.
#[derive(Debug)]
pub(in crate::console) struct Sessions {
    shared: Arc<Shared>,
    _keeping: Option<AbortOnDropHandle<()>>,
}

impl Sessions {
    /// Begins to ask the records, if there can be sessions at all.
    pub(in crate::console) fn start(access: &Access, records: Records) -> Self {
        let (known, ended_here) = (watch::Sender::new(None), Mutex::default());
        let shared = Arc::new(Shared { records, known, ended_here });
        let keeping = match access {
            Access::Open => None,
            Access::Tokens(_) => Some(tokio::spawn(keep(Arc::clone(&shared)))),
        };
        Self { shared, _keeping: keeping.map(AbortOnDropHandle::new) }
    }

    /// A new one.
    pub(in crate::console) async fn begin(&self, pass: &Pass, name: &str) -> Result<String, Fault> {
        let seal = |known: &Known| session::seal(pass, &known.key, name, now_ms());
        let sealed = self.when_known(seal).await?;
        sealed.ok_or_else(|| Fault::Broken(anyhow::anyhow!("no key for a session")))
    }

    /// The first of `texts` that is an open session.
    pub(in crate::console) async fn find(
        &self,
        access: &Access,
        texts: impl Iterator<Item = &str>,
    ) -> Result<Option<Session>, Fault> {
        let mut texts = texts.peekable();
        if texts.peek().is_none() {
            return Ok(None);
        }
        let now_ms = now_ms();
        self.when_known(|known| {
            texts
                .filter_map(|text| session::open(access, &known.key, text, now_ms))
                .find(|session| !known.ended.contains(&session.id))
        })
        .await
    }

    /// Ends one: here at once, and everywhere when the records have it.
    pub(in crate::console) fn end(
        &self,
        Session { id, expires_ms, .. }: Session,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        shared.ended_here().insert(id.clone(), End { expires_ms, is_written: false });
        shared.known.send_modify(|known| {
            if let Some(known) = known {
                known.ended.insert(id);
            }
        });
        async move {
            if let Err(error) = shared.write_ends().await {
                let error = format!("{error:#}");
                tracing::warn!(error, "a session has ended here only, until the records answer");
            }
        }
    }

    async fn when_known<T>(&self, look: impl FnOnce(&Known) -> T) -> Result<T, Fault> {
        let mut known = self.shared.known.subscribe();
        let waiting = timeout(PATIENCE, known.wait_for(Option::is_some)).await;
        let away = || Fault::Unavailable(anyhow::anyhow!("the records have not answered yet"));
        let known = waiting.map_err(|_| away())?.map_err(|_| away())?;
        known.as_ref().map(look).ok_or_else(away)
    }
}

impl Shared {
    fn ended_here(&self) -> std::sync::MutexGuard<'_, HashMap<String, End>> {
        self.ended_here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was ended here.
    async fn write_ends(&self) -> anyhow::Result<()> {
        let all: Vec<_> = self.ended_here().iter().map(|(id, end)| (id.clone(), *end)).collect();
        for (id, end) in all.into_iter().filter(|(_, end)| !end.is_written) {
            let writing = self.records.end_session(&id, end.expires_ms, now_ms());
            timeout(PATIENCE, writing).await??;
            self.ended_here().insert(id, End { is_written: true, ..end });
        }
        Ok(())
    }

    async fn ask(&self) -> anyhow::Result<()> {
        self.write_ends().await?;
        let is_first = self.known.borrow().is_none();
        let key = if is_first { Some(self.records.key(Purpose::Sessions).await?) } else { None };
        let now_ms = now_ms();
        let mut ended: HashSet<String> =
            self.records.ended_sessions(now_ms).await?.into_iter().collect();
        let mut ended_here = self.ended_here();
        ended_here.retain(|_, end| end.expires_ms > now_ms);
        ended.extend(ended_here.keys().cloned());
        drop(ended_here);
        self.known.send_modify(|known| match (known, key) {
            (Some(known), _) => known.ended = ended,
            (known @ None, Some(key)) => *known = Some(Known { key, ended }),
            (None, None) => {}
        });
        Ok(())
    }
}

async fn keep(shared: Arc<Shared>) {
    loop {
        // Whether the records answer is told by others.
        let _ = timeout(PATIENCE * 2, shared.ask()).await;
        sleep(EVERY).await;
    }
}
