//! The console in a browser: Debian's Chromium, driven as a person would drive it, on a Hubline
//! that has really got signed deliveries.

mod chromium;
mod room;
mod showcase;
mod site;
mod tls;
mod visitor;

mod access;
mod addresses;
mod hostile;
mod keyboard;
mod live;
mod main_way;
mod pages;
mod tenants;
