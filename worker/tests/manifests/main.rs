//! What Hubline is deployed with on Kubernetes, checked against the program itself: every value that
//! must fit another one does. As the files stand, and as `kubectl kustomize` makes them where it is
//! there. That each check can fail is proven beside it, on a copy in which one value is changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test stops at what it did not expect"
)]

mod components;
mod containers;
mod custom_resources;
mod flows;
mod installation;
mod kustomization;
mod manifest;
mod monitors;
mod network;
mod overlays;
mod pods;
mod program;
mod proof;
mod public;
mod queues;
mod rights;
mod scaling;
mod secrets;
mod selectors;
mod settings;
mod shutdown;
mod tenants;
