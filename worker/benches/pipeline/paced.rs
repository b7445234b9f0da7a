//! Open loop: when each thing is due is fixed beforehand, and does not wait for what came before it. So a
//! latency that counts from there has no coordinated omission.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Hands out one of `things` after the other, `every` so often, each with when it was due. By a thread
/// of its own: the runtime's timers know only milliseconds.
pub(crate) fn schedule<T: Send + 'static>(
    things: Vec<T>,
    every: Duration,
) -> UnboundedReceiver<(Instant, T)> {
    let (hand_out, due) = unbounded_channel();
    thread::spawn(move || {
        let first = Instant::now();
        for (index, thing) in things.into_iter().enumerate() {
            let at = first + every.mul_f64(index as f64);
            if let Some(early) = at.checked_duration_since(Instant::now()) {
                thread::sleep(early);
            }
            if hand_out.send((at, thing)).is_err() {
                return;
            }
        }
    });
    due
}
