//! Terms of sale, and deployment of the payment service.

use alloy::{primitives::Address, providers::Provider};
use serde::{Deserialize, Serialize};

use crate::{AggregationModePaymentService, ContractsError, deploy::deployed};

/// Constants and first terms of the payment service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsConfig {
    /// Announces terms and withdrawals.
    pub owner: Address,
    /// Seconds between an announcement of the owner's and its effect: 1 second to 90 days.
    pub delay_seconds: u64,
    /// Terms that hold from the deployment on.
    pub terms: Terms,
}

/// Terms of sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Price of one credit, in wei.
    pub price_wei: u128,
    /// Seconds from purchase to expiry, at most ten years.
    pub validity_seconds: u64,
    /// Credits sold on one day of the chain's clock, to all buyers together.
    pub daily_cap: u64,
    /// Credits sold together at a price of their own; at most 16 such packages.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// Credits sold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// How many, at most the daily cap.
    pub credits: u64,
    /// Price of the whole package, in wei.
    pub price_wei: u128,
}

/// Deploys the payment service from the provider's default account, and waits until it is mined.
///
/// # Errors
/// [`ContractsError::Deploy`] with the reason, such as `InvalidTerms()`.
pub async fn deploy_payments<P: Provider>(
    provider: &P,
    config: &PaymentsConfig,
) -> Result<Address, ContractsError> {
    let builder = AggregationModePaymentService::deploy_builder(
        provider,
        config.owner,
        config.delay_seconds,
        config.terms.clone().into(),
    );
    deployed("AggregationModePaymentService", builder.deploy().await)
}

impl From<Terms> for AggregationModePaymentService::Terms {
    fn from(terms: Terms) -> Self {
        let packages =
            terms.packages.into_iter().map(|package| AggregationModePaymentService::Package {
                credits: package.credits,
                price: package.price_wei,
            });
        Self {
            price: terms.price_wei,
            validity: terms.validity_seconds,
            dailyCap: terms.daily_cap,
            packages: packages.collect(),
        }
    }
}

impl From<AggregationModePaymentService::Terms> for Terms {
    fn from(terms: AggregationModePaymentService::Terms) -> Self {
        let packages = terms
            .packages
            .into_iter()
            .map(|package| Package { credits: package.credits, price_wei: package.price });
        Self {
            price_wei: terms.price,
            validity_seconds: terms.validity,
            daily_cap: terms.dailyCap,
            packages: packages.collect(),
        }
    }
}
