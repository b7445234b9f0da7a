//! How events are processed, wherever they are kept, and which of these settings must fit each
//! other.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::time::Duration;

use clap::Args;
use shared::retry::delay_name;
use shared::settings::parse_duration;

use super::integrations::IntegrationSettings;
use super::oauth::AppSettings;
use super::retry::RetrySettings;
use super::tenants::TenantSettings;

/// HubSpot comes again for a day, and an operator may replay the log of a week: what was
/// completed must still be known then.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(8 * 24 * 3600);

/// Under RabbitMQ's default consumer timeout of 30 minutes.
const LONGEST_RUN: Duration = Duration::from_secs(25 * 60);

/// A run that is over waits no longer for a step that is under way: together with [`LONGEST_RUN`] it
/// stays under RabbitMQ's timeout.
const LONGEST_STEP: Duration = Duration::from_secs(4 * 60);

/// Less than what is completed is remembered for.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How events are processed, wherever they are kept: the same in every way to run Hubline.
#[derive(Args, Clone, Debug)]
pub struct ProcessingSettings {
    /// Deliveries worked on at once, and prefetched per work queue; half as many calls of one service
    /// are under way at once, of all workers together
    #[arg(long, env, default_value = "400", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub concurrency: u16,
    /// Runs that one portal may have at once, so that others go on when its runs hang; 0: three
    /// quarters of CONCURRENCY
    #[arg(long, env, default_value = "0")]
    pub portal_concurrency: u16,
    /// Longest run of a handler; must be longer than API_TIMEOUT and no longer than SHUTDOWN_GRACE
    #[arg(long, env, default_value = "30s", value_parser = parse_duration)]
    pub handler_timeout: Duration,
    /// How long a claim holds when its worker dies; must be longer than HANDLER_TIMEOUT
    #[arg(long, env, default_value = "1min", value_parser = parse_duration)]
    pub lease: Duration,
    /// Longest time that a run waits for room, such as in a portal's budget of requests; then it is a dead
    /// letter
    #[arg(long, env, default_value = "3d", value_parser = parse_duration)]
    pub wait_max: Duration,
    /// The retry schedule.
    #[command(flatten)]
    pub retry: RetrySettings,
    /// Count runs by portal too: one time series for each portal
    #[arg(long, env, default_value = "false", action = clap::ArgAction::Set)]
    pub metrics_by_portal: bool,
    /// HubSpot, Slack, ERP, onboarding.
    #[command(flatten)]
    pub integrations: IntegrationSettings,
    /// The app that portals install.
    #[command(flatten)]
    pub app: AppSettings,
    /// How long events are held that need the access of a portal which has uninstalled the app; then they are
    /// dropped. Must be shorter than WAIT_MAX
    #[arg(long, env, default_value = "2d", value_parser = parse_duration)]
    pub uninstalled_events_kept: Duration,
    /// Tenants.
    #[command(flatten)]
    pub tenants: TenantSettings,
}

impl ProcessingSettings {
    /// How long the ledger remembers.
    pub fn retention(&self) -> anyhow::Result<Duration> {
        Ok(REMEMBERED + self.retry.schedule()?.span())
    }

    /// Refuses an event log that goes back further than the ledger: a replay would do again what is
    /// completed.
    pub fn check_log(&self, log_retention: Duration) -> anyhow::Result<()> {
        let retention = self.retention()?;
        anyhow::ensure!(
            log_retention <= retention,
            "LOG_RETENTION ({}) must be at most {}, for which it is remembered what is completed: a replay would do it again",
            humantime::format_duration(log_retention),
            humantime::format_duration(Duration::from_secs(retention.as_secs())),
        );
        Ok(())
    }

    /// The share of runs that one portal may have at once.
    pub fn portal_cap(&self) -> usize {
        match self.portal_concurrency {
            0 => (usize::from(self.concurrency) * 3).div_ceil(4),
            cap => usize::from(cap),
        }
    }

    /// How long a step that is under way when its handler's time is up may take to end. A fact's claim is
    /// not extended, and must outlast it.
    pub fn step_timeout(&self) -> Duration {
        let claimed = self.lease.saturating_sub(self.handler_timeout);
        self.integrations.api_timeout.min(claimed).min(LONGEST_STEP)
    }

    /// Refuses times in which a request, the handler that makes it and the worker that stops do not fit
    /// into each other.
    pub fn check_times(&self, shutdown_grace: Duration) -> anyhow::Result<()> {
        let api_timeout = self.integrations.api_timeout;
        anyhow::ensure!(
            api_timeout < self.handler_timeout && self.handler_timeout <= shutdown_grace,
            "API_TIMEOUT ({}) must be shorter than HANDLER_TIMEOUT ({}), and that no longer than SHUTDOWN_GRACE ({}): a request ends within its handler's time, and a handler before its worker does",
            delay_name(api_timeout),
            delay_name(self.handler_timeout),
            delay_name(shutdown_grace),
        );
        Ok(())
    }

    fn check_app(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.uninstalled_events_kept < self.wait_max,
            "UNINSTALLED_EVENTS_KEPT ({}) must be shorter than WAIT_MAX ({}), or events would be dead letters before they are dropped",
            delay_name(self.uninstalled_events_kept),
            delay_name(self.wait_max),
        );
        let integrations = &self.integrations;
        anyhow::ensure!(
            integrations.hubspot()?.is_none() || integrations.hubspot_portal_id.is_some(),
            "HUBSPOT_CLIENT_ID and HUBSPOT_ACCESS_TOKEN are set without HUBSPOT_PORTAL_ID: say which portal the token is for, the others' come of their consent"
        );
        Ok(())
    }

    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.retry.schedule()?;
        anyhow::ensure!(
            self.handler_timeout >= Duration::from_millis(1),
            "HANDLER_TIMEOUT must be at least 1ms"
        );
        anyhow::ensure!(
            self.handler_timeout <= LONGEST_RUN,
            "HANDLER_TIMEOUT must be at most {}: RabbitMQ takes a delivery back that is not acked within 30 minutes",
            delay_name(LONGEST_RUN),
        );
        anyhow::ensure!(
            self.lease > self.handler_timeout,
            "LEASE ({}) must be longer than HANDLER_TIMEOUT ({}), or a run that is still going could be started a second time",
            delay_name(self.lease),
            delay_name(self.handler_timeout),
        );
        anyhow::ensure!(
            self.wait_max <= LONGEST_WAIT,
            "WAIT_MAX must be at most {}, or it would be forgotten meanwhile what is done",
            delay_name(LONGEST_WAIT),
        );
        if self.app.client_id().is_some() {
            self.check_app()?;
        }
        self.tenants.check()?;
        self.integrations.check()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        settings: ProcessingSettings,
    }

    fn settings(api: &str, handler: &str, lease: &str) -> ProcessingSettings {
        let flags = ["--api-timeout", api, "--handler-timeout", handler, "--lease", lease];
        Parsed::try_parse_from([&["worker"][..], &flags].concat()).unwrap().settings
    }

    #[test]
    fn times_that_do_not_fit_into_each_other_are_refused_and_all_are_named() {
        let (fits, grace) = (settings("10s", "30s", "1min"), Duration::from_secs(30));
        fits.check_times(grace).unwrap();
        let error = fits.check_times(Duration::from_secs(29)).unwrap_err().to_string();
        for part in ["API_TIMEOUT (10s)", "HANDLER_TIMEOUT (30s)", "SHUTDOWN_GRACE (29s)"] {
            assert!(error.contains(part), "{error}");
        }
        settings("30s", "30s", "1min").check_times(grace).unwrap_err();
    }

    #[test]
    fn a_step_at_the_end_of_its_run_outlasts_neither_the_lease_nor_the_brokers_patience() {
        let of = |api, handler, lease| settings(api, handler, lease).step_timeout();
        assert_eq!(of("10s", "30s", "1min"), Duration::from_secs(10));
        assert_eq!(of("10s", "30s", "35s"), Duration::from_secs(5));
        assert_eq!(of("10min", "20min", "2h"), LONGEST_STEP);
        assert!(LONGEST_RUN + LONGEST_STEP < Duration::from_secs(30 * 60));
    }
}
