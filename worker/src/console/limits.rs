//! What workers see of limits: asked of one of them when somebody looks, for they all see the same. And of accounts
//! that are no tenant's: asked of all, for each has met its own.

use std::sync::Arc;

use futures_util::future::join_all;

use super::fresh::Fresh;
use crate::addresses;
use crate::limits::{self, Seen};
use crate::strangers::{self, Stranger};

/// What was answered: the limits, or why nobody tells.
pub(super) type Answer = Arc<Result<Vec<Seen>, String>>;

/// Asks workers.
pub(super) struct Limits {
    /// Where any may be: what answers otherwise is none.
    addresses: Vec<String>,
    seen: Fresh<Result<Vec<Seen>, String>>,
    strangers: Fresh<Vec<Stranger>>,
}

impl Limits {
    pub(super) fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        let (seen, strangers) = (Fresh::default(), Fresh::default());
        Self { addresses: addresses.into_iter().collect(), seen, strangers }
    }

    /// Whether anybody can be asked.
    pub(super) fn has_workers(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// What they see, or saw a moment ago.
    pub(super) async fn look(&self) -> Answer {
        self.seen.or(self.ask()).await
    }

    /// The accounts that are no tenant's, as far as workers answer.
    pub(super) async fn strangers(&self) -> Arc<Vec<Stranger>> {
        let asking = async {
            let answers = join_all(self.found().await.into_iter().map(strangers::ask)).await;
            strangers::merged(answers.into_iter().flatten().flatten())
        };
        self.strangers.or(asking).await
    }

    async fn ask(&self) -> Result<Vec<Seen>, String> {
        let answers = join_all(self.found().await.into_iter().map(limits::ask)).await;
        let mut why = "no worker answers".to_owned();
        for answer in answers {
            match answer {
                Ok(seen) => return Ok(seen),
                Err(error) => why = format!("no worker answers: {error:#}"),
            }
        }
        Err(why)
    }

    async fn found(&self) -> Vec<std::net::SocketAddr> {
        let found = join_all(self.addresses.iter().map(|name| addresses::all_of(name))).await;
        found.into_iter().flatten().collect()
    }
}
