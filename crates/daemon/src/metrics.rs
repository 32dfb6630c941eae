//! What the services show of themselves beside the gateway's own metrics (which have the queue), looked at every ten seconds: the
//! runs in hand, what is wrong, how far payments are behind, and the ether that transactions are paid from.

use std::time::Duration;

use alloy::{
    primitives::{Address, utils::format_ether},
    providers::{DynProvider, Provider},
};
use anyhow::Result;
use collimate_aggregator::{FeeVerdict, Troubles};
use collimate_chain::ChainError;
use collimate_payments::Poller;
use collimate_store::{Deployment, GuaranteeCounts, Store};
use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts, Registry};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(10);
/// Live runs are counted up to here.
const MAX_RUNS: u32 = 100;

/// What is looked at; each part only where its service runs.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub runs: Option<(Store, Deployment)>,
    pub troubles: Option<watch::Receiver<Troubles>>,
    pub fees: Option<watch::Receiver<Option<FeeVerdict>>>,
    pub poller: Option<Poller>,
    pub account: Option<(DynProvider, Address)>,
}

/// The gauges.
#[derive(Debug)]
struct Gauges {
    runs: IntGauge,
    /// Final ones, by the guarantee that their roots have.
    final_runs: IntGaugeVec,
    troubles: IntGaugeVec,
    behind: IntGauge,
    balance: Gauge,
    /// What a run costs at today's price, and what the budget allows: it waits while the first is above the second.
    run_cost: Gauge,
    run_allowance: Gauge,
    /// Looks in a row that failed: what they would have told is old meanwhile.
    looks_failed: IntGauge,
}

impl Gauges {
    fn register(registry: &Registry) -> Result<Self> {
        let int = |name: &str, help: &str| IntGauge::new(name, help);
        let gauges = Self {
            runs: int("collimate_runs_live", "Runs that are neither final nor failed")?,
            final_runs: IntGaugeVec::new(
                Opts::new(
                    "collimate_runs_final",
                    "Final runs, soft (by the operators' word) or hard (the contract verified the proof)",
                ),
                &["guarantee"],
            )?,
            troubles: IntGaugeVec::new(
                Opts::new("collimate_troubles", "Errors in a row of what cannot go on, by code"),
                &["code", "retryable"],
            )?,
            behind: int(
                "collimate_payments_behind_blocks",
                "Blocks whose payments are not stored",
            )?,
            balance: Gauge::new(
                "collimate_aggregator_balance_ether",
                "What pays for transactions",
            )?,
            run_cost: Gauge::new(
                "collimate_run_cost_ether",
                "What registering a run costs at today's price, when the fee rule looked last",
            )?,
            run_allowance: Gauge::new(
                "collimate_run_allowance_ether",
                "What the monthly budget allows for it; below the cost, no run opens for its price",
            )?,
            looks_failed: int(
                "collimate_looks_failed",
                "Looks in a row at database and node that failed; other gauges keep their last values meanwhile",
            )?,
        };
        registry.register(Box::new(gauges.looks_failed.clone()))?;
        registry.register(Box::new(gauges.run_cost.clone()))?;
        registry.register(Box::new(gauges.run_allowance.clone()))?;
        registry.register(Box::new(gauges.runs.clone()))?;
        registry.register(Box::new(gauges.final_runs.clone()))?;
        registry.register(Box::new(gauges.behind.clone()))?;
        registry.register(Box::new(gauges.balance.clone()))?;
        registry.register(Box::new(gauges.troubles.clone()))?;
        Ok(gauges)
    }
}

/// Looks until told to stop. What cannot be looked at keeps its last value, and is counted.
pub(crate) async fn run(
    watched: Watched,
    registry: Registry,
    stop: CancellationToken,
) -> Result<()> {
    let gauges = Gauges::register(&registry)?;
    loop {
        match look(&watched, &gauges).await {
            Ok(()) => gauges.looks_failed.set(0),
            Err(error) => {
                gauges.looks_failed.inc();
                tracing::debug!(%error, "metrics");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(EVERY) => {}
        }
    }
}

async fn look(watched: &Watched, gauges: &Gauges) -> Result<()> {
    if let Some(troubles) = &watched.troubles {
        gauges.troubles.reset();
        for trouble in troubles.borrow().values() {
            let labels = [trouble.code, if trouble.retryable { "yes" } else { "no" }];
            gauges.troubles.with_label_values(&labels).add(i64::from(trouble.times));
        }
    }
    if let Some(fees) = &watched.fees
        && let Some(verdict) = *fees.borrow()
    {
        gauges.run_cost.set(format_ether(verdict.cost).parse()?);
        gauges.run_allowance.set(format_ether(verdict.allowance).parse()?);
    }
    // Each for itself: a database that is away does not hide the node's word, and the other way round.
    let (runs, behind, balance) =
        tokio::join!(runs(watched, gauges), behind(watched, gauges), balance(watched, gauges));
    runs.and(behind).and(balance)
}

async fn runs(watched: &Watched, gauges: &Gauges) -> Result<()> {
    if let Some((store, deployment)) = &watched.runs {
        let runs = store.live_runs(deployment, MAX_RUNS).await?;
        gauges.runs.set(count(runs.len() as u64));
        let GuaranteeCounts { soft, hard } = store.guarantees(deployment).await?;
        gauges.final_runs.with_label_values(&["soft"]).set(count(soft));
        gauges.final_runs.with_label_values(&["hard"]).set(count(hard));
    }
    Ok(())
}

async fn behind(watched: &Watched, gauges: &Gauges) -> Result<()> {
    if let Some(poller) = &watched.poller {
        gauges.behind.set(count(poller.behind().await?.blocks()));
    }
    Ok(())
}

async fn balance(watched: &Watched, gauges: &Gauges) -> Result<()> {
    if let Some((provider, account)) = &watched.account {
        let ether = format_ether(
            provider.get_balance(*account).await.map_err(ChainError::node("eth_getBalance"))?,
        );
        gauges.balance.set(ether.parse()?);
    }
    Ok(())
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use collimate_chain::provider::{Timeouts, connect};
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn the_dashboard_asks_for_metrics_that_there_are() {
        let registry = Registry::new();
        let gauges = Gauges::register(&registry).unwrap();
        gauges.troubles.with_label_values(&["AGG-001", "yes"]).set(1);
        gauges.final_runs.with_label_values(&["soft"]).set(1);
        let page = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let dashboard = include_str!("../../../deploy/grafana/collimate.json");
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        // The gateway's own are looked for by its tests.
        let names = dashboard
            .split(|letter| !is_of_name(letter))
            .filter(|name| name.starts_with("collimate_") && !name.contains("_gateway_"));
        let mut count = 0;
        for name in names {
            assert!(page.contains(&format!("# HELP {name} ")), "nothing counts {name}: {page}");
            count += 1;
        }
        assert!(count > 6, "{count}");
    }

    #[tokio::test]
    async fn what_a_node_that_is_away_would_say_keeps_its_last_value() {
        let registry = Registry::new();
        let gauges = Gauges::register(&registry).unwrap();
        let away = connect("http://127.0.0.1:9", Timeouts::default()).unwrap();
        let watched = Watched { account: Some((away, Address::ZERO)), ..Watched::default() };
        gauges.balance.set(7.0);
        assert!(look(&watched, &gauges).await.is_err());
        assert!((gauges.balance.get() - 7.0).abs() < f64::EPSILON, "the last value is kept");
        assert!(look(&Watched::default(), &gauges).await.is_ok());
    }
}
