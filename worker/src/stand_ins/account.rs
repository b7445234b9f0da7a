//! The question which portal a token is for: asked at a start, on behalf of no event, and so none of
//! the calls that are told of.

/// Whether a call of this path asks that.
pub(super) fn is_asked(path: &str) -> bool {
    path.starts_with("/account-info/")
}
