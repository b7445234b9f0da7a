//! How a delivery is given back to its broker.

/// What is left to do with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Ack,
    Requeue,
}
