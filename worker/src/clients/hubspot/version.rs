//! The versions of HubSpot's paths. v1 to v3 lose support in September 2027 and v4 in March 2027;
//! date-versioned paths (`crm/objects/2026-09`) take their place.

/// Records: read, write in batches.
pub(super) const OBJECTS: [&str; 3] = ["crm", "v3", "objects"];
/// Associations between records.
pub(super) const ASSOCIATIONS: [&str; 3] = ["crm", "v4", "objects"];
/// The account that the token is for.
pub(super) const ACCOUNT: [&str; 3] = ["account-info", "v3", "details"];
/// Pipelines and their stages.
pub(super) const PIPELINES: [&str; 3] = ["crm", "v3", "pipelines"];
