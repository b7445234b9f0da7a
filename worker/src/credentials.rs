//! What lets Hubline in at another system: the token as it is now, and whether it is taken.
//!
//! Owns when a token is read anew (its file changed, or it was refused: once at a time however many
//! runs ask), and that a token which stays refused is paused, for all workers: what needs it waits in
//! line, one run at a time tries, and how that went is told in any case; and that a token goes out only once
//! it is vouched for, where somebody has to, and for that account alone. It refuses to show a secret, and to know what a refusal looks
//! like.

mod file;
mod grant;
mod keeper;
mod token;
mod trial;
mod voucher;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use shared::origin::Origin;
use tokio::sync::watch::{Receiver, Sender};
use tokio::time::Instant;

use crate::error::HandlerError;
use crate::metrics::WorkerMetrics;
use crate::oauth::Tokens;
use crate::pauses::{PauseState, Word};
use crate::service::Service;
use crate::settings::access::Secret;
use file::File;
use grant::Grant;
pub(crate) use keeper::Keeper;
pub(crate) use token::Token;
use trial::Trial;
use voucher::Vouched;
pub(crate) use voucher::Voucher;
pub(crate) use watch::watch;

/// For so long nobody asks again whether the token is paused: an answer by the API tells as well.
const OPEN: Duration = Duration::from_secs(1);
/// Whoever has a token that is not vouched for yet comes back after this.
const SOON: Duration = Duration::from_secs(1);
/// What one call may take beside the wait for its answer.
const AROUND: Duration = Duration::from_secs(5);

/// A service's token, wherever it comes from.
pub(crate) struct Credential {
    service: Service,
    /// The setting, for people.
    setting: &'static str,
    base: Url,
    tokens: Sender<Arc<Token>>,
    source: Source,
    keeper: Keeper,
    /// Until when the token is taken for not paused.
    open_until: Mutex<Option<Instant>>,
    vouched: Mutex<Vouched>,
    /// Within so long whoever tries the token has an answer.
    within: Duration,
    metrics: WorkerMetrics,
}

/// Where a token comes from again.
enum Source {
    /// From nowhere.
    Setting,
    /// A file that is read anew.
    File(File),
    /// A portal's consent.
    Grant(Grant),
}

/// The right to use a token once.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) token: Arc<Token>,
    /// If this is the one use while the token is paused.
    trial: Option<Trial>,
    since: Instant,
}

impl Pass {
    fn is_try(&self) -> bool {
        self.trial.is_some()
    }
}

/// Leaves out everything that may hold a secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Credential {
    /// A bearer token for `base`; none where the address is all there is to be known. Answers come
    /// within `timeout`.
    pub(crate) fn new(
        service: Service,
        base: &Url,
        secret: Option<Secret>,
        timeout: Duration,
        keeper: Keeper,
        metrics: WorkerMetrics,
    ) -> anyhow::Result<Self> {
        let token = match &secret {
            Some(secret) => Token::bearer(service, base, &secret.value)?,
            None => Token::address(service, base),
        };
        metrics.credential_paused(service, false);
        Ok(Self {
            service,
            setting: secret.as_ref().map_or("ONBOARDING_URL", |secret| secret.name),
            base: base.clone(),
            tokens: Sender::new(Arc::new(token)),
            source: secret.and_then(File::of).map_or(Source::Setting, Source::File),
            keeper,
            open_until: Mutex::default(),
            vouched: Mutex::default(),
            within: timeout.saturating_add(AROUND),
            metrics,
        })
    }

    /// A portal's own, as it comes of its consent.
    pub(crate) fn of_portal(
        base: &Url,
        origin: Origin,
        tokens: Arc<Tokens>,
        timeout: Duration,
        keeper: Keeper,
        metrics: WorkerMetrics,
    ) -> Self {
        let service = Service::HubSpot;
        Self {
            service,
            setting: "the portal's own token",
            base: base.clone(),
            tokens: Sender::new(Arc::new(Token::address(service, base))),
            source: Source::Grant(Grant::new(tokens, origin, base.clone())),
            keeper,
            open_until: Mutex::default(),
            vouched: Mutex::default(),
            within: timeout.saturating_add(AROUND),
            metrics,
        }
    }

    /// Told of each other token.
    pub(crate) fn tokens(&self) -> Receiver<Arc<Token>> {
        self.tokens.subscribe()
    }

    /// The token to make a request with, or the error with which a run waits while it is paused.
    pub(crate) async fn pass(&self) -> Result<Pass, HandlerError> {
        let since = Instant::now();
        let token = self.token().await?;
        let is_open = self.lock().is_some_and(|until| since < until);
        let is_try = !is_open && self.hear(&token, Word::Enter(self.within)).await?;
        let trial = is_try.then(|| Trial::new(self.keeper.clone(), Arc::clone(&token)));
        Ok(Pass { token, trial, since })
    }

    /// The same without a pass, for who has to wait for other things first.
    pub(crate) async fn ready(&self) -> Result<(), HandlerError> {
        let token = self.token().await?;
        let is_open = self.lock().is_some_and(|until| Instant::now() < until);
        if !is_open {
            self.hear(&token, Word::Look).await?;
        }
        Ok(())
    }

    /// After a refusal: another token, read now or meanwhile. `None` if there is no other.
    pub(crate) async fn anew(&self, pass: &Pass) -> Option<Pass> {
        let file = match &self.source {
            Source::Setting => return None,
            Source::File(file) => file,
            Source::Grant(grant) => {
                let token = grant.anew(&pass.token).await?;
                return Some(Pass { token, trial: None, since: Instant::now() });
            }
        };
        let mut reading = file.reading().await;
        if self.is_current(&pass.token) && reading.at() < pass.since {
            let read = file.read(&mut reading).await;
            self.take(read);
        }
        let token = Arc::clone(&self.tokens.borrow());
        let is_other = !Arc::ptr_eq(&token, &pass.token);
        is_other.then(|| Pass { token, trial: None, since: Instant::now() })
    }

    /// The service took it.
    pub(crate) async fn accepted(&self, pass: &Pass) {
        let Some(trial) = &pass.trial else { return };
        // An answer that has come must not wait for the ledger: then it is told later.
        let telling = trial.say(Word::Accepted);
        let Ok(state) = tokio::time::timeout(OPEN, telling).await else { return };
        self.note_paused(false);
        if state == PauseState::Ended {
            let api = self.service.as_str();
            tracing::info!(api, "token accepted: what waited for it goes on");
        }
    }

    /// It did not, and there is no other: the token is paused. Gives the error with which the run
    /// waits. `code` is the service's word for it.
    pub(crate) async fn refused(&self, pass: &Pass, code: &str) -> HandlerError {
        *self.lock() = None;
        let word = Word::Refused { is_try: pass.is_try() };
        let state = match &pass.trial {
            Some(trial) => trial.say(word).await,
            None => self.keeper.say(pass.token.name(), word).await,
        };
        let is_paused = self.is_current(&pass.token);
        self.note_paused(is_paused);
        if let PauseState::Begun(_) = state {
            tracing::warn!(
                api = self.service.as_str(),
                token = pass.token.name(),
                setting = self.setting,
                error.code = code,
                "token refused: what needs it waits, replace it"
            );
        }
        match state {
            PauseState::Begun(wait) | PauseState::Paused(wait) => self.waits(wait),
            PauseState::Open | PauseState::Try | PauseState::Ended => self.waits(OPEN),
        }
    }

    /// From now on requests go out with this token alone, and for its account, or with none.
    pub(crate) fn vouch(&self, voucher: Option<Voucher>) {
        *self.vouched.lock().unwrap_or_else(PoisonError::into_inner) = Vouched::Only(voucher);
    }

    /// Refuses a token that nobody has vouched for, if somebody has to, or only for another account: it was
    /// read since the run was checked, and whoever comes back is checked anew.
    pub(crate) fn vouched(
        &self,
        token: &Arc<Token>,
        account: Option<u64>,
    ) -> Result<(), HandlerError> {
        let vouched = self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        if vouched.covers(token, account) {
            return Ok(());
        }
        let message = format!("{} is another one: what it is for is looked at first", self.setting);
        Err(HandlerError::deferred(spread(SOON), self.service.code("TOKEN_NEW"), message))
    }

    /// Looks whether the token's file has changed and whether the token is paused.
    pub(crate) async fn look(&self) {
        let Ok(token) = self.token().await else { return };
        let state = self.keeper.say(token.name(), Word::Look).await;
        let is_paused = matches!(state, PauseState::Paused(_) | PauseState::Try);
        self.note_paused(is_paused);
    }

    /// The token as it is now. Its file is looked at by one of those who ask; the others go on.
    async fn token(&self) -> Result<Arc<Token>, HandlerError> {
        if let Source::Grant(grant) = &self.source {
            return grant.token().await;
        }
        if let Source::File(file) = &self.source
            && let Some(mut reading) = file.due()
            && file.has_changed(&mut reading).await
        {
            let read = file.read(&mut reading).await;
            self.take(read);
        }
        Ok(Arc::clone(&self.tokens.borrow()))
    }

    /// Takes what was read, if it is another token.
    fn take(&self, read: Option<secrecy::SecretString>) {
        let Some(secret) = read else { return };
        match Token::bearer(self.service, &self.base, &secret) {
            Ok(token) if token.is(&self.tokens.borrow()) => {}
            Ok(token) => {
                *self.lock() = None;
                self.tokens.send_replace(Arc::new(token));
                let (api, setting) = (self.service.as_str(), self.setting);
                tracing::info!(api, setting, "another token was read from its file");
            }
            Err(error) => {
                let (setting, error) = (self.setting, format!("{error:#}"));
                tracing::warn!(setting, error, "the token in the file cannot be used");
            }
        }
    }

    /// Whether it is this use's turn to try.
    async fn hear(&self, token: &Token, word: Word) -> Result<bool, HandlerError> {
        match self.keeper.say(token.name(), word).await {
            PauseState::Open | PauseState::Ended => {
                *self.lock() = Some(Instant::now() + OPEN);
                Ok(false)
            }
            PauseState::Try => Ok(true),
            PauseState::Paused(wait) | PauseState::Begun(wait) => {
                self.note_paused(true);
                Err(self.waits(wait))
            }
        }
    }

    fn waits(&self, wait: Duration) -> HandlerError {
        let wait = spread(wait);
        let (name, setting) = (self.service.name(), self.setting);
        let message = match self.source {
            Source::Grant(_) => format!("{name} refuses {setting}: events wait until it is taken"),
            _ => format!("{name} refuses {setting}: replace it, events wait until it is taken"),
        };
        HandlerError::deferred(wait, self.service.code("TOKEN_REFUSED"), message)
    }

    /// A portal's token says nothing of the others.
    fn note_paused(&self, is_paused: bool) {
        if !matches!(self.source, Source::Grant(_)) {
            self.metrics.credential_paused(self.service, is_paused);
        }
    }

    fn is_current(&self, token: &Arc<Token>) -> bool {
        if let Source::Grant(grant) = &self.source {
            return grant.is_current(token);
        }
        Arc::ptr_eq(&self.tokens.borrow(), token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.open_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So that not all who wait come back at once.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + rand::random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests;
