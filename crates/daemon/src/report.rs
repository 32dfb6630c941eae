//! The demo's result, as a table and as JSON.

use std::fmt;

use alloy::primitives::{Address, B256, U256};
use collimate_sdk::Run;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;

use crate::{
    demo::TransactionCost,
    fast_batch::FastReport,
    hard_run::HardReport,
    submission::{Accepted, short, short_hex},
};

/// One aggregated proof.
#[derive(Debug, Serialize)]
pub(crate) struct ReportedProof {
    name: String,
    program_id: B256,
    commitment: B256,
    leaf: B256,
    path_length: usize,
    included: bool,
}

impl ReportedProof {
    /// A proof whose inclusion was checked.
    pub(crate) fn new(item: &Accepted, path_length: usize) -> Self {
        Self {
            name: item.name.clone(),
            program_id: item.proof.program_id.0.into(),
            commitment: item.proof.commitment.0.into(),
            leaf: item.proof.commitment.leaf().into(),
            path_length,
            included: true,
        }
    }
}

/// Seconds of a phase.
#[derive(Debug, Serialize)]
struct PhaseTime {
    phase: String,
    seconds: f64,
}

/// Where a run's time and memory went.
#[derive(Debug, Serialize)]
pub(crate) struct Resources {
    /// Seconds in which a job was being proven; none if the proof was there already.
    pub proving_seconds: f64,
    /// The most memory that the proving process held, in MiB.
    pub prover_peak_mib: Option<u64>,
    /// The same of this process: aggregator, operators and everything else.
    pub own_peak_mib: Option<u64>,
}

/// The most memory that this process held so far, in MiB.
pub(crate) fn own_peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// Who says that the run's proof holds.
#[derive(Debug)]
pub(crate) struct Trust {
    /// The verifier of the operators' word.
    pub quorum: Address,
    /// The proof itself, where the contract verified it.
    pub hard: Option<HardReport>,
}

impl Trust {
    fn words(&self) -> String {
        let Some(HardReport { verifier, development_key, .. }) = &self.hard else {
            return format!(
                "the operators' quorum: 67 % of the stake verified the final proof natively and signed it \
                 (QuorumSP1Verifier at {}; no Groth16 wrap)",
                self.quorum
            );
        };
        let key = match development_key {
            true => {
                "its key is of a development set-up, and whoever ran that could forge a proof of anything: it is worth \
                 something to them alone, and contracts on other chains than local ones refuse it; production uses the key \
                 that SP1 published"
            }
            false => "its key is the one that SP1 published",
        };
        format!(
            "no operator: the contract verified a Groth16 proof of the run itself (SP1Groth16Verifier at {verifier}); {key}"
        )
    }
}

/// All that the demo shows at its end. It exists only when everything held.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    proofs: Vec<ReportedProof>,
    root: B256,
    transaction: B256,
    block: u64,
    blob_hashes: Vec<B256>,
    contract: Address,
    gas: u64,
    gas_per_proof: u64,
    cost_wei: U256,
    phases: Vec<PhaseTime>,
    resources: Resources,
    /// `soft`, by the operators' word, or `hard`, by the proof itself.
    guarantee: &'static str,
    /// What made the root hard; absent if nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    hard: Option<HardReport>,
    trusted: String,
    /// What fast mode did before; absent if it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    fast_mode: Option<FastReport>,
}

impl Report {
    pub(crate) fn new(
        proofs: Vec<ReportedProof>,
        run: &Run,
        cost: TransactionCost,
        times: Vec<(String, f64)>,
        resources: Resources,
        trust: Trust,
        fast_mode: Option<FastReport>,
    ) -> Self {
        let count = u64::try_from(proofs.len()).unwrap_or(u64::MAX).max(1);
        let phases = times.into_iter().map(|(phase, seconds)| PhaseTime { phase, seconds });
        Self {
            proofs,
            root: run.root,
            transaction: run.transaction,
            block: run.block_number,
            blob_hashes: run.blob_hashes.clone(),
            contract: run.contract,
            gas: cost.gas,
            gas_per_proof: cost.gas / count,
            cost_wei: cost.wei,
            phases: phases.collect(),
            resources,
            guarantee: if trust.hard.is_some() { "hard" } else { "soft" },
            trusted: trust.words(),
            hard: trust.hard,
            fast_mode,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY);
        table.set_header(["proof", "program id", "commitment", "leaf", "included"]);
        for proof in &self.proofs {
            table.add_row([
                proof.name.clone(),
                short(&collimate_core::ProgramId(proof.program_id.0)),
                short_hex(&proof.commitment.0),
                short_hex(&proof.leaf.0),
                if proof.included { "yes".to_owned() } else { "no".to_owned() },
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "root          {}", self.root)?;
        writeln!(f, "transaction   {} in block {}", self.transaction, self.block)?;
        for hash in &self.blob_hashes {
            writeln!(f, "blob          {hash}")?;
        }
        writeln!(f, "gas           {}, {} a proof", self.gas, self.gas_per_proof)?;
        match &self.hard {
            None => writeln!(f, "guarantee     soft: the operators' word")?,
            Some(HardReport { since, transaction, gas, wrap_seconds, .. }) => {
                writeln!(
                    f,
                    "guarantee     hard since block {since}: the contract verified a real Groth16 proof"
                )?;
                writeln!(
                    f,
                    "hard by       {transaction}, gas {gas}; the wrap took {wrap_seconds:.0} s"
                )?;
            }
        }
        for phase in &self.phases {
            writeln!(f, "time          {:>7.1} s  {}", phase.seconds, phase.phase)?;
        }
        let Resources { proving_seconds, prover_peak_mib, own_peak_mib } = &self.resources;
        write!(f, "proving       {proving_seconds:>7.1} s")?;
        if let Some(peak) = prover_peak_mib {
            write!(f, ", the prover held at most {peak} MiB")?;
        }
        writeln!(f, "; {} MiB in this process", own_peak_mib.unwrap_or_default())?;
        if let Some(fast_mode) = &self.fast_mode {
            writeln!(f, "fast mode     {}", fast_mode.summary())?;
        }
        write!(f, "trusted       {}", self.trusted)
    }
}
