//! How many there are of something, in words.

use std::fmt::Display;

/// `1 letter`, `12 letters`.
pub(crate) fn count<N: Copy + Display + PartialEq + From<u8>>(
    number: N,
    one: &str,
    many: &str,
) -> String {
    let what = if number == N::from(1) { one } else { many };
    format!("{number} {what}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_not_many() {
        let letters = [0_i64, 1, 12].map(|number| count(number, "letter", "letters"));
        assert_eq!(letters, ["0 letters", "1 letter", "12 letters"]);
    }
}
