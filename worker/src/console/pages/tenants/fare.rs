//! How a tenant or a destination fares: what workers see of its limit.

use std::collections::HashMap;

use super::super::super::fault::Fault;
use super::super::super::parts::grouped;
use super::super::super::visit::Visit;
use crate::limits::{BreakerState, Of, Seen, span};
use crate::tenants::SectionKind;

/// What is seen of one limit; texts are empty where there is nothing to say.
#[derive(Clone, Default)]
pub(super) struct Fare {
    /// Requests in its window.
    pub(super) usage: String,
    /// Events that wait, and for how long the oldest has.
    pub(super) held: String,
    pub(super) oldest: String,
    /// For how long nobody is let through.
    pub(super) left_alone: String,
    pub(super) breaker: &'static str,
    /// The breaker's tone.
    pub(super) tone: &'static str,
}

/// All of them.
pub(super) struct Fares {
    by_limit: HashMap<String, Vec<Seen>>,
    /// Why nothing is known.
    pub(super) unknown: Option<String>,
}

impl Fares {
    pub(super) async fn look(visit: &Visit) -> Result<Self, Fault> {
        let limits = std::sync::Arc::clone(&visit.app.limits);
        if !limits.has_workers() {
            let why = "name the workers' admin addresses in ALERT_SOURCES to see it";
            return Ok(Self { by_limit: HashMap::new(), unknown: Some(why.to_owned()) });
        }
        let seen = visit.ask(async move { Ok(limits.look().await) }).await?;
        let mut by_limit = HashMap::<_, Vec<_>>::new();
        for one in seen.as_ref().as_deref().unwrap_or_default() {
            by_limit.entry(one.limit.clone()).or_default().push(one.clone());
        }
        Ok(Self { by_limit, unknown: seen.as_ref().as_ref().err().cloned() })
    }

    /// Whether workers have sent something for tenants, as far as is known.
    pub(super) fn has_tenants(&self) -> bool {
        let kind = format!("{}/", SectionKind::Tenant);
        self.by_limit.keys().any(|limit| limit.starts_with(&kind))
    }

    pub(super) fn of(&self, kind: SectionKind, name: &str) -> Fare {
        let seen = self.by_limit.get(&format!("{kind}/{name}"));
        let mut fare = Fare::default();
        let (mut waiting, mut oldest_ms, mut held_ms) = (0, 0, 0);
        for seen in seen.into_iter().flatten() {
            // Who finds its rate used up waits at one, who finds the breaker open at the other.
            waiting += seen.waiting();
            oldest_ms = oldest_ms.max(seen.oldest_ms);
            held_ms = held_ms.max(seen.held_ms);
            match seen.of {
                Of::Requests if seen.size.is_some() => {
                    fare.usage = format!("{} {}", seen.usage(), seen.what());
                }
                // Nothing is counted where only the other side holds back.
                Of::Requests => {}
                Of::Calls => {
                    fare.breaker = seen.breaker_word();
                    fare.tone = match seen.breaker {
                        None | Some(BreakerState::Closed) => "good",
                        Some(BreakerState::HalfOpen) => "wait",
                        Some(BreakerState::Open) => "bad",
                    };
                }
            }
        }
        if waiting > 0 {
            fare.held = grouped(i64::try_from(waiting).unwrap_or(i64::MAX));
            fare.oldest = span(oldest_ms);
        }
        fare.left_alone = span(held_ms);
        fare
    }
}
