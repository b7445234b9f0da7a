//! Looks at credentials also while nobody uses them: a pause may end elsewhere, and a file change.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::Credential;

const EVERY: Duration = Duration::from_secs(5);

/// Looks until the handle is dropped; `None` if there is nothing to look at.
pub(crate) fn watch(credentials: Vec<Arc<Credential>>) -> Option<AbortOnDropHandle<()>> {
    if credentials.is_empty() {
        return None;
    }
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            for credential in &credentials {
                credential.look().await;
            }
            tokio::time::sleep(EVERY).await;
        }
    })))
}
