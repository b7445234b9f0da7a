//! The runs that jobs have caused: a row for each handler of each event, however often its message was
//! published and in whichever order it becomes known what became of it. A row is there before its
//! message is published, so that no job is over while something of it may still be on its way.
//!
//! `book` owns what follows from what; `rows` reads and writes it.

pub(super) mod at_work;
pub(super) mod book;
pub(super) mod counts;
pub(super) mod end;
pub(super) mod ends;
pub(super) mod forget;
mod rows;
mod stage;
