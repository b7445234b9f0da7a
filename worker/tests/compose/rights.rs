//! What each user on the broker can do, and what none can: with the definitions that compose.yaml imports.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties, ErrorKind, ExchangeKind};

/// What is tried, on a channel of its own: a refusal closes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Publish(&'static str),
    Consume(&'static str),
    Get(&'static str),
    Purge(&'static str),
    Delete(&'static str),
    Declare(&'static str),
    Look(&'static str),
    Bind(&'static str, &'static str),
    DeclareExchange(&'static str),
    DeleteExchange(&'static str),
}

/// A user's connection.
pub(crate) struct User(Connection);

impl User {
    pub(crate) async fn connect(url: &str) -> Self {
        Self(Connection::connect(url, ConnectionProperties::default()).await.unwrap())
    }

    pub(crate) async fn may(&self, deed: Deed) {
        self.attempt(deed).await.unwrap_or_else(|error| panic!("{deed:?}: {error}"));
    }

    pub(crate) async fn may_not(&self, deeds: &[Deed]) {
        for deed in deeds {
            let Err(error) = self.attempt(*deed).await else { panic!("{deed:?} was not refused") };
            let is_refusal =
                matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 403);
            assert!(is_refusal, "{deed:?}: {error}");
        }
    }

    async fn attempt(&self, deed: Deed) -> Result<(), lapin::Error> {
        let channel = self.0.create_channel().await?;
        let none = FieldTable::default;
        match deed {
            Deed::Publish(exchange) => {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                let (options, properties) =
                    (BasicPublishOptions::default(), BasicProperties::default());
                // To nowhere: what matters is who may.
                let sent =
                    channel.basic_publish(exchange.into(), "".into(), options, b"", properties);
                sent.await?.await?;
            }
            Deed::Consume(queue) => {
                let options = BasicConsumeOptions::default();
                channel.basic_consume(queue.into(), "".into(), options, none()).await?;
            }
            Deed::Get(queue) => {
                channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
            }
            Deed::Purge(queue) => {
                channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
            }
            Deed::Delete(queue) => {
                channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
            }
            Deed::Declare(queue) => {
                channel.queue_declare(queue.into(), QueueDeclareOptions::default(), none()).await?;
            }
            Deed::Look(queue) => {
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                channel.queue_declare(queue.into(), options, none()).await?;
            }
            Deed::Bind(queue, exchange) => {
                let options = QueueBindOptions::default();
                channel
                    .queue_bind(queue.into(), exchange.into(), "x".into(), options, none())
                    .await?;
            }
            Deed::DeclareExchange(name) => {
                let options = ExchangeDeclareOptions::default();
                channel
                    .exchange_declare(name.into(), ExchangeKind::Direct, options, none())
                    .await?;
            }
            Deed::DeleteExchange(name) => {
                channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await?;
            }
        }
        channel.close(200, "done".into()).await
    }
}
