//! Sees that a publishing connection has what it publishes to: by looking, and by declaring only if
//! something is missing.
//!
//! To declare a queue with a dead-letter exchange a user needs the rights to configure and to read
//! it, and with them it could empty it. Looking needs none. So the receiver's user can do with the
//! right to write to two exchanges, once a worker has declared everything. Consumers declare
//! always: that is where arguments that differ are found.

use lapin::{Channel, Connection};

use super::reply::{is_access_refused, is_not_found};
use super::topology::Topology;

/// What came of it.
pub(super) enum Provision {
    /// Everything is there. With the channel on which it was found.
    Complete(Channel),
    /// Something is missing that the user may not declare, and why.
    Forbidden(String),
}

/// Looks for everything, and declares it if something is missing.
pub(super) async fn provide(
    connection: &Connection,
    topology: &Topology,
) -> Result<Provision, lapin::Error> {
    let looking = connection.create_channel().await?;
    match topology.look(&looking).await {
        Ok(()) => return Ok(Provision::Complete(looking)),
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(error),
    }
    // The broker has closed the one on which it missed something.
    let declaring = connection.create_channel().await?;
    match topology.declare(&declaring).await {
        Ok(()) => Ok(Provision::Complete(declaring)),
        Err(error) if is_access_refused(&error) => Ok(Provision::Forbidden(format!(
            "the broker's user may not declare what is missing: start a worker first, or give it \
             the right ({error})"
        ))),
        Err(error) => Err(error),
    }
}
