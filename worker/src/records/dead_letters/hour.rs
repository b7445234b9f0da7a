//! Hours, as the trend of a problem counts them.

/// An hour, in ms.
pub(super) const HOUR_MS: i64 = 3600 * 1000;
/// The trend goes back so far.
pub(super) const TREND_HOURS: i64 = 24;

/// The hour of a time, counted from the Unix epoch.
pub(super) fn hour_of(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
}
