//! Brings signatures to the signature aggregators.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use collimate_tasks::wire::{Acknowledged, MAX_ANSWER_BYTES, Refusal, TaskSignature};
use reqwest::{Client, Response, Url, redirect::Policy};
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    OperatorConfig, OperatorError,
    limits::{FIRST_PAUSE, MAX_DELIVERIES, MAX_PAUSE, MAX_REASON_CHARS},
    metrics::Metrics,
    status::Statuses,
};

/// Sends a signature to every aggregator, again and again while the task is open: one that was restarted has forgotten it.
#[derive(Debug)]
pub(crate) struct Courier {
    client: Client,
    aggregators: Vec<Url>,
    repeat_after: Duration,
    permits: Semaphore,
    statuses: Arc<Statuses>,
    metrics: Metrics,
}

impl Courier {
    pub(crate) fn new(
        config: &OperatorConfig,
        statuses: Arc<Statuses>,
        metrics: Metrics,
    ) -> Result<Self, OperatorError> {
        let unusable = |reason: String| OperatorError::Config { reason };
        for url in &config.aggregators {
            if !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
                return Err(unusable(format!("{url} is no base address of an aggregator")));
            }
        }
        let client = Client::builder()
            .timeout(config.request_timeout)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            client,
            aggregators: config.aggregators.clone(),
            repeat_after: config.repeat_after,
            permits: Semaphore::new(MAX_DELIVERIES),
            statuses,
            metrics,
        })
    }

    /// Never ends: whoever calls it stops it when the task is closed.
    pub(crate) async fn deliver(&self, task: B256, signature: TaskSignature) {
        let deliveries = self
            .aggregators
            .iter()
            .enumerate()
            .map(|(number, aggregator)| self.deliver_to(number, aggregator, task, signature));
        futures::future::join_all(deliveries).await;
    }

    async fn deliver_to(&self, number: usize, url: &Url, task: B256, signature: TaskSignature) {
        let url = format!("{}/v1/tasks/{task}/signatures", url.as_str().trim_end_matches('/'));
        let mut pause = FIRST_PAUSE;
        loop {
            let problem = match self.permits.acquire().await {
                Ok(_permit) => self.send(&url, &signature).await.err(),
                Err(_) => return,
            };
            let outcome = if problem.is_some() { "failed" } else { "acknowledged" };
            self.metrics.deliveries.with_label_values(&[outcome]).inc();
            pause = match &problem {
                None => self.repeat_after,
                Some(reason) => {
                    tracing::debug!(%task, url, reason, "a signature was not taken");
                    pause.saturating_mul(2).min(MAX_PAUSE)
                }
            };
            self.statuses.delivered(task, number, problem);
            sleep(pause).await;
        }
    }

    async fn send(&self, url: &str, signature: &TaskSignature) -> Result<(), String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let response = self.client.post(url).json(signature).send().await.map_err(told)?;
        let status = response.status();
        let body = read(response).await?;
        if status.is_success() {
            return serde_json::from_slice::<Acknowledged>(&body)
                .map(drop)
                .map_err(|_| "answered with something else".to_owned());
        }
        let text = match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refusal.message,
            Err(_) => format!("answered {status}"),
        };
        Err(text.chars().filter(|char| !char.is_control()).take(MAX_REASON_CHARS).collect())
    }
}

/// Reads an answer of limited size.
async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = vec![];
    while let Some(chunk) =
        response.chunk().await.map_err(|error| error.without_url().to_string())?
    {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return Err("its answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
