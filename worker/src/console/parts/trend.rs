//! Deaths in each of the last 24 hours, as bars and in words.

use askama::Template;
use askama::filters::Safe;

use super::numbers::{count_of, grouped};
use super::part::Part;

/// What bars are drawn into, in units of the picture.
const HEIGHT: i64 = 24;
const STEP: usize = 4;

struct Bar {
    x: usize,
    y: i64,
    height: i64,
}

/// A row of bars.
#[derive(Template)]
#[template(path = "parts/trend.html")]
pub(in crate::console) struct Trend {
    bars: Vec<Bar>,
    width: usize,
    words: String,
}

impl Trend {
    /// Of counts by the hour, the present hour last.
    pub(in crate::console) fn new(hours: &[i64]) -> Part<Self> {
        let largest = hours.iter().copied().max().unwrap_or_default().max(1);
        let bar = |(place, count): (usize, i64)| {
            // What is not nothing can be seen.
            let height = (count.max(0) * HEIGHT / largest).max(i64::from(count > 0) * 2);
            Bar { x: place * STEP, y: HEIGHT - height, height }
        };
        let bars = hours.iter().copied().enumerate().map(bar).filter(|bar| bar.height > 0);
        Safe(Self { bars: bars.collect(), width: hours.len() * STEP, words: words(hours) })
    }
}

fn words(hours: &[i64]) -> String {
    let sum: i64 = hours.iter().sum();
    if sum == 0 {
        return "none in the last 24 hours".to_owned();
    }
    let largest = hours.iter().copied().max().unwrap_or_default();
    let place = hours.iter().rposition(|count| *count == largest).unwrap_or_default();
    let ago = hours.len() - 1 - place;
    let when = match ago {
        0 => "in this hour".to_owned(),
        ago => format!("{} ago", count_of(i64::try_from(ago).unwrap_or_default(), "hour", "hours")),
    };
    format!("{} in the last 24 hours, most ({}) {when}", grouped(sum), grouped(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_is_told_in_words_too() {
        assert_eq!(words(&[0; 24]), "none in the last 24 hours");
        let mut hours = [0; 24];
        hours[20] = 1500;
        hours[23] = 2;
        assert_eq!(words(&hours), "1,502 in the last 24 hours, most (1,500) 3 hours ago");
        assert_eq!(words(&[0, 2]), "2 in the last 24 hours, most (2) in this hour");
        let Safe(trend) = Trend::new(&hours);
        let heights: Vec<_> = trend.bars.iter().map(|bar| (bar.x, bar.height)).collect();
        assert_eq!(heights, [(80, 24), (92, 2)]);
    }
}
