//! The send-state machine: from what is known of a transaction to the next step. Pure.
//!
//! Rules, first match wins:
//! 1. an attempt is in the canonical chain: finish once it has its confirmations, wait until then;
//! 2. another transaction used the nonce, and that has its confirmations: no attempt can be mined any more, take a new nonce;
//! 3. the nonce is used, by whom is not known yet: wait;
//! 4. the node refused the newest attempt for its prices, or it waited for `resubmit_after` at prices that do not compete, or
//!    for `patience`: replace it, if the budget allows prices that compete; if the pool's own rules or impatience ask for it,
//!    also with the least rise;
//! 5. the node does not know the newest attempt: send it again;
//! 6. wait; if prices that compete are above the budget, for lower ones.

use std::time::Duration;

use alloy::primitives::U256;

use crate::tx::fees::{Fees, MarketFees};

/// What was seen of a transaction in one look at the node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// Confirmations of an attempt that was mined: 1 in the newest block.
    pub(crate) confirmations: Option<u64>,
    /// Blocks since the account's nonce passed the one in use without any attempt being mined.
    pub(crate) nonce_lost_for: Option<u64>,
    /// The node has the newest attempt in its pool.
    pub(crate) known: bool,
    /// The node refused the newest attempt because of its prices.
    pub(crate) underpriced: Option<Underpriced>,
    /// Time since the newest attempt was signed.
    pub(crate) waited: Duration,
    /// Prices of the next block.
    pub(crate) market: MarketFees,
}

/// Why prices were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Underpriced {
    /// By the pool's rules, for example for replacements: any rise may do.
    ByPool,
    /// They are below the next block's: only prices that compete do.
    ByMarket,
}

/// What is fixed for a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) confirmations: u64,
    pub(crate) resubmit_after: Duration,
    pub(crate) patience: Duration,
    pub(crate) gas_limit: u64,
    pub(crate) blobs: usize,
    pub(crate) max_cost: U256,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Finish,
    Wait,
    /// Prices that compete are above the budget: only a cheaper market, or a larger budget, helps.
    WaitAtBudget,
    Replace(Fees),
    Broadcast {
        at_budget: bool,
    },
    TakeNewNonce,
}

/// Applies the rules to the newest attempt, whose prices are `fees`.
pub(crate) fn decide(fees: Fees, seen: &Observation, terms: &Terms) -> Step {
    if let Some(confirmations) = seen.confirmations {
        return if confirmations >= terms.confirmations { Step::Finish } else { Step::Wait };
    }
    if let Some(blocks) = seen.nonce_lost_for {
        return if blocks >= terms.confirmations { Step::TakeNewNonce } else { Step::Wait };
    }
    let outpriced = seen.waited >= terms.resubmit_after && !fees.compete_in(seen.market);
    let impatient = seen.underpriced == Some(Underpriced::ByPool) || seen.waited >= terms.patience;
    let wants_more = seen.underpriced.is_some() || outpriced || impatient;
    if wants_more && let Some(fees) = affordable_replacement(fees, seen.market, impatient, terms) {
        return Step::Replace(fees);
    }
    match (seen.known, wants_more) {
        (true, false) => Step::Wait,
        (true, true) => Step::WaitAtBudget,
        (false, at_budget) => Step::Broadcast { at_budget },
    }
}

/// Prices of a first attempt: with headroom if the budget allows it, without it otherwise.
///
/// # Errors
/// The cost that is needed at least, if that is above the budget.
pub(crate) fn first_fees(market: MarketFees, terms: &Terms) -> Result<Fees, U256> {
    let with_blobs = terms.blobs > 0;
    let lean = Fees::lean(market, with_blobs);
    [Fees::initial(market, with_blobs), lean]
        .into_iter()
        .find(|fees| affordable(*fees, terms))
        .ok_or_else(|| lean.cost(terms.gas_limit, terms.blobs))
}

fn affordable_replacement(
    fees: Fees,
    market: MarketFees,
    impatient: bool,
    terms: &Terms,
) -> Option<Fees> {
    let least = impatient.then(|| fees.least_replacement());
    [fees.replacement(market), fees.lean_replacement(market)]
        .into_iter()
        .chain(least)
        .find(|fees| affordable(*fees, terms))
}

fn affordable(fees: Fees, terms: &Terms) -> bool {
    fees.cost(terms.gas_limit, terms.blobs) <= terms.max_cost
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: MarketFees = MarketFees { base_fee: 100, priority_fee: 10, blob_base_fee: 5 };
    const RUNAWAY: MarketFees = MarketFees { base_fee: 1_000, ..MARKET };

    fn terms() -> Terms {
        Terms {
            confirmations: 3,
            resubmit_after: Duration::from_secs(48),
            patience: Duration::from_secs(480),
            gas_limit: 1_000,
            blobs: 0,
            max_cost: U256::from(10_000_000),
        }
    }

    fn seen() -> Observation {
        Observation {
            confirmations: None,
            nonce_lost_for: None,
            known: true,
            underpriced: None,
            waited: Duration::ZERO,
            market: MARKET,
        }
    }

    #[test]
    fn rules() {
        let fees = Fees::initial(MARKET, false);
        let late = Duration::from_secs(48);
        let very_late = Duration::from_secs(480);
        let bumped = Step::Replace(fees.replacement(MARKET));
        let raised = Step::Replace(fees.replacement(RUNAWAY));
        let cases = [
            ("fresh and known", seen(), Step::Wait),
            ("mined, not deep", Observation { confirmations: Some(2), ..seen() }, Step::Wait),
            ("mined and deep", Observation { confirmations: Some(3), ..seen() }, Step::Finish),
            (
                "mined counts more than a lost nonce",
                Observation { confirmations: Some(3), nonce_lost_for: Some(9), ..seen() },
                Step::Finish,
            ),
            ("nonce just lost", Observation { nonce_lost_for: Some(2), ..seen() }, Step::Wait),
            (
                "nonce lost for good",
                Observation { nonce_lost_for: Some(3), ..seen() },
                Step::TakeNewNonce,
            ),
            (
                "dropped by the node",
                Observation { known: false, ..seen() },
                Step::Broadcast { at_budget: false },
            ),
            ("late but competing", Observation { waited: late, ..seen() }, Step::Wait),
            ("outpriced but not yet late", Observation { market: RUNAWAY, ..seen() }, Step::Wait),
            ("late and outpriced", Observation { waited: late, market: RUNAWAY, ..seen() }, raised),
            ("out of patience", Observation { waited: very_late, ..seen() }, bumped),
            (
                "refused for its price",
                Observation { underpriced: Some(Underpriced::ByPool), known: false, ..seen() },
                bumped,
            ),
        ];
        for (name, seen, step) in cases {
            assert_eq!(decide(fees, &seen, &terms()), step, "{name}");
        }
    }

    #[test]
    fn budget_stops_replacements_but_not_the_transaction() {
        let fees = Fees::initial(MARKET, false);
        let tight = Terms { max_cost: fees.cost(1_000, 0), ..terms() };
        let late = Observation { waited: tight.patience, market: RUNAWAY, ..seen() };
        assert_eq!(decide(fees, &late, &tight), Step::WaitAtBudget);
        let dropped = Observation { known: false, ..late };
        assert_eq!(decide(fees, &dropped, &tight), Step::Broadcast { at_budget: true });
    }

    #[test]
    fn when_the_market_is_over_budget_only_rules_and_impatience_raise_prices() {
        let fees = Fees::initial(MARKET, false);
        let least = fees.least_replacement();
        let tight = Terms { max_cost: least.cost(1_000, 0), ..terms() };
        let runaway = Observation { market: RUNAWAY, ..seen() };
        let by_market = Observation { underpriced: Some(Underpriced::ByMarket), ..runaway };
        let late = Observation { waited: tight.resubmit_after, ..runaway };
        let very_late = Observation { waited: tight.patience, ..runaway };
        let by_pool = Observation { underpriced: Some(Underpriced::ByPool), ..runaway };
        assert_eq!(decide(fees, &by_market, &tight), Step::WaitAtBudget);
        assert_eq!(decide(fees, &late, &tight), Step::WaitAtBudget);
        assert_eq!(decide(fees, &very_late, &tight), Step::Replace(least));
        assert_eq!(decide(fees, &by_pool, &tight), Step::Replace(least));
    }

    #[test]
    fn a_replacement_without_headroom_is_taken_if_the_budget_allows_no_other() {
        let fees = Fees::initial(MARKET, false);
        let lean = fees.lean_replacement(RUNAWAY);
        let tight = Terms { max_cost: lean.cost(1_000, 0), ..terms() };
        let late = Observation { waited: tight.resubmit_after, market: RUNAWAY, ..seen() };
        assert!(lean.compete_in(RUNAWAY));
        assert_eq!(decide(fees, &late, &tight), Step::Replace(lean));
    }

    #[test]
    fn first_attempt_keeps_within_the_budget() {
        let lean = Fees::lean(MARKET, false).cost(1_000, 0);
        let budget = |max_cost| Terms { max_cost, ..terms() };
        assert_eq!(first_fees(MARKET, &terms()), Ok(Fees::initial(MARKET, false)));
        assert_eq!(first_fees(MARKET, &budget(lean)), Ok(Fees::lean(MARKET, false)));
        assert_eq!(first_fees(MARKET, &budget(lean - U256::ONE)), Err(lean));
    }

    #[test]
    fn blobs_count_in_the_budget() {
        let terms = Terms { blobs: 6, max_cost: U256::from(300_000), ..terms() };
        // 1,000 gas at 110 wei fit; six blobs at 5 wei a blob gas do not.
        assert!(first_fees(MARKET, &terms).is_err());
    }
}
