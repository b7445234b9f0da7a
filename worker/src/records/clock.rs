//! Days, as partitions and retention count them, and the numbers that the event log's lines of a time
//! have.

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// So many bits of a line's number are random.
const RANDOM_BITS: u32 = 20;

/// The day, counted from the Unix epoch in UTC, of a time in milliseconds.
pub(super) fn day_of(ms: i64) -> i32 {
    let day = ms.div_euclid(DAY_MS).clamp(i32::MIN.into(), i32::MAX.into());
    i32::try_from(day).unwrap_or(i32::MAX)
}

/// The lowest number that a line of the event log can have whose run ended at `ms`: lines in the order
/// of their numbers are in the order of time.
pub(super) fn first_line(ms: i64) -> i64 {
    ms.saturating_mul(1 << RANDOM_BITS)
}

/// The lowest number that a line of this day can have.
pub(super) fn first_line_of_day(day: i32) -> i64 {
    first_line(i64::from(day) * DAY_MS)
}

/// A number for a line whose run ended at `ms`.
pub(super) fn any_line(ms: i64) -> i64 {
    first_line(ms) | i64::from(rand::random::<u32>() >> (u32::BITS - RANDOM_BITS))
}

/// The day of the line with this number.
pub(super) fn day_of_line(id: i64) -> i32 {
    day_of(ms_of_line(id))
}

/// When the run ended whose line has this number.
pub(super) fn ms_of_line(id: i64) -> i64 {
    id >> RANDOM_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_number_tells_its_time() {
        for ms in [0, 1, DAY_MS - 1, DAY_MS, 1_795_253_400_001] {
            let id = any_line(ms);
            assert!(first_line(ms) <= id && id < first_line(ms + 1), "{ms}");
            assert_eq!((day_of_line(id), ms_of_line(id)), (day_of(ms), ms));
            assert!(first_line_of_day(day_of(ms)) <= id && id < first_line_of_day(day_of(ms) + 1));
        }
        assert_eq!((day_of(i64::MIN), day_of(i64::MAX)), (i32::MIN, i32::MAX));
    }
}
