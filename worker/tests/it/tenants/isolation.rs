//! Every way by which one tenant could reach what is another's, each tried: events, claims and letters,
//! records, files and templates, secrets, limits and what is held, connections, metrics and pages.

mod events;
mod letters;
mod limits;
mod reach;
mod records;
mod traces;
