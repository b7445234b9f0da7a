//! The hours in which deliveries are expected: silence outside of them is no news. Owns how they are
//! written; whether silence is an alert is decided by who evaluates alerts.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

const HOW: &str = "write days, hours and a time zone such as `Mon-Fri 08:00-18:00 Europe/Berlin`, `always`, or `never`";

/// Days of the week and hours of the day, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessHours {
    days: Vec<Weekday>,
    from: Time,
    /// `None` is the end of the day.
    until: Option<Time>,
    zone: TimeZone,
}

impl BusinessHours {
    /// Whether a moment, in ms since the Unix epoch, is within.
    #[must_use]
    pub fn contain(&self, ms: i64) -> bool {
        let Ok(moment) = Timestamp::from_millisecond(ms) else { return false };
        let local = self.zone.to_datetime(moment);
        self.days.contains(&local.weekday())
            && local.time() >= self.from
            && self.until.is_none_or(|until| local.time() < until)
    }

    fn on(days: Vec<Weekday>) -> Self {
        Self { days, from: Time::midnight(), until: None, zone: TimeZone::UTC }
    }
}

impl FromStr for BusinessHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        match parts[..] {
            [word] if word.eq_ignore_ascii_case("never") => Ok(Self::on(Vec::new())),
            [word] if word.eq_ignore_ascii_case("always") => Ok(Self::on(WEEK.to_vec())),
            [days, hours] => Self::parse(days, hours, "UTC"),
            [days, hours, zone] => Self::parse(days, hours, zone),
            _ => Err(HOW.to_owned()),
        }
    }
}

impl BusinessHours {
    fn parse(days: &str, hours: &str, zone: &str) -> Result<Self, String> {
        let (from, until) = hours.split_once('-').ok_or(HOW)?;
        let from = time(from)?;
        let until = if until == "24:00" { None } else { Some(time(until)?) };
        if until.is_some_and(|until| until <= from) {
            return Err(format!("{hours} ends before it begins: hours are within one day"));
        }
        let zone = TimeZone::get(zone).map_err(|_| {
            format!("there is no time zone `{zone}`: write one as in `Europe/Berlin`, or UTC")
        })?;
        Ok(Self { days: self::days(days)?, from, until, zone })
    }
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// `Mon-Fri`, `Sat`, `Mon,Wed,Fri-Sun`.
fn days(text: &str) -> Result<Vec<Weekday>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let mut next = first;
        days.push(next);
        while next != last {
            next = next.next();
            days.push(next);
        }
    }
    Ok(days)
}

fn day(text: &str) -> Result<Weekday, String> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let place = names.iter().position(|name| text.eq_ignore_ascii_case(name));
    place.map(|place| WEEK[place]).ok_or_else(|| format!("`{text}` is no day: {HOW}"))
}

fn time(text: &str) -> Result<Time, String> {
    let is_plain = text.len() == 5 && text.bytes().all(|byte| b"0123456789:".contains(&byte));
    let parsed = if is_plain { text.parse().ok() } else { None };
    parsed.ok_or_else(|| format!("`{text}` is no time of day: {HOW}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn contain(hours: &str, moment: &str) -> bool {
        let moment: Timestamp = moment.parse().unwrap();
        hours.parse::<BusinessHours>().unwrap().contain(moment.as_millisecond())
    }

    #[test]
    fn hours_are_those_of_the_zone_in_summer_and_in_winter() {
        let berlin = "Mon-Fri 08:00-18:00 Europe/Berlin";
        // A Monday in July, two hours ahead of UTC, and one in January, one hour ahead.
        assert!(!contain(berlin, "2026-07-06T05:59:59Z"));
        assert!(contain(berlin, "2026-07-06T06:00:00Z"));
        assert!(!contain(berlin, "2026-07-06T16:00:00Z"));
        assert!(!contain(berlin, "2026-01-05T06:30:00Z"));
        assert!(contain(berlin, "2026-01-05T16:59:59Z"));
        assert!(!contain(berlin, "2026-07-04T10:00:00Z"), "a Saturday");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        // Friday evening in London is Saturday morning in Auckland.
        assert!(contain("Sat 00:00-24:00 Pacific/Auckland", "2026-07-03T20:00:00Z"));
        assert!(!contain("Sat 00:00-24:00 Europe/London", "2026-07-03T20:00:00Z"));
    }

    #[test]
    fn days_can_be_listed_and_can_pass_the_end_of_the_week() {
        assert!(contain("fri-mon,Wed 00:00-24:00", "2026-07-05T12:00:00Z"), "a Sunday");
        assert!(contain("fri-mon,Wed 00:00-24:00", "2026-07-08T12:00:00Z"), "a Wednesday");
        assert!(!contain("fri-mon,Wed 00:00-24:00", "2026-07-07T12:00:00Z"), "a Tuesday");
    }

    #[test]
    fn always_and_never_are_what_they_say() {
        assert!(contain("Always", "2026-07-05T23:59:59Z"));
        assert!(!contain("never", "2026-07-06T12:00:00Z"));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for wrong in [
            "",
            "Mon-Fri",
            "Mon-Fri 8-18",
            "Mon-Fri 18:00-08:00",
            "Mon-Fri 08:00-18:00 Mars/Olympus",
            "Mo-Fr 08:00-18:00",
            "Mon-Fri 08:00-25:00",
            "Mon-Fri 08:00-18:00 UTC x",
        ] {
            let error = wrong.parse::<BusinessHours>().unwrap_err();
            assert!(!error.is_empty(), "{wrong}");
        }
    }
}
