//! The engines that a test can run on, and running it on each of them.

/// What a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// RabbitMQ, and Redis where claims are made.
    Cluster,
    /// A data file of the test's own.
    Embedded,
}

/// Runs each case, an async function that takes an [`Engine`], on each of them:
/// `on_every_engine! { one_case another_case }` makes tests `cluster::one_case`,
/// `embedded::one_case` and so on.
#[doc(hidden)]
#[macro_export]
macro_rules! __on_every_engine {
    ($($case:ident)+) => {
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::testing::Engine::Cluster).await;
            })+
        }
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::testing::Engine::Embedded).await;
            })+
        }
    };
}

#[doc(inline)]
pub use __on_every_engine as on_every_engine;
