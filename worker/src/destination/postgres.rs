//! A table in a tenant's PostgreSQL, as a destination: one row for each event and route.
//!
//! Owns names and how they are quoted, the one statement, the database's URL, and what its refusals mean. It
//! opens no connection.

mod fault;
mod identifier;
mod login;
mod row;
mod table;

pub(crate) use fault::SqlFault;
pub(crate) use identifier::Identifier;
pub(crate) use login::Login;
pub(crate) use row::Row;
pub(crate) use table::Table;
