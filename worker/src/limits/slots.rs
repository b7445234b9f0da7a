//! The places of a line at a limit's rate, one for each request that its runs are expected to make.

use std::collections::VecDeque;

/// Between two that are held back where there is no rate, in ms.
pub(crate) const SPACING_MS: i64 = 20;

/// When the last of a lane's runs were told to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Slots {
    times: VecDeque<i64>,
    /// Thousandths of a request that are still to be given a slot.
    rest: u32,
}

/// So many in any window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) size: u32,
    pub(super) window_ms: i64,
}

impl Rate {
    /// A part of it: fewer in the window, or, where that is less than one, one in a longer window.
    pub(super) fn tenths(self, tenths: u32) -> Self {
        let size = (self.size * tenths / 10).max(1);
        let window_ms = self.window_ms * i64::from(size) * 10;
        Self { size, window_ms: window_ms / i64::from(self.size.max(1) * tenths) }
    }
}

impl Slots {
    /// When the last is to come.
    pub(super) fn end_ms(&self) -> i64 {
        self.times.back().copied().unwrap_or_default()
    }

    /// So many whole requests the next who books gets.
    pub(super) fn next(&self, thousandths: u32) -> u32 {
        ((thousandths + self.rest) / 1000).max(1)
    }

    /// The same; what is over is kept for the one behind.
    pub(super) fn whole(&mut self, thousandths: u32) -> u32 {
        let count = self.next(thousandths);
        self.rest = (thousandths + self.rest) % 1000;
        count
    }

    /// When `count` more are within the rate.
    pub(super) fn free_ms(&self, count: u32, rate: Rate) -> i64 {
        let too_many = (self.times.len() + count as usize).saturating_sub(rate.size as usize);
        match too_many.checked_sub(1).map(|last| self.times.get(last)) {
            None | Some(None) => 0,
            Some(Some(at_ms)) => at_ms + rate.window_ms,
        }
    }

    /// Books `count` requests from then on. What is more than the rate takes is booked in the windows
    /// behind.
    pub(super) fn book(&mut self, at_ms: i64, count: u32, rate: Rate, most: u32) {
        let windows = i64::from(count.saturating_sub(1) / rate.size.max(1));
        self.push(at_ms + windows * rate.window_ms, count.min(rate.size), most);
    }

    /// No more are kept than fit into a window.
    pub(super) fn push(&mut self, at_ms: i64, count: u32, most: u32) {
        self.times.extend((0..count).map(|_| at_ms));
        let too_many = self.times.len().saturating_sub(most.max(count) as usize);
        self.times.drain(..too_many);
    }
}

/// Where there is no rate: at once if nobody is held back or waits, else one after the other.
pub(super) fn spaced(end_ms: i64, hold_ms: i64, now_ms: i64) -> i64 {
    let begin_ms = hold_ms.max(now_ms);
    if end_ms < begin_ms || (end_ms <= now_ms && hold_ms <= now_ms) {
        begin_ms
    } else {
        end_ms + SPACING_MS
    }
}
