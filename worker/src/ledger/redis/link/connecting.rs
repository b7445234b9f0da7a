//! Connections to Redis that can be worked with: to a primary that takes writes, knows the scripts, and allows
//! what it has refused before.

use std::time::Instant;

use deadpool_redis::redis::{self, Value};
use deadpool_redis::{Connection, Pool};
use tokio::time::timeout;

use super::super::address::CONNECT_TIMEOUT;
use super::super::refusal::{Refusal, said, unfit};
use super::super::script::{Call, Script};
use super::state::State;

/// How long the sign of life stands, in ms.
const SIGN_MS: u64 = 60_000;

/// The sign of life: a write, since a Redis that is out of memory or whose disk is full answers a
/// question.
pub(super) fn sign_of_life(key: Option<&str>) -> redis::Cmd {
    let Some(key) = key else { return redis::cmd("PING") };
    let mut command = redis::cmd("SET");
    command.arg(key).arg(1).arg("PX").arg(SIGN_MS);
    command
}

/// A connection that knows the scripts, to a Redis that takes writes, and the call that was refused last.
pub(super) async fn connect(
    pool: &Pool,
    sign: Option<&str>,
    refused: Option<&Call>,
    state: &State,
) -> Result<Connection, String> {
    let connecting = async {
        let mut connection = pool.get().await.map_err(|error| error.to_string())?;
        match prepare(&mut connection, sign, refused, state).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // Not back into the pool: the address may lead to another server by now.
                drop(Connection::take(connection));
                Err(error)
            }
        }
    };
    let connected = timeout(CONNECT_TIMEOUT * 2, connecting)
        .await
        .unwrap_or_else(|_| Err("timed out".to_owned()));
    match &connected {
        Ok(_) => state.is_back(),
        Err(error) => state.is_away(error),
    }
    connected
}

async fn prepare(
    connection: &mut Connection,
    sign: Option<&str>,
    refused: Option<&Call>,
    state: &State,
) -> Result<(), String> {
    // A node of a cluster may well take the sign of life, and send the first event away. Whoever has
    // signed in may ask this without a right; what gives no answer is judged by the sign of life.
    if let Ok(answer) = redis::cmd("HELLO").query_async(connection).await
        && let Some(why) = unfit(answer)
    {
        return Err(why.to_owned());
    }
    for script in Script::ALL {
        redis::cmd("SCRIPT")
            .arg("LOAD")
            .arg(script.code())
            .query_async::<()>(connection)
            .await
            .map_err(|error| said(&error))?;
    }
    let asked = sign_of_life(sign).query_async::<()>(connection).await;
    asked.map_err(|error| said(&error))?;
    if let (Some(call), Some(sign)) = (refused, sign) {
        is_allowed(connection, call, sign).await?;
    }
    // No less than Redis': from before the question.
    let asked = Instant::now();
    if let Ok(time) = redis::cmd("TIME").query_async(connection).await {
        state.set_clock(time, asked);
    }
    Ok(())
}

/// Whether the user may do this by now. Who asked for it does so again, so it is tried beside the sign of
/// life: done twice, it could take two slots.
async fn is_allowed(connection: &mut Connection, call: &Call, sign: &str) -> Result<(), String> {
    let mut pipeline = redis::pipe();
    call.at(format!("{sign}:allowed")).append_to(&mut pipeline);
    match pipeline.query_async::<Vec<Value>>(connection).await {
        Err(error) if Refusal::of(&error) == Some(Refusal::NotAllowed) => Err(said(&error)),
        _ => Ok(()),
    }
}
