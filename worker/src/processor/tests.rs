#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;

use super::*;
use crate::settings::integrations::IntegrationSettings;

#[tokio::test]
async fn whether_records_are_kept_is_said_among_the_integrations() {
    let metrics = WorkerMetrics::register(&mut Metrics::default(), false);
    let (settings, keeper) = (IntegrationSettings::default(), Keeper::process());
    let clients = Clients::new(&settings, &keeper, &metrics, None).unwrap();
    let url = SecretString::from("postgres://127.0.0.1:1/none".to_owned());
    let records = Records::new(&url).unwrap();
    assert!(summary(&clients, Some(&records)).last().unwrap().starts_with("records: on"));
    assert!(summary(&clients, None).last().unwrap().starts_with("records: off, DATABASE_URL"));
}
