//! Sees that what a connection needs is there: by looking, and by declaring only if something is
//! missing.
//!
//! To declare a queue with a dead-letter exchange a user needs the rights to configure and to read
//! it, and with them it could empty it. Looking needs none. So the receiver's user can do with the
//! right to write to two exchanges, once a worker has declared everything. Consumers declare
//! at least once: that is where arguments that differ are found.

use std::time::Duration;

use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};

use super::census;
use super::reply::{is_access_refused, is_not_found};
use super::topology::Topology;

/// Declaring everything takes the broker well under this.
pub(super) const PROVISION_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a topology is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// All of it.
    Everything,
    /// Whoever takes dead letters need not know how many work queues there are.
    DeadLetters,
}

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
    if let Some(looking) = look(connection, topology, Needs::Everything).await? {
        return Ok(Provision::Complete(looking));
    }
    match declare(connection, topology, Needs::Everything).await {
        Ok(declaring) => Ok(Provision::Complete(declaring)),
        Err(error) if is_access_refused(&error) => Ok(Provision::Forbidden(format!(
            "the broker's user may not declare what is missing: start a worker first, or give it \
             the right ({error})"
        ))),
        Err(error) => Err(error),
    }
}

/// Asks for everything that [`declare`] declares, which needs no right on the broker; gives the
/// channel, or `None` if something is missing: the broker has closed the channel then. Arguments are
/// not compared.
pub(super) async fn look(
    connection: &Connection,
    topology: &Topology,
    needs: Needs,
) -> Result<Option<Channel>, lapin::Error> {
    let channel = connection.create_channel().await?;
    match look_on(&channel, topology, needs).await {
        Ok(()) => Ok(Some(channel)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn look_on(channel: &Channel, topology: &Topology, needs: Needs) -> Result<(), lapin::Error> {
    let dead = [topology.dead_queue(), topology.unrouted_queue()];
    let (exchanges, queues): (&[&str], Vec<String>) = match needs {
        Needs::DeadLetters => (&["dead", "unrouted"], dead.into()),
        Needs::Everything => (
            &["dead", "unrouted", "events", "retry"],
            topology.queues().map(|(queue, _)| queue).collect(),
        ),
    };
    for exchange in exchanges {
        let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
        // The kind is not looked at.
        let (kind, none) = (ExchangeKind::Direct, FieldTable::default());
        channel.exchange_declare(topology.exchange(exchange), kind, options, none).await?;
    }
    for queue in queues {
        census::ask(channel, &queue).await?;
    }
    Ok(())
}

/// Declares it; what stands already is left as it is. Gives the channel.
pub(super) async fn declare(
    connection: &Connection,
    topology: &Topology,
    needs: Needs,
) -> Result<Channel, lapin::Error> {
    let channel = connection.create_channel().await?;
    match needs {
        Needs::Everything => topology.declare(&channel).await?,
        Needs::DeadLetters => topology.declare_dead_letters(&channel).await?,
    }
    Ok(channel)
}
