//! How a batch is begun and waited for.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake};

use super::*;

type Answer = Result<(), PublishError>;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn all(messages: impl IntoIterator<Item = BoxFuture<'static, Answer>>) -> Answer {
    let mut messages: Vec<_> = messages.into_iter().map(maybe_done).collect();
    begin(&mut messages);
    end(&mut messages).await
}

/// Messages that are answered from outside, and who answers them.
fn messages(count: usize) -> (Vec<oneshot::Sender<Answer>>, Vec<BoxFuture<'static, Answer>>) {
    (0..count)
        .map(|_| {
            let (answer, answered) = oneshot::channel();
            (answer, async move { answered.await.unwrap() }.boxed())
        })
        .unzip()
}

#[test]
fn all_are_begun_in_their_order_before_any_is_answered() {
    let (answers, answered) = messages(3);
    let begun = Arc::new(Mutex::new(Vec::new()));
    let noting = answered.into_iter().enumerate().map(|(at, answered)| {
        let begun = Arc::clone(&begun);
        async move {
            begun.lock().unwrap().push(at);
            answered.await
        }
        .boxed()
    });
    let mut publishing = Box::pin(all(noting));
    assert!(publishing.as_mut().now_or_never().is_none());
    assert_eq!(*begun.lock().unwrap(), [0, 1, 2]);
    for answer in answers {
        answer.send(Ok(())).unwrap();
    }
    assert_eq!(publishing.now_or_never(), Some(Ok(())));
}

#[test]
fn who_waits_is_woken_for_the_last_and_not_for_each() {
    let woken = Arc::<Wakes>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (answers, answered) = messages(100);
    let mut publishing = Box::pin(all(answered));
    assert!(publishing.as_mut().poll(&mut context).is_pending());
    for answer in answers {
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        answer.send(Ok(())).unwrap();
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(publishing.as_mut().poll(&mut context), Poll::Ready(Ok(())));
}

#[test]
fn one_that_is_answered_after_the_last_is_waited_for() {
    let woken = Arc::<Wakes>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (mut answers, answered) = messages(3);
    let mut publishing = Box::pin(all(answered));
    assert!(publishing.as_mut().poll(&mut context).is_pending());
    for (at, times) in [(2, 1), (0, 1), (0, 2)] {
        answers.remove(at).send(Ok(())).unwrap();
        assert_eq!(woken.0.load(Ordering::Relaxed), times);
        let ended = publishing.as_mut().poll(&mut context);
        assert_eq!(ended.is_ready(), answers.is_empty());
    }
}

#[test]
fn the_first_failure_is_told_once_all_are_answered() {
    let (mut answers, answered) = messages(4);
    let mut publishing = Box::pin(all(answered));
    assert!(publishing.as_mut().now_or_never().is_none());
    for answer in [Err(PublishError::Lost), Ok(()), Err(PublishError::Refused)] {
        answers.pop().unwrap().send(answer).unwrap();
        assert!(publishing.as_mut().now_or_never().is_none());
    }
    answers.pop().unwrap().send(Ok(())).unwrap();
    assert_eq!(publishing.now_or_never(), Some(Err(PublishError::Refused)));
}

#[test]
fn what_fails_at_once_is_told() {
    let lost = || std::future::ready(Err(PublishError::Lost)).boxed();
    assert_eq!(all([lost(), lost()]).now_or_never(), Some(Err(PublishError::Lost)));
}
