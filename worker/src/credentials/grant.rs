//! A portal's own access token, as [`crate::oauth`] has it: kept until there should be a younger one, and asked
//! for by one run at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use shared::clock::now_ms;
use shared::origin::Origin;
use tokio::time::Instant;

use super::token::Token;
use crate::error::HandlerError;
use crate::oauth::{AccessToken, NoToken, Tokens, Why};
use crate::service::Service;

/// One that is younger than this is not refreshed because it was refused: another would be as well.
const YOUNG: Duration = Duration::from_secs(60);
/// For so long at the least it is not looked for a younger one again.
const LOOK: Duration = Duration::from_secs(1);

/// Where a portal's token comes from.
pub(super) struct Grant {
    tokens: Arc<Tokens>,
    origin: Origin,
    base: Url,
    known: Mutex<Known>,
    /// Whoever asks for another.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// Why there was none, and until when nobody asks again.
    none: Option<(NoToken, Instant)>,
}

struct Held {
    token: Arc<Token>,
    fence: i64,
    since: Instant,
    /// From then on it is looked for a younger one.
    fresh_until: Instant,
    good_until: Instant,
}

/// Shows whose it is alone.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Grant {
    pub(super) fn new(tokens: Arc<Tokens>, origin: Origin, base: Url) -> Self {
        let (known, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { tokens, origin, base, known, asking }
    }

    /// The token as it is now, or the error with which a run waits for one.
    pub(super) async fn token(&self) -> Result<Arc<Token>, HandlerError> {
        if let Some(known) = self.fresh() {
            return known;
        }
        let _asking = self.asking.lock().await;
        // Somebody may have asked while this one waited.
        if let Some(known) = self.fresh() {
            return known;
        }
        let got = self.tokens.get(&self.origin, Why::Missing).await;
        let is_none = got.is_err();
        match (self.take(got), self.good()) {
            // HubSpot is away: it lasts a while yet.
            (_, Some(token)) if is_none => Ok(token),
            (taken, _) => taken,
        }
    }

    /// After `refused` was refused: another one. `None` if there is none, or it would be refused as well.
    pub(super) async fn anew(&self, refused: &Arc<Token>) -> Option<Arc<Token>> {
        let _asking = self.asking.lock().await;
        let fence = {
            let known = self.lock();
            let held = known.held.as_ref()?;
            if !Arc::ptr_eq(&held.token, refused) {
                return Some(Arc::clone(&held.token));
            }
            if held.since.elapsed() < YOUNG {
                return None;
            }
            held.fence
        };
        let got = self.tokens.get(&self.origin, Why::Refused(fence)).await;
        if got.is_err() {
            // The refused one must not be taken for good again.
            self.lock().held = None;
        }
        self.take(got).ok()
    }

    pub(super) fn is_current(&self, token: &Arc<Token>) -> bool {
        self.lock().held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token, token))
    }

    /// What is known without asking anybody.
    fn fresh(&self) -> Option<Result<Arc<Token>, HandlerError>> {
        let (known, now) = (self.lock(), Instant::now());
        match (&known.held, &known.none) {
            (Some(held), _) if now < held.fresh_until => Some(Ok(Arc::clone(&held.token))),
            (Some(held), Some((_, until))) if now < *until && now < held.good_until => {
                Some(Ok(Arc::clone(&held.token)))
            }
            (_, Some((why, until))) if now < *until => Some(Err(self.error(why))),
            _ => None,
        }
    }

    /// The last one, if it still lasts.
    fn good(&self) -> Option<Arc<Token>> {
        let known = self.lock();
        let held = known.held.as_ref().filter(|held| Instant::now() < held.good_until)?;
        Some(Arc::clone(&held.token))
    }

    fn take(&self, got: Result<AccessToken, NoToken>) -> Result<Arc<Token>, HandlerError> {
        let (mut known, now) = (self.lock(), Instant::now());
        let access = match got {
            Ok(access) => access,
            Err(why) => {
                if matches!(why, NoToken::Uninstalled { .. } | NoToken::Unknown) {
                    known.held = None;
                }
                let error = self.error(&why);
                known.none = Some((why.clone(), now + why.holds()));
                return Err(error);
            }
        };
        known.none = None;
        let now_ms = now_ms();
        let lasts = access.lasts(now_ms);
        let (fresh_until, good_until) =
            (now + access.fresh(now_ms).max(LOOK).min(lasts), now + lasts);
        if let Some(held) = &mut known.held
            && held.fence == access.fence
        {
            (held.fresh_until, held.good_until) = (fresh_until, good_until);
            return Ok(Arc::clone(&held.token));
        }
        let token = Token::of_portal(Service::HubSpot, &self.base, &self.origin, &access.secret);
        let token = token.map(Arc::new).map_err(|error| {
            HandlerError::deferred(YOUNG, "HUBSPOT_TOKEN_LATER", format!("{error:#}"))
        })?;
        known.held = Some(Held {
            token: Arc::clone(&token),
            fence: access.fence,
            since: now,
            fresh_until,
            good_until,
        });
        Ok(token)
    }

    fn error(&self, why: &NoToken) -> HandlerError {
        why.error(&self.origin, self.tokens.kept(), now_ms())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
