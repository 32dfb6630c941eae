//! What `collimated deploy` is told: `docs/contracts.example.toml`.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use anyhow::{Context, Result, bail, ensure};
use collimate_contracts::{
    DeployConfig, FastModeConfig, HardVerifier, Package, PaymentsConfig, QuorumConfig,
    Sp1Verification, Terms,
};
use collimate_prover_client::AggregationPrograms;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use serde::Deserialize;

use super::amount::{amount, ether};
use crate::deployment::groth16_key;

/// The contracts of a service whose runs operators vouch for, or whose proofs a contract verifies itself, or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contracts {
    /// Owns what can be owned.
    owner: Address,
    quorum: Option<Quorum>,
    hard_verifier: Option<Hard>,
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

/// What verifies proofs of runs themselves.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hard {
    /// SP1's gateway on the chain that is deployed to.
    Sp1Gateway,
    /// Another contract that exists.
    Existing(Address),
    /// A contract of our own, under the key in this file.
    Groth16(PathBuf),
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
        let mut contracts: Self = read.map_err(|errors| {
            let all: Vec<String> = errors.into_iter().map(|error| error.to_string()).collect();
            anyhow::anyhow!("[DMN-060] {}", all.join("; "))
        })?;
        if let Some(Hard::Groth16(key)) = &mut contracts.hard_verifier {
            // Meant from the file's folder, wherever the program is started.
            *key = file.parent().unwrap_or(Path::new("")).join(&*key);
        }
        Ok(contracts)
    }

    /// For the programs of this release.
    ///
    /// # Errors
    /// `DMN-061`: an amount is none, or nobody verifies runs; `DMN-085`: a key cannot be read.
    pub(crate) fn config(&self) -> Result<DeployConfig> {
        let Self { owner, payments, fast_mode, .. } = self;
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
            verification: self.verification()?,
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

    fn verification(&self) -> Result<Sp1Verification> {
        let quorum = self.quorum.as_ref().map(|quorum| quorum.config(self.owner)).transpose()?;
        let hard = self.hard_verifier.as_ref().map(Hard::verifier).transpose()?;
        match (quorum, hard) {
            (Some(quorum), None) => Ok(Sp1Verification::Quorum(quorum)),
            (Some(quorum), Some(hard)) => Ok(Sp1Verification::Both { quorum, hard }),
            (None, Some(_)) if self.fast_mode.is_some() => {
                bail!("[DMN-061] fast_mode needs operators: add the section [quorum]")
            }
            (None, Some(hard)) => Ok(Sp1Verification::Hard(hard)),
            (None, None) => {
                bail!(
                    "[DMN-061] nobody verifies runs: add the section [quorum], hard_verifier, or both"
                )
            }
        }
    }
}

impl Quorum {
    fn config(&self, owner: Address) -> Result<QuorumConfig> {
        Ok(QuorumConfig {
            owner,
            epoch_blocks: self.epoch_blocks,
            unbonding_epochs: self.unbonding_epochs,
            min_stake_wei: wei("quorum.min_stake_eth", &self.min_stake_eth)?,
        })
    }
}

impl Hard {
    fn verifier(&self) -> Result<HardVerifier> {
        match self {
            Self::Sp1Gateway => Ok(HardVerifier::Sp1Gateway),
            Self::Existing(address) => Ok(HardVerifier::Existing(*address)),
            Self::Groth16(key) => Ok(HardVerifier::Groth16(Box::new(groth16_key(key)?))),
        }
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
        assert!(
            matches!(config.verification, Sp1Verification::Quorum(_)),
            "and its comments are comments"
        );
    }

    #[test]
    fn proofs_are_verified_beside_operators_or_instead_of_them() {
        let with = |hard: &str| EXAMPLE.replace("# hard_verifier = \"sp1_gateway\"", hard);
        let both = |hard: &str| match read(&with(hard))?.config()?.verification {
            Sp1Verification::Both { hard, .. } => anyhow::Ok(hard),
            other => panic!("{other:?}"),
        };
        assert_eq!(both("hard_verifier = 'sp1_gateway'").unwrap(), HardVerifier::Sp1Gateway);
        let address = Address::repeat_byte(7);
        let existing = both(&format!("hard_verifier.existing = '{address}'")).unwrap();
        assert_eq!(existing, HardVerifier::Existing(address));
        let key = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../contracts/test/data/sp1-groth16-v6.1.0.json"
        );
        let HardVerifier::Groth16(key) = both(&format!("hard_verifier.groth16 = '{key}'")).unwrap()
        else {
            panic!("not a verifier under the key of the file");
        };
        assert!(!key.is_development());
        let error = format!("{:#}", both("hard_verifier.groth16 = 'gone.json'").unwrap_err());
        assert!(error.contains("[DMN-085]") && error.contains("gone.json"), "{error}");
        let error = format!("{:#}", both("hard_verifier = 'ours'").unwrap_err());
        assert!(error.contains("[DMN-060]") && error.contains("ours"), "{error}");

        // The example without its operators.
        let (start, rest) = EXAMPLE.split_once("\n[quorum]").unwrap();
        let payments = &rest[rest.find("\n[payments]").unwrap()..];
        let (payments, fast_mode) = payments.split_at(payments.find("\n[fast_mode]").unwrap());
        let alone = |hard: &str, more: &str| {
            read(&format!("{start}\n{hard}\n{payments}\n{more}"))?.config()
        };
        let hard = "hard_verifier = 'sp1_gateway'";
        let verification = alone(hard, "").unwrap().verification;
        assert_eq!(verification, Sp1Verification::Hard(HardVerifier::Sp1Gateway));
        for (hard, more, named) in [("", "", "hard_verifier"), (hard, fast_mode, "fast_mode")] {
            let error = format!("{:#}", alone(hard, more).unwrap_err());
            assert!(error.contains("[DMN-061]") && error.contains(named), "{error}");
        }
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
