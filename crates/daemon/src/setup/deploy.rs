//! `collimated deploy`: the contracts of a service, on any chain.

use std::{
    fs::Permissions,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use alloy::{primitives::utils::format_ether, providers::Provider};
use anyhow::{Context, Result, ensure};
use collimate_chain::ChainError;
use collimate_contracts::{DeployConfig, HardVerifier, Sp1Verification, deploy};
use tempfile::NamedTempFile;

use super::{AccountArgs, wallet};
use crate::{config::Contracts, deployment::DEVELOPMENT_KEY};

/// Deploy the contracts of a service
#[derive(Debug, clap::Args)]
pub(crate) struct DeployCommand {
    /// What to deploy, as in docs/contracts.example.toml
    #[arg(long, value_name = "FILE", default_value = "contracts.toml")]
    contracts: PathBuf,
    /// JSON-RPC of an Ethereum node
    #[arg(long, value_name = "URL", env = "COLLIMATE__CHAIN__RPC_URL", hide_env_values = true)]
    rpc_url: String,
    /// Where the addresses are written. A file that exists is not replaced
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    out: PathBuf,
    /// Show what would be deployed and who would pay, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    account: AccountArgs,
}

impl DeployCommand {
    /// Deploys, writes the addresses to the file, and prints them.
    pub(crate) async fn run(&self) -> Result<()> {
        let config: DeployConfig = Contracts::read(&self.contracts)?.config()?;
        let signer = self.account.signer()?;
        let provider = wallet(&self.rpc_url, &signer)?;
        let chain = provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
        let account = signer.address();
        let balance =
            provider.get_balance(account).await.map_err(ChainError::node("eth_getBalance"))?;
        eprintln!("on chain {chain}, paid by {account}, which has {} ether", format_ether(balance));
        if has_development_key(&config.verification) {
            eprintln!("{DEVELOPMENT_KEY}");
        }
        if self.dry_run {
            return print(&config);
        }
        // What is paid for must not be lost for want of a place to write it to.
        ensure!(
            !self.out.exists(),
            "[DMN-090] {} exists: it may be the only note of other contracts; name another with --out",
            self.out.display()
        );
        let mut file = self.open()?;
        let deployment = deploy(provider, &config).await?;
        print(&deployment)?;
        file.write_all(&serde_json::to_vec_pretty(&deployment)?)?;
        file.as_file().sync_all()?;
        let kept = file.persist_noclobber(&self.out).map(drop);
        kept.with_context(|| {
            format!("[DMN-091] cannot write {}: keep what was printed", self.out.display())
        })
    }

    /// A file that becomes `out`, which the services' own users can read.
    fn open(&self) -> Result<NamedTempFile> {
        let folder = match self.out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let made =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder);
        made.with_context(|| format!("[DMN-091] cannot write into {}", folder.display()))
    }
}

fn has_development_key(verification: &Sp1Verification) -> bool {
    let hard = match verification {
        Sp1Verification::Quorum(_) => None,
        Sp1Verification::Hard(hard) | Sp1Verification::Both { hard, .. } => Some(hard),
    };
    matches!(hard, Some(HardVerifier::Groth16(key)) if key.is_development())
}

fn print(value: &impl serde::Serialize) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(value)?)?)
}
