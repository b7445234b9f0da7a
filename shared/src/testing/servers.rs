//! The servers that tests share, and the names that keep tests apart on them.

/// RabbitMQ for tests, as `scripts/services env` names it.
pub fn amqp_url() -> String {
    required("HUBLINE_TEST_AMQP_URL")
}

/// Where RabbitMQ's own metrics are read in tests: `host:port`.
pub fn rabbitmq_metrics() -> String {
    required("HUBLINE_TEST_RABBITMQ_METRICS")
}

/// Redis for tests, as `scripts/services env` names it.
pub fn redis_url() -> String {
    required("HUBLINE_TEST_REDIS_URL")
}

/// PostgreSQL for tests, as `scripts/services env` names it.
pub fn database_url() -> String {
    required("HUBLINE_TEST_DATABASE_URL")
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests through scripts/test, or `eval \"$(scripts/services up)\"` first")
    })
}

/// A prefix that no other test has.
pub fn prefix() -> String {
    format!("t{:016x}", rand::random::<u64>())
}
