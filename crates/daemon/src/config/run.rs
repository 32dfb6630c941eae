//! `[aggregator.run]`.

use std::time::Duration;

use anyhow::{Result, ensure};
use collimate_aggregator::{FeeRule, PlanSettings, Trigger};
use collimate_core::{MAX_PROOFS_PER_RUN, guest::MAX_CHUNK_SIZE_LOG2};
use serde::{Deserialize, Serialize};

use super::amount::{ether, optional_amount};

/// When a run opens, as soon as any of these holds, and how it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RunSettings {
    /// So many proofs wait; also the most that a run takes.
    pub count: u32,
    /// A proof has waited for so many seconds.
    pub age_seconds: u64,
    /// The public values of those that wait have so many bytes.
    pub bytes: u64,
    /// What all runs of 30 days may cost, in ether: a run opens when its price fits the time since the last.
    #[serde(deserialize_with = "optional_amount")]
    pub monthly_budget_eth: Option<String>,
    /// Gas of a registering transaction, by estimate.
    pub gas_estimate: u64,
    /// Seconds between two looks at the price of gas.
    pub fee_check_seconds: u64,
    /// Runs of up to so many proofs take one layer.
    pub direct_max: usize,
    /// Proofs of a chunk in larger runs: a power of two.
    pub chunk_size: u32,
}

impl Default for RunSettings {
    fn default() -> Self {
        let (trigger, plan) = (Trigger::default(), PlanSettings::default());
        Self {
            count: trigger.count,
            age_seconds: trigger.age.as_secs(),
            bytes: trigger.bytes,
            monthly_budget_eth: None,
            gas_estimate: 600_000,
            fee_check_seconds: 180,
            direct_max: plan.direct_max,
            chunk_size: 1 << plan.chunk_size_log2,
        }
    }
}

impl RunSettings {
    pub(crate) fn trigger(&self) -> Result<Trigger> {
        let most = u32::try_from(MAX_PROOFS_PER_RUN).unwrap_or(u32::MAX);
        ensure!(
            (1..=most).contains(&self.count),
            "[DMN-061] aggregator.run.count must be 1 to {most}"
        );
        let fee = self.monthly_budget_eth.as_ref().map(|budget| {
            anyhow::Ok(FeeRule {
                monthly_budget: ether("aggregator.run.monthly_budget_eth", budget)?,
                gas: self.gas_estimate,
                check_every: Duration::from_secs(self.fee_check_seconds),
            })
        });
        let age = Duration::from_secs(self.age_seconds);
        Ok(Trigger { count: self.count, age, bytes: self.bytes, fee: fee.transpose()? })
    }

    pub(crate) fn plan(&self) -> Result<PlanSettings> {
        let largest = 1 << MAX_CHUNK_SIZE_LOG2;
        ensure!(
            self.chunk_size.is_power_of_two() && self.chunk_size <= largest,
            "[DMN-061] aggregator.run.chunk_size must be a power of two, at most {largest}"
        );
        let chunk_size_log2 = self.chunk_size.ilog2();
        Ok(PlanSettings { direct_max: self.direct_max, chunk_size_log2 })
    }
}
