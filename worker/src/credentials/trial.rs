//! The one use of a token while it is paused: how it went is told, whatever becomes of the run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::{Keeper, Token};
use crate::pauses::{PauseState, Word};

/// Dropped before it was told how it went, it tells so itself.
pub(super) struct Trial {
    keeper: Keeper,
    token: Arc<Token>,
    /// What is still to be told.
    untold: Mutex<Option<Word>>,
}

/// Leaves out who is told.
impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Trial {
    pub(super) fn new(keeper: Keeper, token: Arc<Token>) -> Self {
        Self { keeper, token, untold: Mutex::new(Some(Word::Untold)) }
    }

    /// Says how it went. Given up before that is told, it is told later.
    pub(super) async fn say(&self, word: Word) -> PauseState {
        self.owe(Some(word));
        let state = self.keeper.say(self.token.name(), word).await;
        self.owe(None);
        state
    }

    fn owe(&self, word: Option<Word>) {
        *self.untold.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let untold = self.untold.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(word), Ok(runtime)) = (untold, Handle::try_current()) {
            let (keeper, token) = (self.keeper.clone(), Arc::clone(&self.token));
            runtime.spawn(async move { keeper.say(token.name(), word).await });
        }
    }
}
