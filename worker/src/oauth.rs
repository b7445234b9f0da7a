//! The app's own consent from each portal: refresh tokens, kept sealed in the records, and the access tokens that
//! they are good for, shared by all workers.
//!
//! Owns when a token is refreshed and by whom, what HubSpot's refusals mean, and that the newest refresh token
//! is not lost. Refuses to know what an access token is used for.
//!
//! # A crash between HubSpot's answer and our write
//!
//! HubSpot's answer to a refresh may hold another refresh token. It is written, and on disk, before anybody is
//! given the access token that came with it; until then the one before stays where it is. So whatever ends a
//! process, the records hold a token that HubSpot has given:
//!
//! - **Before the answer was written**: the one before, which HubSpot takes again. It does not end a refresh
//!   token because it was used; only the portal's consent ends it (and HubSpot mostly answers with the same one).
//!   Whoever finds the lease over asks with it, and gets the newest again.
//! - **Frozen, and overtaken**: both were answered. Each writes only over what came of a smaller fence, so the
//!   later answer stays, in whichever order they write.
//! - **Frozen, and the one who overtook it was refused**: the portal counts as uninstalled until the one that was
//!   frozen writes what it alone was given: its fence is larger than that of the token that was refused.
//! - **The database is away**: the write is tried again for a minute before anything is used.

mod access;
mod app;
mod clock;
mod doubt;
mod endpoint;
mod giving_up;
mod granted;
mod no_token;
mod opening;
mod refresh;
mod refusal;
mod refused;
mod scopes;
mod terms;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use access::AccessToken;
pub(crate) use app::App;
#[cfg(test)]
pub(crate) use endpoint::Endpoint;
pub(crate) use giving_up::GivenUp;
pub(crate) use granted::{Granted, PortalDetails};
pub(crate) use no_token::NoToken;
pub(crate) use refusal::Refusal;
pub(crate) use scopes::missing;
pub(crate) use tokens::{Tokens, Why};
