//! Fee arithmetic: pure, in wei, without clock or node.

use alloy::{eips::eip4844::DATA_GAS_PER_BLOB, primitives::U256};
use serde::{Deserialize, Serialize};

/// Least rise of each price when an ordinary transaction is replaced, in percent (the rule of execution clients' pools).
pub const ORDINARY_BUMP_PERCENT: u128 = 10;

/// Least rise of **all three** prices when a blob transaction is replaced, in percent (the rule of blob pools).
pub const BLOB_BUMP_PERCENT: u128 = 100;

/// Prices of a transaction, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// Most wei for a gas (EIP-1559).
    pub max_fee_per_gas: u128,
    /// Most wei for a gas that go to the block's proposer.
    pub max_priority_fee_per_gas: u128,
    /// Most wei for a blob gas (EIP-4844); `Some` exactly for blob transactions.
    pub max_fee_per_blob_gas: Option<u128>,
}

/// Prices of the next block, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketFees {
    /// Base fee of a gas.
    pub base_fee: u128,
    /// Tip that gets a transaction in soon.
    pub priority_fee: u128,
    /// Base fee of a blob gas.
    pub blob_base_fee: u128,
}

impl Fees {
    /// Prices for a first attempt: they hold while the base fees double.
    pub fn initial(market: MarketFees, with_blobs: bool) -> Self {
        Self::with_headroom(market, with_blobs, 2)
    }

    /// The lowest prices that get into the next block, for when the budget does not allow [`initial`](Self::initial).
    pub fn lean(market: MarketFees, with_blobs: bool) -> Self {
        Self::with_headroom(market, with_blobs, 1)
    }

    fn with_headroom(market: MarketFees, with_blobs: bool, times: u128) -> Self {
        let tip = market.priority_fee;
        Self {
            max_fee_per_gas: market.base_fee.saturating_mul(times).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: with_blobs
                .then(|| market.blob_base_fee.saturating_mul(times).max(1)),
        }
    }

    /// The least prices at which a node takes a replacement of this one: each at least 10 % higher, for blobs 100 %, and
    /// always strictly higher.
    #[must_use]
    pub fn least_replacement(self) -> Self {
        let percent = if self.has_blobs() { BLOB_BUMP_PERCENT } else { ORDINARY_BUMP_PERCENT };
        Self {
            max_fee_per_gas: raised(self.max_fee_per_gas, percent),
            max_priority_fee_per_gas: raised(self.max_priority_fee_per_gas, percent),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.map(|fee| raised(fee, percent)),
        }
    }

    /// The prices of a replacement in this market: each the higher of what the pool demands and what the market does.
    #[must_use]
    pub fn replacement(self, market: MarketFees) -> Self {
        self.least_replacement().or_higher(Self::initial(market, self.has_blobs()))
    }

    /// The same without headroom, for when the budget does not allow [`replacement`](Self::replacement).
    #[must_use]
    pub fn lean_replacement(self, market: MarketFees) -> Self {
        self.least_replacement().or_higher(Self::lean(market, self.has_blobs()))
    }

    fn or_higher(self, other: Self) -> Self {
        Self {
            max_fee_per_gas: self.max_fee_per_gas.max(other.max_fee_per_gas),
            max_priority_fee_per_gas: self
                .max_priority_fee_per_gas
                .max(other.max_priority_fee_per_gas),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.max(other.max_fee_per_blob_gas),
        }
    }

    /// True if the next block's proposer gains by including a transaction with these prices.
    pub fn compete_in(self, market: MarketFees) -> bool {
        self.max_priority_fee_per_gas >= market.priority_fee
            && self.max_fee_per_gas >= market.base_fee.saturating_add(market.priority_fee)
            && self.max_fee_per_blob_gas.is_none_or(|fee| fee >= market.blob_base_fee)
    }

    /// True for the prices of a blob transaction.
    pub const fn has_blobs(self) -> bool {
        self.max_fee_per_blob_gas.is_some()
    }

    /// The most wei that gas and blob gas can cost at these prices.
    pub fn cost(self, gas_limit: u64, blobs: usize) -> U256 {
        let gas = U256::from(gas_limit).saturating_mul(U256::from(self.max_fee_per_gas));
        let blob_gas = U256::from(blobs).saturating_mul(U256::from(DATA_GAS_PER_BLOB));
        let blob_price = U256::from(self.max_fee_per_blob_gas.unwrap_or_default());
        gas.saturating_add(blob_gas.saturating_mul(blob_price))
    }
}

/// `fee` raised by `percent`, rounded up, and by at least one wei.
fn raised(fee: u128, percent: u128) -> u128 {
    let rise = (fee / 100)
        .saturating_mul(percent)
        .saturating_add((fee % 100).saturating_mul(percent).div_ceil(100));
    fee.saturating_add(rise.max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GWEI: u128 = 1_000_000_000;
    const MARKET: MarketFees =
        MarketFees { base_fee: 10 * GWEI, priority_fee: GWEI, blob_base_fee: 3 };

    #[test]
    fn first_attempt_holds_while_base_fees_double() {
        let fees = Fees::initial(MARKET, true);
        assert_eq!(fees.max_fee_per_gas, 21 * GWEI);
        assert_eq!(fees.max_priority_fee_per_gas, GWEI);
        assert_eq!(fees.max_fee_per_blob_gas, Some(6));
        let doubled = MarketFees { base_fee: 20 * GWEI, blob_base_fee: 6, ..MARKET };
        assert!(fees.compete_in(doubled));
    }

    #[test]
    fn ordinary_replacement_rises_by_ten_percent() {
        let fees = Fees {
            max_fee_per_gas: 1_000,
            max_priority_fee_per_gas: 101,
            max_fee_per_blob_gas: None,
        };
        let next = fees.least_replacement();
        assert_eq!(next.max_fee_per_gas, 1_100);
        assert_eq!(next.max_priority_fee_per_gas, 112, "rounded up: 111.1 is less than 10 %");
        assert_eq!(next.max_fee_per_blob_gas, None);
    }

    #[test]
    fn blob_replacement_doubles_all_three_prices() {
        let fees = Fees {
            max_fee_per_gas: 1_000,
            max_priority_fee_per_gas: 101,
            max_fee_per_blob_gas: Some(1),
        };
        let next = fees.least_replacement();
        assert_eq!(next.max_fee_per_gas, 2_000);
        assert_eq!(next.max_priority_fee_per_gas, 202);
        assert_eq!(next.max_fee_per_blob_gas, Some(2));
    }

    #[test]
    fn a_price_of_zero_still_rises() {
        let fees =
            Fees { max_fee_per_gas: 0, max_priority_fee_per_gas: 0, max_fee_per_blob_gas: Some(0) };
        let next = fees.least_replacement();
        assert_eq!((next.max_fee_per_gas, next.max_priority_fee_per_gas), (1, 1));
        assert_eq!(next.max_fee_per_blob_gas, Some(1));
    }

    #[test]
    fn replacement_follows_a_market_that_ran_away() {
        let fees = Fees::initial(MARKET, true);
        let market =
            MarketFees { base_fee: 100 * GWEI, priority_fee: 5 * GWEI, blob_base_fee: 1_000 };
        assert!(!fees.compete_in(market));
        let next = fees.replacement(market);
        assert_eq!(next.max_fee_per_gas, 205 * GWEI);
        assert_eq!(next.max_priority_fee_per_gas, 5 * GWEI);
        assert_eq!(next.max_fee_per_blob_gas, Some(2_000));
        assert!(next.compete_in(market));
    }

    #[test]
    fn each_price_alone_can_be_too_low() {
        let good = Fees::lean(MARKET, true);
        assert!(good.compete_in(MARKET));
        assert!(!Fees { max_fee_per_gas: good.max_fee_per_gas - 1, ..good }.compete_in(MARKET));
        assert!(!Fees { max_priority_fee_per_gas: GWEI - 1, ..good }.compete_in(MARKET));
        assert!(!Fees { max_fee_per_blob_gas: Some(2), ..good }.compete_in(MARKET));
    }

    #[test]
    fn cost_counts_gas_and_blob_gas() {
        let fees =
            Fees { max_fee_per_gas: 7, max_priority_fee_per_gas: 1, max_fee_per_blob_gas: Some(2) };
        assert_eq!(fees.cost(100, 6), U256::from(700 + 6 * 131_072 * 2));
        assert_eq!(Fees { max_fee_per_blob_gas: None, ..fees }.cost(100, 0), U256::from(700));
    }

    proptest! {
        #[test]
        fn pools_take_every_replacement(
            fee in any::<u128>(), tip in any::<u128>(), blob in proptest::option::of(any::<u128>()),
            base in 0u128..u128::MAX / 4, market_tip in 0u128..u128::MAX / 4, blob_base in 0u128..u128::MAX / 4,
        ) {
            // Prices that leave room to double: no real price comes near.
            let fees = Fees {
                max_fee_per_gas: fee >> 2,
                max_priority_fee_per_gas: tip >> 2,
                max_fee_per_blob_gas: blob.map(|b| b >> 2),
            };
            let market = MarketFees { base_fee: base, priority_fee: market_tip, blob_base_fee: blob_base };
            let next = fees.replacement(market);
            let percent = U256::from(if blob.is_some() { 200u64 } else { 110 });
            let pairs = [
                (fees.max_fee_per_gas, next.max_fee_per_gas),
                (fees.max_priority_fee_per_gas, next.max_priority_fee_per_gas),
                (fees.max_fee_per_blob_gas.unwrap_or(0), next.max_fee_per_blob_gas.unwrap_or(1)),
            ];
            for (old, new) in pairs {
                prop_assert!(new > old);
                prop_assert!(U256::from(new) * U256::from(100) >= U256::from(old) * percent || blob.is_none() && old == 0);
            }
            prop_assert!(next.compete_in(market));
            prop_assert!(next.max_fee_per_gas >= next.max_priority_fee_per_gas || fees.max_fee_per_gas < fees.max_priority_fee_per_gas);
        }
    }
}
