//! Where what a text says stands: a file has no place for secrets that are made here.

/// Where it stands, or is to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In a file alone.
    #[default]
    File,
    /// In the records.
    Records,
}
