//! The rest of a body that its handler did not read.
//!
//! A connection that is closed before its client has sent everything loses the answer on its way: the client sees a broken
//! pipe instead of the reason. So what is left of a refused request is taken in and forgotten, within limits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
};
use futures::{StreamExt, stream};
use tokio::time::timeout;

/// The most that is taken in only to be forgotten; what is far too large is not waited for.
const MAX_BYTES: usize = 16 << 20;
/// How long that may take.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A body that its handler reads, and that is still here afterwards.
#[derive(Clone)]
pub(crate) struct Rest(Arc<Mutex<BodyDataStream>>);

impl Rest {
    /// The request, and a handle on its body.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        let (parts, body) = request.into_parts();
        let rest = Self(Arc::new(Mutex::new(body.into_data_stream())));
        let body = Body::from_stream(rest.clone().stream());
        (Request::from_parts(parts, body), rest)
    }

    fn stream(self) -> impl stream::Stream<Item = Result<Bytes, axum::Error>> + Send {
        stream::poll_fn(move |context| {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
        })
    }

    /// Takes in what is left, and forgets it.
    pub(crate) async fn discard(self) {
        let mut left = MAX_BYTES;
        let mut body = std::pin::pin!(self.stream());
        let discarding = async {
            while let Some(Ok(chunk)) = body.next().await {
                left = left.checked_sub(chunk.len())?;
            }
            Some(())
        };
        // Whether it was all, too much or too slow: the answer goes out now.
        let _ = timeout(MAX_TIME, discarding).await;
    }
}
