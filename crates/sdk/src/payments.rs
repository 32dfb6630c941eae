//! Buying credits from the `AggregationModePaymentService`.
//!
//! ```text
//! Payments ──offer()──▶ Offer ──order()──▶ Order ──Payer::buy()──▶ Purchase        on chain
//!                                                     │
//!                                                 TxJournal: stored before it is sent, resumed after a crash
//! ```
//!
//! An [`Order`] names the terms that its buyer saw: if other terms hold when it is mined, it reverts and costs gas only. It sends
//! the exact price, so there is no change to take back.

mod journal;
mod payer;

use std::time::Duration;

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::DynProvider,
    sol_types::SolCall,
};
use collimate_contracts::{
    AggregationModePaymentService::{
        self, AggregationModePaymentServiceInstance, depositCall, depositPackageCall,
    },
    Terms,
};
use serde::Serialize;

pub use journal::TxJournal;
pub use payer::{Payer, Purchase};

use crate::{
    SdkError,
    connect::{check_contracts, no_answer},
};

/// Reads one payment service. Holds no key.
#[derive(Clone, Debug)]
pub struct Payments {
    service: AggregationModePaymentServiceInstance<DynProvider>,
    chain_id: u64,
}

/// Terms of sale that hold now, and how much is left under them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Id of the terms.
    pub terms_id: u64,
    /// Price, validity, packages and cap.
    #[serde(flatten)]
    pub terms: Terms,
    /// Credits that are left of today's cap.
    pub left_today: u64,
}

/// What is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many credits at the price of one.
    Credits(u64),
    /// A package, by its position in the offer.
    Package(u64),
}

/// A deposit that is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who may spend the credits.
    pub account: Address,
    /// The terms agreed to.
    pub terms_id: u64,
    /// What is bought.
    pub amount: Amount,
    /// Credits that it gives.
    pub credits: u64,
    /// Price of all, in wei: what is sent, exactly.
    pub price_wei: U256,
    /// Time from purchase to expiry.
    pub validity: Duration,
}

impl Payments {
    /// A client of the contract at `contract`, after checking the node's chain and that the contract answers.
    ///
    /// # Errors
    /// [`SdkError::Chain`] for another chain or a node that is away, [`SdkError::NoContract`], [`SdkError::NotPayments`].
    pub async fn connect(
        provider: DynProvider,
        contract: Address,
        expected_chain: Option<u64>,
    ) -> Result<Self, SdkError> {
        let chain_id = check_contracts(&provider, expected_chain, &[contract]).await?;
        let service = AggregationModePaymentService::new(contract, provider);
        let terms = service.currentTermsId().call().await;
        let wrong = |_| SdkError::NotPayments { contract };
        terms.map_err(|error| no_answer("eth_call", error, wrong))?;
        Ok(Self { service, chain_id })
    }

    /// The contract's address.
    #[must_use]
    pub fn contract(&self) -> Address {
        *self.service.address()
    }

    /// The chain that the node serves.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The terms that hold now.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn offer(&self) -> Result<Offer, SdkError> {
        let current = self.service.currentTerms().call().await;
        let current = current.map_err(SdkError::call("currentTerms"))?;
        let left = self.service.leftToday().call().await;
        let left = left.map_err(SdkError::call("leftToday"))?;
        Ok(Offer {
            terms_id: current.id,
            terms: current.terms_.into(),
            left_today: u64::try_from(left).unwrap_or(u64::MAX),
        })
    }

    /// Number of the purchases made so far.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn purchases(&self) -> Result<u64, SdkError> {
        let purchases = self.service.purchases().call().await;
        Ok(u64::try_from(purchases.map_err(SdkError::call("purchases"))?).unwrap_or(u64::MAX))
    }
}

impl Offer {
    /// An order under these terms.
    ///
    /// # Errors
    /// [`SdkError::CannotOrder`] if nothing is ordered, there is no such package, or more than is left today.
    pub fn order(&self, account: Address, amount: Amount) -> Result<Order, SdkError> {
        let cannot = |reason: String| Err(SdkError::CannotOrder { reason });
        if account.is_zero() {
            return cannot("the zero address can spend nothing; name another account".to_owned());
        }
        let (credits, price_wei) = match amount {
            Amount::Credits(credits) => {
                (credits, U256::from(self.terms.price_wei).saturating_mul(U256::from(credits)))
            }
            Amount::Package(index) => {
                let package =
                    usize::try_from(index).ok().and_then(|at| self.terms.packages.get(at));
                let Some(package) = package else {
                    let count = self.terms.packages.len();
                    return cannot(format!(
                        "there is no package {index}; the {count} on offer are counted from 0"
                    ));
                };
                (package.credits, U256::from(package.price_wei))
            }
        };
        if credits == 0 {
            return cannot("nothing was ordered; order one credit or more".to_owned());
        }
        if credits > self.left_today {
            return cannot(format!(
                "{credits} credits were ordered, {} are left of today's {}; order fewer, or tomorrow (UTC)",
                self.left_today, self.terms.daily_cap
            ));
        }
        let validity = Duration::from_secs(self.terms.validity_seconds);
        Ok(Order { account, terms_id: self.terms_id, amount, credits, price_wei, validity })
    }
}

impl Order {
    /// The call of the contract.
    #[must_use]
    pub fn call_data(&self) -> Bytes {
        let (account, terms) = (self.account, U256::from(self.terms_id));
        match self.amount {
            Amount::Credits(_) => depositCall { account, termsId: terms }.abi_encode().into(),
            Amount::Package(index) => {
                let index = U256::from(index);
                depositPackageCall { account, termsId: terms, index }.abi_encode().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use collimate_contracts::Package;

    use super::*;

    fn offer() -> Offer {
        let packages = vec![Package { credits: 100, price_wei: 80 }];
        Offer {
            terms_id: 7,
            terms: Terms { price_wei: 10, validity_seconds: 60, daily_cap: 1_000, packages },
            left_today: 500,
        }
    }

    #[test]
    fn an_order_sends_the_exact_price() {
        let account = Address::repeat_byte(1);
        let single = offer().order(account, Amount::Credits(3)).expect("an order");
        assert_eq!((single.credits, single.price_wei), (3, U256::from(30)));
        let package = offer().order(account, Amount::Package(0)).expect("an order");
        assert_eq!((package.credits, package.price_wei), (100, U256::from(80)));
        assert_eq!(package.terms_id, 7);
        assert_ne!(single.call_data()[..4], package.call_data()[..4]);
    }

    #[test]
    fn orders_that_would_revert_are_refused_before_they_cost_gas() {
        let account = Address::repeat_byte(1);
        let cases = [
            (account, Amount::Credits(0)),
            (account, Amount::Credits(501)),
            (account, Amount::Credits(u64::MAX)),
            (account, Amount::Package(1)),
            (account, Amount::Package(u64::MAX)),
            (Address::ZERO, Amount::Credits(1)),
        ];
        for (account, amount) in cases {
            let error = offer().order(account, amount).expect_err("refused");
            assert_eq!(error.code(), "SDK-025", "{amount:?}");
        }
    }
}
