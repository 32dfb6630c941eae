//! What `collimated deploy` is told: `docs/contracts.example.toml`.

use std::path::Path;

use alloy::primitives::{Address, B256};
use anyhow::{Context, Result, ensure};
use collimate_contracts::{
    DeployConfig, FastModeConfig, Package, PaymentsConfig, QuorumConfig, Sp1Verification, Terms,
};
use collimate_prover_client::AggregationPrograms;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use serde::Deserialize;

use super::amount::{amount, ether};

/// The contracts of a service whose runs operators seal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contracts {
    /// Owns what can be owned.
    owner: Address,
    quorum: Quorum,
    payments: Sale,
    fast_mode: Option<FastMode>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quorum {
    epoch_blocks: u64,
    unbonding_epochs: u64,
    #[serde(deserialize_with = "amount")]
    min_stake_eth: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sale {
    delay_seconds: u64,
    #[serde(deserialize_with = "amount")]
    price_eth: String,
    validity_seconds: u64,
    daily_cap: u64,
    #[serde(default)]
    packages: Vec<PackageOfCredits>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageOfCredits {
    credits: u64,
    #[serde(deserialize_with = "amount")]
    price_eth: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct FastMode {
    response_blocks: u32,
    max_priority_fee_gwei: u32,
    unlock_delay_seconds: u64,
}

impl Contracts {
    /// Reads the file.
    ///
    /// # Errors
    /// `DMN-060`: there is none, or something in it is unknown, missing or malformed.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        ensure!(
            file.is_file(),
            "[DMN-060] there is no {}: copy docs/contracts.example.toml there, or name another with --contracts",
            file.display()
        );
        let read = Figment::from(Toml::file_exact(file)).extract();
        read.map_err(|errors| {
            let all: Vec<String> = errors.into_iter().map(|error| error.to_string()).collect();
            anyhow::anyhow!("[DMN-060] {}", all.join("; "))
        })
    }

    /// For the programs of this release.
    ///
    /// # Errors
    /// `DMN-061`: an amount is none.
    pub(crate) fn config(&self) -> Result<DeployConfig> {
        let Self { owner, quorum, payments, fast_mode } = self;
        let packages = payments.packages.iter().map(|package| {
            let price_wei = wei("payments.packages.price_eth", &package.price_eth)?;
            anyhow::Ok(Package { credits: package.credits, price_wei })
        });
        let terms = Terms {
            price_wei: wei("payments.price_eth", &payments.price_eth)?,
            validity_seconds: payments.validity_seconds,
            daily_cap: payments.daily_cap,
            packages: packages.collect::<Result<_>>()?,
        };
        Ok(DeployConfig {
            program_id: B256::from(AggregationPrograms::committed()?.chunk_aggregator.program_id.0),
            verification: Sp1Verification::Quorum(QuorumConfig {
                owner: *owner,
                epoch_blocks: quorum.epoch_blocks,
                unbonding_epochs: quorum.unbonding_epochs,
                min_stake_wei: wei("quorum.min_stake_eth", &quorum.min_stake_eth)?,
            }),
            risc0: None,
            payments: Some(PaymentsConfig {
                owner: *owner,
                delay_seconds: payments.delay_seconds,
                terms,
            }),
            fast_mode: fast_mode.map(|fast_mode| FastModeConfig {
                owner: *owner,
                response_blocks: fast_mode.response_blocks,
                max_priority_fee_wei: u64::from(fast_mode.max_priority_fee_gwei)
                    .saturating_mul(1_000_000_000),
                unlock_delay_seconds: fast_mode.unlock_delay_seconds,
            }),
        })
    }
}

fn wei(name: &str, text: &str) -> Result<u128> {
    let wei = u128::try_from(ether(name, text)?).ok();
    wei.with_context(|| format!("[DMN-061] {name}: {text} is more ether than there is"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const EXAMPLE: &str = include_str!("../../../../docs/contracts.example.toml");

    fn read(text: &str) -> Result<Contracts> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contracts.toml");
        std::fs::write(&file, text).unwrap();
        Contracts::read(&file)
    }

    #[test]
    fn the_example_can_be_deployed() {
        let config = read(EXAMPLE).unwrap().config().unwrap();
        let payments = config.payments.unwrap();
        assert_eq!(payments.terms.price_wei, 1_000_000_000_000_000);
        assert_eq!(payments.terms.packages[0].price_wei, 80_000_000_000_000_000);
        assert_eq!(config.fast_mode.unwrap().max_priority_fee_wei, 2_000_000_000);
    }

    #[test]
    fn what_is_unknown_missing_or_no_amount_is_named() {
        for (from, to, named) in [
            ("owner = ", "owners = ", "owner"),
            ("[quorum]", "[quorums]", "quorum"),
            ("daily_cap = ", "daily_cup = ", "daily_c"),
        ] {
            let error = format!("{:#}", read(&EXAMPLE.replace(from, to)).unwrap_err());
            assert!(error.contains("[DMN-060]") && error.contains(named), "{error}");
        }
        let dear = read(&EXAMPLE.replace("price_eth = \"0.001\"", "price_eth = \"dear\"")).unwrap();
        let error = format!("{:#}", dear.config().unwrap_err());
        assert!(error.contains("[DMN-061] payments.price_eth"), "{error}");
    }
}
