//! When a run opens.

use std::{fmt, time::Duration};

use alloy::primitives::U256;
use collimate_core::blob::COMMITMENTS_PER_BLOB;
use collimate_store::{QueueDepth, age_of};

/// Gas of one blob (EIP-4844, `GAS_PER_BLOB`).
const GAS_PER_BLOB: u64 = 131_072;
/// Length of a month in the fee rule.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When a run opens: as soon as any of these holds, or an operator asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// As soon as this many proofs wait. Also the most that a run takes.
    pub count: u32,
    /// As soon as one has waited for this long.
    pub age: Duration,
    /// As soon as the public values of those that wait have this many bytes together: the zkVM hashes them all.
    pub bytes: u64,
    /// As soon as the budget allows it.
    pub fee: Option<FeeRule>,
}

impl Default for Trigger {
    /// A run a day, or a full one, or one whose public values the zkVM hashes in reasonable time.
    fn default() -> Self {
        Self { count: 23_808, age: Duration::from_secs(24 * 60 * 60), bytes: 64 << 20, fee: None }
    }
}

/// A run opens when `gas price × gas + blob gas price × blob gas ≤ elapsed / month × monthly budget`: often while gas is
/// cheap, seldom while it is dear, and never above the budget in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeRule {
    /// What all runs of a month may cost, in wei.
    pub monthly_budget: U256,
    /// Gas of a registering transaction, by estimate.
    pub gas: u64,
    /// Pause between two looks at the price.
    pub check_every: Duration,
}

/// Prices of the chain at a moment, in wei for a unit of gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasPrices {
    /// Of execution.
    pub execution: u128,
    /// Of blobs.
    pub blob: u128,
}

/// What the fee rule says, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeVerdict {
    /// What registering now costs, by estimate, in wei.
    pub cost: U256,
    /// What the budget allows after the time that passed, in wei.
    pub allowance: U256,
}

impl FeeVerdict {
    /// Whether a run may open.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.cost <= self.allowance
    }
}

impl FeeRule {
    /// Judges a run of `proofs` proofs, `elapsed` after the one before it was opened.
    #[must_use]
    pub fn judge(&self, prices: GasPrices, proofs: u64, elapsed: Duration) -> FeeVerdict {
        let blobs = proofs.div_ceil(COMMITMENTS_PER_BLOB as u64).max(1);
        let times = |price: u128, gas: u64| U256::from(price).saturating_mul(U256::from(gas));
        let blob_gas = blobs.saturating_mul(GAS_PER_BLOB);
        let cost = times(prices.execution, self.gas).saturating_add(times(prices.blob, blob_gas));
        let allowance = self.monthly_budget.saturating_mul(U256::from(elapsed.as_secs()))
            / U256::from(MONTH.as_secs());
        FeeVerdict { cost, allowance }
    }
}

/// Why a run opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenReason {
    /// Enough proofs wait.
    Count,
    /// One has waited long enough.
    Age,
    /// Their public values are long enough.
    Bytes,
    /// An operator asked for it.
    Requested,
    /// The budget allows it.
    Fee,
}

impl fmt::Display for OpenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "enough proofs wait",
            Self::Age => "a proof has waited long enough",
            Self::Bytes => "enough public values wait",
            Self::Requested => "an operator asked for it",
            Self::Fee => "the budget allows it",
        })
    }
}

impl Trigger {
    /// Whether a run is due by anything but its price.
    #[must_use]
    pub fn due(&self, queue: &QueueDepth, requested: bool) -> Option<OpenReason> {
        let oldest = queue.oldest.map(age_of)?;
        if requested {
            Some(OpenReason::Requested)
        } else if queue.count >= u64::from(self.count) {
            Some(OpenReason::Count)
        } else if queue.bytes >= self.bytes {
            Some(OpenReason::Bytes)
        } else if oldest >= self.age {
            Some(OpenReason::Age)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const TRIGGER: Trigger =
        Trigger { count: 10, age: Duration::from_secs(60), bytes: 1_000, fee: None };

    fn queue(count: u64, bytes: u64, waited_s: u64) -> QueueDepth {
        let oldest = SystemTime::now() - Duration::from_secs(waited_s);
        QueueDepth { count, bytes, oldest: (count > 0).then(|| oldest.into()) }
    }

    #[test]
    fn each_trigger_opens_a_run_on_its_own() {
        assert_eq!(TRIGGER.due(&queue(9, 999, 50), false), None);
        assert_eq!(TRIGGER.due(&queue(10, 0, 0), false), Some(OpenReason::Count));
        assert_eq!(TRIGGER.due(&queue(1, 1_000, 0), false), Some(OpenReason::Bytes));
        assert_eq!(TRIGGER.due(&queue(1, 0, 61), false), Some(OpenReason::Age));
        assert_eq!(TRIGGER.due(&queue(1, 0, 0), true), Some(OpenReason::Requested));
    }

    #[test]
    fn an_empty_queue_opens_nothing_whoever_asks() {
        assert_eq!(TRIGGER.due(&queue(0, 0, 0), true), None);
    }

    #[test]
    fn the_budget_buys_a_run_when_enough_time_has_passed() {
        let rule = FeeRule {
            monthly_budget: U256::from(3_000_000_000_000_000_000_u128),
            gas: 600_000,
            check_every: Duration::from_secs(180),
        };
        // 50 gwei: 0.03 ether, a hundredth of the budget, so a hundredth of a month; blobs for next to nothing.
        let prices = GasPrices { execution: 50_000_000_000, blob: 0 };
        let hundredth = MONTH / 100;
        assert!(rule.judge(prices, 4, hundredth).allows());
        assert!(!rule.judge(prices, 4, hundredth - Duration::from_secs(1)).allows());
        // Six blobs at the same price more than double it.
        let prices = GasPrices { blob: 50_000_000_000, ..prices };
        assert!(!rule.judge(prices, 23_808, hundredth * 2).allows());
        let verdict = rule.judge(prices, 23_808, hundredth * 3);
        assert_eq!(verdict.cost, U256::from(50_000_000_000_u128 * (600_000 + 6 * 131_072)));
        assert!(verdict.allows());
    }
}
