//! Runs as traces: a span for each run, and in it one for each of its steps.
//!
//! They are read from the history that the database's triggers write: a step has its true times whoever takes it, also one that a
//! restart of this process came between. Steps that ended before the process began were told by who was there.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use collimate_store::{Deployment, Run, RunEvent, RunId, RunStatus, Store};
use opentelemetry::{
    Context, KeyValue,
    trace::{Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
/// The newest runs, which are looked at; more are never live at once.
const LOOKED_AT: u32 = 16;

/// What was told already.
#[derive(Debug)]
pub(crate) struct Steps {
    tracer: SdkTracer,
    store: Store,
    deployment: Deployment,
    /// What ended before is told.
    since: SystemTime,
    open: BTreeMap<RunId, Open>,
}

/// A run that has not ended.
#[derive(Debug)]
struct Open {
    span: Context,
    /// Its steps that are told.
    told: usize,
}

impl Steps {
    pub(crate) fn new(tracer: SdkTracer, store: Store, deployment: Deployment) -> Self {
        Self { tracer, store, deployment, since: SystemTime::now(), open: BTreeMap::new() }
    }

    /// Tells what happens until told to stop. A database that is away is asked again.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<()> {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "steps of runs");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(EVERY) => {}
            }
        }
    }

    pub(super) async fn look(&mut self) -> Result<()> {
        let now = SystemTime::now();
        for run in self.store.runs_page(None, LOOKED_AT).await? {
            let ended = run.finished_at.map(SystemTime::from);
            let news = self.open.contains_key(&run.id) || ended.is_none_or(|at| at > self.since);
            if news && run.deployment == self.deployment {
                let history = self.store.run_events(run.id).await?;
                self.tell(&run, &history);
            }
        }
        self.since = now;
        Ok(())
    }

    fn tell(&mut self, run: &Run, history: &[RunEvent]) {
        let Some(first) = history.first() else { return };
        let (tracer, since) = (&self.tracer, self.since);
        let seen = self.open.entry(run.id).or_insert_with(|| {
            let span = tracer
                .span_builder("run")
                .with_start_time(SystemTime::from(first.at))
                .with_attributes([
                    KeyValue::new("run", run.id),
                    KeyValue::new("proofs", i64::from(run.leaf_count)),
                ])
                .start_with_context(tracer, &Context::new());
            let told = history.iter().skip(1).filter(|next| SystemTime::from(next.at) <= since);
            Open { told: told.count(), span: Context::new().with_span(span) }
        });
        for (step, next) in history.iter().zip(history.iter().skip(1)).skip(seen.told) {
            let span = tracer
                .span_builder(step.status.as_str())
                .with_start_time(SystemTime::from(step.at))
                .with_attributes([KeyValue::new("run", run.id)])
                .start_with_context(tracer, &seen.span);
            end(&Context::new().with_span(span), next);
        }
        seen.told = history.len().saturating_sub(1);
        if let Some(last) = history.last()
            && matches!(last.status, RunStatus::Final | RunStatus::Failed)
        {
            end(&seen.span, last);
            self.open.remove(&run.id);
        }
    }
}

/// Ends a span with what came next.
fn end(span: &Context, next: &RunEvent) {
    if let (Some(code), Some(reason)) = (&next.code, &next.reason) {
        span.span().set_attribute(KeyValue::new("code", code.clone()));
        span.span().set_status(Status::error(reason.clone()));
    }
    span.span().end_with_timestamp(next.at.into());
}
