//! What a batch costs, and what a group must offer: arithmetic alone, in wei.
//!
//! A batch's users pay, together, for the transaction that creates its task, for the one that settles it, and for the response: the
//! task's fee limit, which covers a base fee that doubles until then. What of the limit the response does not take is the
//! batcher's, whose other costs (the object store, transactions that revert) nobody pays.

/// Gas of what a batch needs on chain. The defaults are the figures of contracts/README.md with some room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasSchedule {
    /// `createNewTask` without any group, with the longest pointer.
    pub task: u64,
    /// A group in it: its calldata, its account's word, its part of the event.
    pub group: u64,
    /// Added for a wallet's group: what the contract gives the wallet for its answer, and the call.
    pub wallet: u64,
    /// Added for each byte of a signature beyond a key's 65: calldata at its highest price (EIP-7623).
    pub signature_byte: u64,
    /// `settle`.
    pub settlement: u64,
    /// The response, with the gas limit's headroom: four operators take 237,000, each further one that is absent 21,700.
    pub response: u64,
}

impl Default for GasSchedule {
    fn default() -> Self {
        Self {
            task: 110_000,
            group: 22_000,
            wallet: 110_000,
            signature_byte: 40,
            settlement: 60_000,
            response: 400_000,
        }
    }
}

impl GasSchedule {
    /// Gas of a group.
    #[must_use]
    pub fn of_group(&self, by_wallet: bool, signature_bytes: usize) -> u64 {
        let long = (signature_bytes as u64).saturating_sub(65);
        let wallet = if by_wallet { self.wallet } else { 0 };
        self.group.saturating_add(wallet).saturating_add(long.saturating_mul(self.signature_byte))
    }
}

/// How prices are made from the chain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricePolicy {
    /// Gas of everything.
    pub gas: GasSchedule,
    /// Added to the base fee for the batcher's own transactions, in wei a gas.
    pub tip: u128,
    /// Most that the response is paid above the base fee, in wei a gas; the contract's `MAX_PRIORITY_FEE` if that is less.
    pub response_tip: u128,
    /// Least that each proof must offer, in wei.
    pub floor: u128,
    /// How many proofs a batch is expected to have: a group that offers its part of such a batch is accepted. At least 1.
    pub expected_proofs: u32,
}

/// The prices of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Most wei that the response may cost: `respondToTaskFeeLimit`.
    pub fee_limit: u128,
    /// What a batch costs.
    pub costs: Costs,
    policy: PricePolicy,
}

/// What a batch costs, by its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Wei of a batch without any group.
    pub fixed: u128,
    /// Wei of a gas.
    pub gas_price: u128,
}

impl Costs {
    /// Wei of a batch whose groups take so much gas.
    #[must_use]
    pub fn of(&self, gas: u64) -> u128 {
        self.fixed.saturating_add(self.gas_price.saturating_mul(u128::from(gas)))
    }
}

impl Quote {
    /// The prices at this base fee (wei a gas).
    #[must_use]
    pub fn new(policy: PricePolicy, base_fee: u128) -> Self {
        let gas = &policy.gas;
        // One full block raises the base fee by an eighth: two of them fit.
        let gas_price = base_fee.saturating_add(base_fee / 4).saturating_add(policy.tip);
        let response_price = base_fee.saturating_mul(2).saturating_add(policy.response_tip);
        let fee_limit = response_price.saturating_mul(u128::from(gas.response));
        let own = u128::from(gas.task.saturating_add(gas.settlement));
        let fixed = fee_limit.saturating_add(gas_price.saturating_mul(own));
        Self { fee_limit, costs: Costs { fixed, gas_price }, policy }
    }

    /// Wei that a group of a key, of whatever size, costs in a batch of its own.
    #[must_use]
    pub fn alone(&self) -> u128 {
        self.costs.of(self.policy.gas.group)
    }

    /// The same with room for a base fee that rises until the next batch: a `maxFee` that needs no others.
    #[must_use]
    pub fn instant(&self) -> u128 {
        let alone = self.alone();
        alone.saturating_add(alone / 4)
    }

    /// Wei that each proof must offer where [`Self::instant`] is not offered: its part of a batch of the expected size.
    #[must_use]
    pub fn min_fee_per_proof(&self) -> u128 {
        let expected = u64::from(self.policy.expected_proofs.max(1));
        let cost = self.costs.of(self.policy.gas.group.saturating_mul(expected));
        cost.div_ceil(u128::from(expected)).max(self.policy.floor).max(1)
    }

    /// The least `maxFee` of a group of so many proofs that takes so much gas. What it takes beyond a key's group it pays alone:
    /// one that does not is in no batch, and would only stand in the way of those that are.
    #[must_use]
    pub fn min_max_fee(&self, proofs: u32, gas: u64) -> u128 {
        let proofs = u128::from(proofs);
        let floor = self.policy.floor.max(1).saturating_mul(proofs);
        let beyond = u128::from(gas.saturating_sub(self.policy.gas.group));
        let beyond = self.costs.gas_price.saturating_mul(beyond);
        let part = self.min_fee_per_proof().saturating_mul(proofs).min(self.alone());
        part.saturating_add(beyond).max(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;
    /// Gas of a key's group.
    const KEY: u64 = 22_000;

    fn policy() -> PricePolicy {
        PricePolicy {
            gas: GasSchedule::default(),
            tip: GWEI / 10,
            response_tip: GWEI,
            floor: 0,
            expected_proofs: 16,
        }
    }

    #[test]
    fn a_batch_pays_for_its_task_its_settlement_and_its_response() {
        let quote = Quote::new(policy(), 10 * GWEI);
        assert_eq!(quote.fee_limit, 400_000 * 21 * GWEI);
        assert_eq!(quote.costs.gas_price, 12_600_000_000);
        assert_eq!(quote.costs.of(22_000), quote.fee_limit + 192_000 * 12_600_000_000);
        assert_eq!(quote.alone(), quote.costs.of(22_000));
    }

    #[test]
    fn a_large_group_pays_no_more_than_a_batch_of_its_own() {
        let quote = Quote::new(policy(), GWEI);
        let least = quote.min_fee_per_proof();
        assert!(least < quote.alone() && least * 16 >= quote.costs.fixed);
        assert_eq!(quote.min_max_fee(1, KEY), least);
        assert_eq!(quote.min_max_fee(3, KEY), 3 * least);
        assert_eq!(quote.min_max_fee(1000, KEY), quote.alone());
        assert!(quote.instant() > quote.alone());
    }

    #[test]
    fn a_group_that_takes_more_gas_than_others_offers_it() {
        let quote = Quote::new(policy(), GWEI);
        let gas = GasSchedule::default().of_group(true, 4096);
        let own = quote.costs.gas_price * u128::from(gas);
        for proofs in [1, 3, 1000] {
            let least = quote.min_max_fee(proofs, gas);
            assert_eq!(
                least - quote.min_max_fee(proofs, KEY),
                own - quote.costs.gas_price * 22_000
            );
            assert!(least > own);
        }
        // As many as a batch is expected to have pay for one, and one of many proofs pays for its own.
        assert!(16 * quote.min_max_fee(1, gas) >= quote.costs.of(16 * gas));
        assert!(quote.min_max_fee(1000, gas) >= quote.costs.of(gas));
    }

    #[test]
    fn the_floor_holds_and_nothing_is_free() {
        let floor = Quote::new(PricePolicy { floor: 10 * GWEI * GWEI, ..policy() }, GWEI);
        assert_eq!(floor.min_max_fee(7, KEY), 70 * GWEI * GWEI);
        let free = PricePolicy { tip: 0, response_tip: 0, ..policy() };
        assert_eq!(Quote::new(free, 0).min_max_fee(5, KEY), 5);
    }

    #[test]
    fn absurd_prices_do_not_wrap() {
        let quote = Quote::new(policy(), u128::MAX);
        assert_eq!(quote.fee_limit, u128::MAX);
        assert_eq!(quote.min_max_fee(u32::MAX, u64::MAX), u128::MAX);
    }

    #[test]
    fn wallets_and_long_signatures_take_more_gas() {
        let gas = GasSchedule::default();
        assert_eq!(gas.of_group(false, 65), 22_000);
        assert_eq!(gas.of_group(false, 0), 22_000);
        assert_eq!(gas.of_group(true, 4096), 132_000 + 40 * 4031);
    }
}
