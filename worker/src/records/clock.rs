//! Days, as partitions and retention count them.

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// The day, counted from the Unix epoch in UTC, of a time in milliseconds.
pub(super) fn day_of(ms: i64) -> i32 {
    i32::try_from(ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}
