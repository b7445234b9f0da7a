//! What of the records beside the data file goes into the cluster's: whom to erase and the tenants before
//! anything else goes there, and at the end who did what, notes and jobs.

use super::cluster::Cluster;
use super::error::MigrateError;
use super::moved::Moved;
use super::source::Source;
use crate::records::{Carried, Records};

/// Whom to erase, and tenants: what is about them and comes to the cluster later must find it there.
pub(super) async fn carry_first(
    source: &Source,
    cluster: &Cluster,
    moved: &mut Moved,
) -> Result<(), MigrateError> {
    if let Some((from, to)) = both(source, cluster) {
        let carry = || from.carry_erased(to);
        moved.records.erased = cluster.patience.persist(RECORDS, carry).await?;
        let carry = || from.carry_tenants(to);
        moved.records.tenants = cluster.patience.persist(RECORDS, carry).await?;
    }
    Ok(())
}

/// All else.
pub(super) async fn carry_rest(
    source: &Source,
    cluster: &Cluster,
    moved: &mut Moved,
) -> Result<(), MigrateError> {
    if let Some((from, to)) = both(source, cluster) {
        let Carried { erased, tenants, .. } = moved.records;
        let rest = cluster.patience.persist(RECORDS, || from.carry_rest(to)).await?;
        moved.records = Carried { erased, tenants, ..rest };
    }
    Ok(())
}

const RECORDS: &str = "the records' database";

fn both<'a>(source: &'a Source, cluster: &'a Cluster) -> Option<(&'a Records, &'a Records)> {
    source.records().zip(cluster.records.as_ref())
}
