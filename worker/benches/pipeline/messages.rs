//! What a message costs: the same one with ever more in its properties, and by other ways into its queue.

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ExchangeKind};

use super::machine;
use super::raw::{self, Way};
use super::report::Report;
use super::rounds::{in_turn, of_raw};
use super::scale::Scale;

const COUNT: usize = 50_000;
const IN_FLIGHT: usize = 800;

pub(crate) async fn run(scale: Scale, prefix: &str) -> Report {
    let amqp = shared::testing::amqp_url();
    let connection = raw::connect(&amqp).await;
    let mut report = Report::on(machine::servers(scale).await);
    let exchanges = Exchanges::declare(&connection, prefix).await;
    for round in 1..=scale.rounds() {
        eprintln!("round {round} of {}", scale.rounds());
        let queue = format!("{prefix}.messages.{round}");
        raw::declare(&connection, &queue).await;
        exchanges.bind(&connection, &queue).await;
        for (name, properties, by) in in_turn(round, messages()) {
            let exchange = match by {
                By::Default | By::Mandatory => String::new(),
                By::Direct => exchanges.plain.clone(),
                By::WithAlternate => exchanges.with_alternate.clone(),
            };
            let way = Way { exchange, key: queue.clone(), is_mandatory: by == By::Mandatory };
            let count = scale.count(COUNT);
            let run = raw::publish_by(&connection, &way, count, IN_FLIGHT, &properties);
            report.add(name, of_raw(count, run).await);
            // A long queue costs the broker more, whatever is in it.
            raw::purge(&connection, &queue).await;
        }
        raw::delete(&amqp, &queue).await;
    }
    exchanges.delete(&connection).await;
    report
}

/// The way into the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Default,
    /// The same, and it comes back if there is no queue.
    Mandatory,
    Direct,
    /// A direct exchange that hands on what has no queue.
    WithAlternate,
}

fn messages() -> Vec<(&'static str, BasicProperties, By)> {
    let bare = raw::bare;
    let trace = "1769081993375 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    vec![
        ("nothing but persistent", bare(), By::Default),
        ("message_id of 64 digits", bare().with_message_id("0".repeat(64).into()), By::Default),
        ("message_id of 43 characters", bare().with_message_id("0".repeat(43).into()), By::Default),
        ("type", bare().with_type("deal.propertyChange".into()), By::Default),
        ("reply_to", bare().with_reply_to("hubspot/242711451".into()), By::Default),
        ("correlation_id", bare().with_correlation_id(trace.into()), By::Default),
        ("timestamp", bare().with_timestamp(1_769_081_993), By::Default),
        ("all properties of a fresh message", raw::dressed(), By::Default),
        ("one header", bare().with_headers(headers(1)), By::Default),
        ("six headers", bare().with_headers(headers(6)), By::Default),
        ("nothing, mandatory", bare(), By::Mandatory),
        ("nothing, by a direct exchange", bare(), By::Direct),
        ("nothing, by a direct exchange with an alternate one", bare(), By::WithAlternate),
        (
            "all properties, by a direct exchange with an alternate one",
            raw::dressed(),
            By::WithAlternate,
        ),
    ]
}

fn headers(count: i64) -> FieldTable {
    let mut headers = FieldTable::default();
    for number in 0..count {
        headers.insert(format!("hubline-header-{number}").into(), AMQPValue::LongLongInt(number));
    }
    headers
}

/// Two that lead to the same queue.
struct Exchanges {
    plain: String,
    with_alternate: String,
    alternate: String,
}

impl Exchanges {
    async fn declare(connection: &Connection, prefix: &str) -> Self {
        let exchanges = Self {
            plain: format!("{prefix}.plain"),
            with_alternate: format!("{prefix}.with-alternate"),
            alternate: format!("{prefix}.alternate"),
        };
        let channel = connection.create_channel().await.unwrap();
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        let alternate = exchanges.alternate.as_str();
        arguments.insert("alternate-exchange".into(), AMQPValue::LongString(alternate.into()));
        for (name, kind, arguments) in [
            (alternate, ExchangeKind::Fanout, FieldTable::default()),
            (&exchanges.plain, ExchangeKind::Direct, FieldTable::default()),
            (&exchanges.with_alternate, ExchangeKind::Direct, arguments),
        ] {
            channel.exchange_declare(name.into(), kind, options, arguments).await.unwrap();
        }
        exchanges
    }

    async fn bind(&self, connection: &Connection, queue: &str) {
        let channel = connection.create_channel().await.unwrap();
        for exchange in [&self.plain, &self.with_alternate] {
            let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
            let (name, from) = (queue.into(), exchange.as_str().into());
            channel.queue_bind(name, from, queue.into(), options, arguments).await.unwrap();
        }
    }

    async fn delete(self, connection: &Connection) {
        let channel = connection.create_channel().await.unwrap();
        for exchange in [&self.plain, &self.with_alternate, &self.alternate] {
            channel
                .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
    }
}
