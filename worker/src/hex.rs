//! Bytes as people and headers have them.

use data_encoding::HEXLOWER;

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
