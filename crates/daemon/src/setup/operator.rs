//! `collimated operator`: an operator's key, and its registration with a stake.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, U256, utils::format_ether},
    providers::DynProvider,
};
use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use collimate_attestation::{Registration, SecretKey, create_keystore};
use collimate_contracts::{Deployment, OperatorRegistry};

use super::{AccountArgs, wallet};
use crate::{
    Settings,
    config::{Config, OperatorSettings, ether},
    driver,
    serve::chain,
};

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Make an operator's BLS key, as an encrypted keystore (EIP-2335)
    NewKey {
        /// The keystore to be made. A file that exists is not replaced
        file: PathBuf,
        /// A file with the password that protects it
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Register the key of the `[operator]` section, with a stake in ether of the account's
    Register {
        #[command(flatten)]
        settings: Settings,
        /// The stake, in ether
        #[arg(long, value_name = "ETHER")]
        stake: String,
        #[command(flatten)]
        account: AccountArgs,
    },
}

impl OperatorCommand {
    pub(crate) async fn run(&self) -> Result<()> {
        let said = match self {
            Self::NewKey { file, password_file } => new_key(file, password_file)?,
            Self::Register { settings, stake, account } => {
                register_operator(&settings.load()?, stake, account).await?
            }
        };
        Ok(writeln!(std::io::stdout(), "{said}")?)
    }
}

fn new_key(file: &Path, password_file: &Path) -> Result<String> {
    let cannot = || format!("[DMN-092] cannot read the password file {}", password_file.display());
    let text = fs::read_to_string(password_file).with_context(cannot)?;
    // As it is read when the keystore is opened.
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(
        !password.is_empty(),
        "[DMN-092] the password file {} is empty: write a password that cannot be guessed",
        password_file.display()
    );
    let key = SecretKey::generate()?;
    create_keystore(file, &key, password)?;
    let public_key = alloy::hex::encode_prefixed(key.public_key().to_bytes());
    Ok(format!("{}: public key {public_key}", file.display()))
}

async fn register_operator(config: &Config, stake: &str, account: &AccountArgs) -> Result<String> {
    let settings: &OperatorSettings = config
        .operator
        .as_ref()
        .context("[DMN-066] the configuration has no [operator] section")?;
    let signer = account.signer()?;
    ensure!(
        signer.address() == settings.account,
        "[DMN-093] the key is that of {}, operator.account is {}: correct one of them",
        signer.address(),
        settings.account
    );
    let key = settings.key().load()?;
    let (_, deployment) = chain(config).await?;
    let provider = wallet(&config.chain.rpc_url, &signer)?;
    let stake = ether("--stake", stake)?;
    let account = settings.account;
    if register(&deployment, provider, account, &key, stake).await? {
        let stake = format_ether(stake);
        return Ok(format!(
            "{account} is registered with {stake} ether; it counts from the next epoch on"
        ));
    }
    Ok(format!("{account} was registered before"))
}

/// Registers an operator's key, unless its account is registered; returns whether it was not. `provider` sends as `account`.
///
/// # Errors
/// `DMN-020`, `DMN-021`, or what node and contract say.
pub(crate) async fn register(
    deployment: &Deployment,
    provider: DynProvider,
    account: Address,
    key: &SecretKey,
    stake: U256,
) -> Result<bool> {
    let address = driver::registry(deployment)?;
    let registry = OperatorRegistry::new(address, provider);
    if registry.activeId(account).call().await.is_ok() {
        return Ok(false);
    }
    let registration =
        Registration { chain_id: deployment.chain_id, registry: address, operator: account };
    let possession = key.prove_possession(&registration).to_point();
    let receipt = registry
        .register(key.public_key().to_point().into(), possession.into())
        .value(stake)
        .send()
        .await?
        .get_receipt()
        .await?;
    ensure!(receipt.status(), "[DMN-020] the registration of operator {account} reverted");
    Ok(true)
}
