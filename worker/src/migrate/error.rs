//! Why a migration ended early. It can always be taken up again.

use std::time::Duration;

use shared::retry::delay_name;

/// Why a migration ended early. It can always be taken up again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    /// It was told to.
    #[error("interrupted")]
    Interrupted,
    /// A server could not be reached, or took nothing, for too long.
    #[error("{server} has failed for {}: {reason}", delay_name(*.patience))]
    Server { server: String, patience: Duration, reason: String },
    /// The data file cannot be read.
    #[error("cannot read the data file: {0}")]
    Read(#[from] sqlx::Error),
    /// The records beside the data file cannot be read or written.
    #[error("the records cannot be used: {0:#}")]
    Records(anyhow::Error),
    /// The data file takes no writes.
    #[error("the data file takes no writes: {0}")]
    Write(String),
}
