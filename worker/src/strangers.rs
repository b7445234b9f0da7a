//! Origins whose events came although they are no tenant's: each is logged once, and shown to whoever asks this
//! process or all of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use serde::{Deserialize, Serialize};
use shared::clock::now_ms;
use shared::origin::Origin;

use crate::remote;

/// So many are known. Those that come then are counted in the metric alone, like all others.
const MOST: usize = 1000;
/// On the admin listener.
const PATH: &str = "/unknown-tenants";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stranger {
    pub(crate) origin: Origin,
    /// So many deliveries of events have come.
    pub(crate) events: u64,
    /// The first and the last, ms since the Unix epoch.
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
}

/// Those of this process, since it began.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<Origin, Stranger>>);

impl Strangers {
    /// An event has come. Says that there is such an origin, the first time.
    pub(crate) fn note(&self, origin: &Origin) {
        if self.is_new(origin, now_ms()) {
            tracing::warn!(%origin, "events of an origin that is no tenant's");
        }
    }

    fn is_new(&self, origin: &Origin, at_ms: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stranger) = known.get_mut(origin) {
            stranger.events += 1;
            stranger.last_ms = at_ms;
            return false;
        }
        if known.len() >= MOST {
            return false;
        }
        let origin = origin.clone();
        let new = Stranger { origin: origin.clone(), events: 1, first_ms: at_ms, last_ms: at_ms };
        known.insert(origin, new);
        true
    }

    /// All of them, as they are.
    fn seen(&self) -> Vec<Stranger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// `/unknown-tenants` on the admin listener.
    pub(crate) fn pages(self: &Arc<Self>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let strangers = Data::from(Arc::clone(self));
        move |config: &mut ServiceConfig| {
            config.app_data(strangers.clone()).route(PATH, web::get().to(shown));
        }
    }
}

async fn shown(strangers: Data<Strangers>) -> HttpResponse {
    HttpResponse::Ok().json(strangers.seen())
}

/// Asks a process for those that it has seen.
pub(crate) async fn ask(admin: SocketAddr) -> anyhow::Result<Vec<Stranger>> {
    remote::ask(admin, PATH).await
}

/// What several processes have seen as one, the latest first.
pub(crate) fn merged(seen: impl IntoIterator<Item = Stranger>) -> Vec<Stranger> {
    let mut all = HashMap::<Origin, Stranger>::new();
    for one in seen {
        all.entry(one.origin.clone())
            .and_modify(|known| {
                known.events = known.events.saturating_add(one.events);
                known.first_ms = known.first_ms.min(one.first_ms);
                known.last_ms = known.last_ms.max(one.last_ms);
            })
            .or_insert(one);
    }
    let mut all: Vec<Stranger> = all.into_values().collect();
    all.sort_by(|a, b| (b.last_ms, &a.origin).cmp(&(a.last_ms, &b.origin)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once_and_there_is_an_end() {
        let strangers = Strangers::default();
        let seven = Origin::hubspot(7);
        assert_eq!([strangers.is_new(&seven, 1), strangers.is_new(&seven, 9)], [true, false]);
        let told = (100..3000).filter(|id| strangers.is_new(&Origin::hubspot(*id), 5)).count();
        assert_eq!((told, strangers.seen().len()), (MOST - 1, MOST));
        let known = strangers.seen().into_iter().find(|stranger| stranger.origin == seven);
        let expected = Stranger { origin: seven, events: 2, first_ms: 1, last_ms: 9 };
        assert_eq!(known, Some(expected));
    }

    #[test]
    fn what_several_have_seen_is_one_the_latest_first() {
        let stranger = |id, events, first_ms, last_ms| Stranger {
            origin: Origin::hubspot(id),
            events,
            first_ms,
            last_ms,
        };
        let seen = [stranger(7, 2, 5, 9), stranger(8, 1, 20, 20), stranger(7, 3, 3, 8)];
        assert_eq!(merged(seen), [stranger(8, 1, 20, 20), stranger(7, 5, 3, 9)]);
    }
}
