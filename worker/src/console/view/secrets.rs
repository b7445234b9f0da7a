//! Secrets that were made for destinations, as far as somebody sees the destinations: those of one account's tenant,
//! for those who see that one.

use std::sync::Arc;
use std::time::Duration;

use super::View;
use crate::rotation::{self, Former, Handed, Stand, Wish};
use crate::sealed::Keys;

impl View {
    /// How they stand, by their destinations' names. None is opened.
    pub(in crate::console) async fn secrets(&self) -> anyhow::Result<Vec<Stand>> {
        let mut stands = rotation::stands(&self.records, self.reach.origin()).await?;
        for stand in &mut stands {
            stand.made = stand.made.take().map(|(at_ms, who)| (at_ms, self.told(who)));
        }
        Ok(stands)
    }

    /// Makes another one, which its owner is shown.
    pub(in crate::console) async fn rotate(
        &self,
        destination: &str,
        keys: Option<Arc<Keys>>,
        overlap: Duration,
    ) -> anyhow::Result<Handed> {
        let wish = Wish { destination, within: self.reach.origin(), who: &self.who };
        let former = Former { overlap, is_key_lost: false };
        rotation::rotate(&self.records, keys.as_deref(), wish, former).await
    }
}
