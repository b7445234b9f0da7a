//! Dead letters in the records: out of their queues, each once, and from state to state. With
//! PostgreSQL on RabbitMQ's queues, with SQLite on a data file's.

mod erasure;
mod export;
mod indexing;
mod interrupted;
pub(crate) mod program;
mod redaction;
mod retention;
pub(crate) mod rig;
mod standalone;
mod states;
