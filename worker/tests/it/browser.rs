//! The console in a browser: Debian's Chromium, driven as a person would drive it, on a Hubline
//! that has really got signed deliveries.
//!
//! With `HUBLINE_SCREENSHOTS=DIRECTORY` the pages that are looked at are also written there
//! (`scripts/screenshots`).

mod chromium;
mod room;
mod site;
mod visitor;

mod main_way;
