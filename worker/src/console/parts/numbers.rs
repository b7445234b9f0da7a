//! Numbers and sizes, as people read them.

/// A number with its thousands set apart: `12,345`.
pub(in crate::console) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `12,345 messages`.
pub(in crate::console) fn count_of(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// The same of what may not have been counted to its end: `more than 1,000 messages`.
pub(in crate::console) fn at_least(number: i64, more: bool, one: &str, many: &str) -> String {
    let counted = count_of(number, one, many);
    if more { format!("more than {counted}") } else { counted }
}

/// A size in bytes: `312 bytes`, `1.5 MiB`.
pub(in crate::console) fn size(bytes: i64) -> String {
    let tenths = |unit: i64| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{}", grouped(tenths / 10), tenths % 10)
    };
    match bytes {
        ..1024 => count_of(bytes, "byte", "bytes"),
        1024..1_048_576 => format!("{} KiB", tenths(1024)),
        _ => format!("{} MiB", tenths(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0, 999, 1000, 1_234_567, -1_000].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-1,000"]
        );
        assert_eq!(count_of(1, "letter", "letters"), "1 letter");
        assert_eq!(
            [0, 1023, 1536, 16 * 1024 * 1024].map(size),
            ["0 bytes", "1,023 bytes", "1.5 KiB", "16.0 MiB"]
        );
    }
}
