//! How much there is in a section.

use toml::de::DeValue;

/// What a number, a date or a truth counts.
const PLAIN: usize = 8;

/// The bytes of all keys and texts, however deep.
pub(crate) fn size(value: &DeValue<'_>) -> usize {
    let (mut bytes, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        match value {
            DeValue::String(text) => bytes += text.len(),
            DeValue::Array(values) => left.extend(values.iter().map(toml::Spanned::get_ref)),
            DeValue::Table(table) => {
                for (key, value) in table {
                    bytes += key.get_ref().len();
                    left.push(value.get_ref());
                }
            }
            _ => bytes += PLAIN,
        }
    }
    bytes
}
