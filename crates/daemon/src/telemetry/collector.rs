//! The way to the collector. The exporter's thread has no runtime, so requests are made in the process's own.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Result;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use tokio::runtime::Handle;

/// The most that is read of an answer, which has a few words at most.
const MAX_ANSWER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether it did not take the last spans.
    away: AtomicBool,
}

impl Collector {
    pub(super) fn new(runtime: Handle, timeout: Duration) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(timeout).build()?;
        Ok(Self { http, runtime, away: AtomicBool::new(false) })
    }

    /// Says once that it is away, and once that it is back.
    fn note(&self, failure: Option<&str>) {
        let away = failure.is_some();
        if self.away.swap(away, Ordering::Relaxed) == away {
            return;
        }
        match failure {
            Some(failure) => tracing::warn!(
                failure,
                "[DMN-069] the collector takes no spans, which are lost meanwhile; everything else goes on"
            ),
            None => tracing::info!("the collector takes spans again"),
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let request = self.http.request(head.method, head.uri.to_string());
        let request = request.headers(head.headers).body(body);
        let answered = self.runtime.spawn(async move { read(request.send().await?).await });
        let answered = answered.await.map_err(HttpError::from).flatten();
        self.note(
            match &answered {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(answer.status().as_str().to_owned()),
                Err(error) => Some(causes(error.as_ref())),
            }
            .as_deref(),
        );
        answered
    }
}

async fn read(mut response: reqwest::Response) -> Result<Response<Bytes>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return Err(Box::new(ResponseBodyTooLarge::new()));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(body.into());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

/// An error with its causes, without the endpoint, which may hold a key.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = match error.downcast_ref::<reqwest::Error>() {
        Some(_) => "it cannot be asked".to_owned(),
        None => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
