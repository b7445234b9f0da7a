//! A piece that is put into a page as it is.

/// What escapes by itself and must not be escaped again.
pub(in crate::console) type Part<T> = askama::filters::Safe<T>;
