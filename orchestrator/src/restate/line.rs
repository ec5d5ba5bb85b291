//! What a server says to a worker while that is about something else: [`Line`].
//!
//! The SDK reads what comes in a call only while it waits for the server. A step that waits for its place
//! waits for other tasks, and is to know meanwhile that there is something to be read: its task is
//! cancelled, or has been silent for too long.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use http_body_util::combinators::MapErr;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use restate_sdk::endpoint::ResponseBody;

tokio::task_local! {
    /// The line of the call whose response is being made.
    static LINE: Line<Bounded>;
}

/// The body of a request, which breaks off at a bound.
pub(super) type Bounded = MapErr<Limited<Incoming>, fn(BoxError) -> BoxError>;

type BoxError = Box<dyn Error + Send + Sync>;

/// Bounds the body of a request. The SDK keeps a body in memory until the call has ended.
pub(super) fn bounded(body: Incoming, max: usize) -> Bounded {
    Limited::new(body, max).map_err(|error| {
        if !error.is::<LengthLimitError>() {
            return error;
        }
        let error = "a call is larger than this worker takes: raise Worker::max_request_body";
        tracing::warn!("{error}");
        error.into()
    })
}

/// The incoming half of a call, which is read in order, and can be listened at.
pub(super) struct Line<B: Body>(Arc<Mutex<Said<B>>>);

struct Said<B: Body> {
    body: B,
    /// What was heard and is yet to be read.
    heard: Option<Next<B>>,
}

/// A frame, or the end.
type Next<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

impl<B: Body> Clone for Line<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Body + Unpin> Line<B> {
    pub(super) fn new(body: B) -> Self {
        let heard = None;
        Self(Arc::new(Mutex::new(Said { body, heard })))
    }

    fn lock(&self) -> MutexGuard<'_, Said<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready as soon as there is something to be read. It is not read by that.
    fn poll_heard(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut said = self.lock();
        if said.heard.is_none() {
            match Pin::new(&mut said.body).poll_frame(cx) {
                Poll::Ready(frame) => said.heard = Some(frame),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

/// Waits until the server says something to the call whose response is being made.
pub(super) async fn heard() {
    poll_fn(|cx| {
        // A call that came by no line says nothing.
        LINE.try_with(|line| line.poll_heard(cx))
            .unwrap_or(Poll::Pending)
    })
    .await;
}

impl<B: Body + Unpin> Body for Line<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next<B>> {
        let mut said = self.lock();
        let next = match said.heard.take() {
            Some(next) => next,
            None => ready!(Pin::new(&mut said.body).poll_frame(cx)),
        };
        if next.is_none() {
            // A body is not to be asked again after its end.
            said.heard = Some(None);
        }
        Poll::Ready(next)
    }
}

/// The body of a response, which is made with the line of its call at hand.
pub(super) struct Answering(Option<(ResponseBody, Line<Bounded>)>);

impl Answering {
    pub(super) fn new(body: ResponseBody, line: Line<Bounded>) -> Self {
        Self(Some((body, line)))
    }

    /// No body.
    pub(super) fn empty() -> Self {
        Self(None)
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = <ResponseBody as Body>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next<Self>> {
        let Some((body, line)) = &mut self.0 else {
            return Poll::Ready(None);
        };
        LINE.sync_scope(line.clone(), || Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Some((body, _)) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Waker;

    use super::*;

    /// Says these, and when it has no more, nothing yet.
    struct Saying(VecDeque<Option<&'static str>>);

    impl Body for Saying {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(word) => Poll::Ready(word.map(|word| Ok(Frame::data(Bytes::from(word))))),
                None => Poll::Pending,
            }
        }
    }

    /// The next word; or that it is over; or that there is none yet.
    fn read(line: &mut Line<Saying>) -> Poll<Option<Bytes>> {
        Pin::new(line)
            .poll_frame(&mut Context::from_waker(Waker::noop()))
            .map(|frame| frame.map(|Ok(frame)| frame.into_data().unwrap()))
    }

    fn is_heard(line: &Line<Saying>) -> bool {
        line.poll_heard(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn what_was_heard_is_read_once_and_in_order() {
        let mut line = Line::new(Saying([Some("one"), Some("two"), None].into()));
        let mut other = line.clone();
        for word in ["one", "two"] {
            assert!(is_heard(&line) && is_heard(&other));
            assert_eq!(read(&mut other), Poll::Ready(Some(Bytes::from(word))));
        }
        assert!(is_heard(&line), "the end is heard");
        for _ in 0..2 {
            assert_eq!(read(&mut line), Poll::Ready(None), "and stays");
            assert!(is_heard(&line));
        }
    }

    #[test]
    fn nothing_is_heard_before_it_is_said() {
        let mut line = Line::new(Saying(VecDeque::new()));
        assert!(!is_heard(&line));
        assert_eq!(read(&mut line), Poll::Pending);
        line.lock().body.0.push_back(Some("now"));
        assert!(is_heard(&line));
        assert_eq!(read(&mut line), Poll::Ready(Some(Bytes::from("now"))));
        assert!(!is_heard(&line));
    }
}
