//! `collimate verify-evidence`.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use clap::Args;
use collimate_chain::provider::{Timeouts, connect};
use collimate_contracts::Deployment;
use collimate_evidence::{Evidence, Verdict, check, check_on_chain, limits::MAX_EVIDENCE_BYTES};
use collimate_sdk::NetworkProfile;
use serde::Serialize;

use crate::{
    connection::read_deployment,
    error::CliError,
    input::read_at_most,
    networks::Networks,
    outcome::{Outcome, Progress},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A file of evidence says that operators signed a batch with a proof that does not hold. Without a node it is \
    checked that a task of this name is about such a batch; anybody can make up a task that nobody signed. With a node, the \
    contract that YOU name is asked whether its operators did.\n\nExamples:\n  \
    collimate verify-evidence evidence.json\n  \
    collimate verify-evidence evidence.json --network devnet\n  \
    collimate verify-evidence evidence.json --rpc-url http://localhost:8545 --service-manager 0x5FbD…\n  \
    collimate verify-evidence evidence.json --rpc-url http://localhost:8545 --deployment devnet.json"
)]
pub(crate) struct VerifyEvidenceArgs {
    /// The evidence, as a watcher writes it
    #[arg(value_name = "FILE")]
    evidence: PathBuf,
    /// Ask no node, even if COLLIMATE_RPC_URL is set or a network is in use
    #[arg(long)]
    offline: bool,
    /// The Ethereum node, http or https
    #[arg(
        long,
        alias = "rpc",
        value_name = "URL",
        env = "COLLIMATE_RPC_URL",
        hide_env_values = true,
        help_heading = "Chain"
    )]
    rpc_url: Option<String>,
    /// The AlignedLayerServiceManager that you trust
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COLLIMATE_SERVICE_MANAGER",
        hide_env_values = true,
        help_heading = "Chain"
    )]
    service_manager: Option<Address>,
    /// A deployment as `collimated devnet` writes it
    #[arg(
        long,
        value_name = "FILE",
        env = "COLLIMATE_DEPLOYMENT",
        hide_env_values = true,
        help_heading = "Chain"
    )]
    deployment: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    /// Whether a contract was asked. If not, the task may be one that nobody signed.
    on_chain: bool,
    chain_id: u64,
    service_manager: Address,
    #[serde(flatten)]
    verdict: Verdict,
}

pub(crate) async fn run(
    args: &VerifyEvidenceArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let json = read_at_most(&args.evidence, "a file of evidence", MAX_EVIDENCE_BYTES)?;
    let evidence = Evidence::from_json(&json)?;
    progress.say("verifying the proof");
    let verdict = check(&evidence)?;
    let chain = args.chain(networks)?;
    let on_chain = chain.is_some();
    if let Some((url, service_manager)) = chain {
        progress.say("asking the contract");
        let provider = connect(&url, Timeouts::default())?;
        check_on_chain(&evidence, provider, service_manager).await?;
    }
    let (chain_id, service_manager) = (evidence.chain_id, evidence.service_manager);
    let report = Report { holds: true, on_chain, chain_id, service_manager, verdict };
    let rows = report.rows(&evidence);
    Ok(Outcome::new(&report, rows))
}

impl VerifyEvidenceArgs {
    /// The node and the contract to ask, if any is to be asked. An option goes before the profile's value, but two contracts
    /// contradict each other.
    fn chain(&self, networks: &Networks) -> Result<Option<(String, Address)>, CliError> {
        if self.offline {
            return Ok(None);
        }
        // A network that is only the one in use says nothing once a contract is named: that may be elsewhere.
        let is_elsewhere = self.service_manager.is_some() || self.deployment.is_some();
        let network = networks.selected()?.filter(|selected| selected.is_named || !is_elsewhere);
        let profile = network.map(|selected| selected.profile);
        let manager = self.trusted(profile.as_ref())?;
        let url = self.rpc_url.clone().or(profile.map(|profile| profile.rpc_url));
        match (url, manager) {
            (None, None) => Ok(None),
            (Some(url), Some(manager)) => Ok(Some((url, manager))),
            (Some(_), None) => Err(CliError::Missing {
                what: "the address of the AlignedLayerServiceManager",
                remedy: "give --service-manager, --deployment or a network with fast mode, from a source that you trust; or --offline",
            }),
            (None, Some(_)) => Err(CliError::Missing {
                what: "the Ethereum node's URL",
                remedy: "give --network or --rpc-url, or set COLLIMATE_RPC_URL; or --offline",
            }),
        }
    }

    /// The contract that the user trusts.
    fn trusted(&self, profile: Option<&NetworkProfile>) -> Result<Option<Address>, CliError> {
        let deployed = self.deployment.as_deref().map(service_manager_of).transpose()?;
        let of_network = profile.and_then(|profile| profile.fast_mode.as_ref());
        let mut known = [
            ("--service-manager (or COLLIMATE_SERVICE_MANAGER)", self.service_manager),
            ("--deployment's", deployed),
            ("the network profile's", of_network.map(|fast| fast.service_manager)),
        ]
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?)));
        let Some((name, manager)) = known.next() else { return Ok(None) };
        match known.find(|(_, other)| *other != manager) {
            None => Ok(Some(manager)),
            Some((other_name, other)) => Err(CliError::Conflict {
                one: format!("{name} {manager}"),
                other: format!("{other_name} {other}"),
            }),
        }
    }
}

fn service_manager_of(path: &Path) -> Result<Address, CliError> {
    let deployment: Deployment = read_deployment(path)?;
    deployment.fast_mode.map(|contracts| contracts.service_manager).ok_or(CliError::Missing {
        what: "fast mode in the deployment's file",
        remedy: "give --service-manager, or the file of a deployment with fast mode",
    })
}

impl Report {
    fn rows(&self, evidence: &Evidence) -> Vec<(&'static str, String)> {
        let holds = match self.on_chain {
            true => {
                "yes: the operators of this contract signed a batch with a proof that does not hold"
            }
            false => {
                "yes: the task is about a batch with a proof that does not hold; whether operators signed it was not asked \
                 (give --network, or --rpc-url and --service-manager)"
            }
        };
        let verdict = &self.verdict;
        vec![
            ("holds", holds.to_owned()),
            ("task", verdict.task_id.to_string()),
            ("root", evidence.task.batch_merkle_root.to_string()),
            ("proof", format!("number {} of the batch, {}", verdict.leaf, verdict.proof_system)),
            ("program id", verdict.program_id.to_string()),
            ("refusal", verdict.reason.clone()),
            ("transaction", evidence.answer.transaction.to_string()),
            ("contract", format!("{} on chain {}", self.service_manager, self.chain_id)),
        ]
    }
}
