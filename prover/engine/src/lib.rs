//! Engines: what proves a program. All of them are the SDK's own clients.
//!
//! A crate of its own because the engines' generic code is compiled here, which takes minutes; the
//! service around it builds in seconds.

pub mod memory;
pub mod tuning;
pub mod wrap;

use std::{future::Future, path::Path, pin::Pin};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use collimate_prover_client::Form;
use sp1_sdk::{
    CpuProver, CudaProver, Elf, HashableKey, LightProver, NetworkProver, ProveRequest, Prover,
    ProverClient, ProvingKey, SP1ProofMode, network::NetworkMode,
};

use crate::tuning::MemoryProfile;

pub use sp1_sdk::{
    ProofFromNetwork, SP1_CIRCUIT_VERSION as CIRCUIT_VERSION, SP1Proof, SP1ProofWithPublicValues,
    SP1Stdin, SP1VerifyingKey,
};
pub use sp1_verifier::Groth16Bn254Proof;

/// Which engine proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// This machine's processor
    Cpu,
    /// An NVIDIA GPU in this machine, through sp1-gpu-server
    Cuda,
    /// The Succinct network, or a self-hosted SP1 cluster at NETWORK_RPC_URL
    Network,
}

impl EngineKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Network => "network",
        }
    }
}

/// Settings of the engine.
#[derive(Debug, Clone, Args)]
pub struct EngineOptions {
    /// What proves
    #[arg(long, value_enum, default_value = "cpu", env = "COLLIMATE_ENGINE_KIND")]
    pub engine: EngineKind,
    /// How much memory proving on the processor may use
    #[arg(long, value_enum, default_value = "auto", env = "COLLIMATE_PROVER_MEMORY")]
    pub memory: MemoryProfile,
    /// The process ends itself, and the job is retried, when it holds more than this many GiB; by
    /// default when less than 1 GiB is left of the machine's memory
    #[arg(long, env = "COLLIMATE_PROVER_MEMORY_LIMIT_GIB")]
    pub memory_limit_gib: Option<u64>,
    /// Which GPU the cuda engine uses
    #[arg(long, default_value_t = 0, env = "COLLIMATE_CUDA_DEVICE")]
    pub cuda_device: u32,
    /// The network engine's endpoint; the key comes from NETWORK_PRIVATE_KEY
    #[arg(long, env = "NETWORK_RPC_URL")]
    pub network_rpc_url: Option<String>,
    /// The network engine talks to reserved capacity or a self-hosted cluster, not to the auction
    #[arg(long, env = "COLLIMATE_NETWORK_RESERVED")]
    pub network_reserved: bool,
}

impl EngineOptions {
    /// The most memory that the process may hold, in bytes.
    pub fn memory_limit(&self) -> u64 {
        match self.memory_limit_gib {
            Some(gib) => gib.saturating_mul(GIB),
            None => memory::total().saturating_sub(GIB),
        }
    }
}

const GIB: u64 = 1 << 30;

/// Memory that the CPU engine needs at least, in GiB, measured at its peak in the low profile.
const CPU_MEMORY_GIB: u64 = 11;

/// Boxed, so that the engines' code is generated in this crate and not in its callers.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A ready engine. Building one takes tens of seconds and gigabytes of memory: keep it.
pub enum Engine {
    Cpu(CpuProver),
    Cuda(CudaProver),
    Network(Box<NetworkProver>),
}

impl Engine {
    /// Builds the engine, after checking what would otherwise make the SDK abort.
    pub fn start(options: &EngineOptions) -> BoxFuture<'_, Result<Self>> {
        Box::pin(Self::build(options))
    }

    async fn build(options: &EngineOptions) -> Result<Self> {
        let builder = ProverClient::builder();
        match options.engine {
            EngineKind::Cpu => {
                check_memory(memory::available())?;
                Ok(Self::Cpu(builder.cpu().build().await))
            }
            EngineKind::Cuda => {
                let device = format!("/dev/nvidia{}", options.cuda_device);
                if !Path::new(&device).exists() {
                    bail!(
                        "[PRV-002] there is no {device}: the cuda engine needs an NVIDIA GPU and its driver; choose --engine cpu without one"
                    );
                }
                let device = options.cuda_device;
                // The SDK panics when its GPU server cannot be fetched or started.
                let prover = tokio::spawn(async move { builder.cuda().with_device_id(device).build().await })
                    .await
                    .context("[PRV-003] the cuda engine did not start: sp1-gpu-server 6.10.0 must be at ~/.sp1/bin or be downloadable, and fit the driver")?;
                Ok(Self::Cuda(prover))
            }
            EngineKind::Network => {
                let key = std::env::var("NETWORK_PRIVATE_KEY").unwrap_or_default();
                if key.trim().is_empty() {
                    bail!(
                        "[PRV-004] the network engine needs a key: set NETWORK_PRIVATE_KEY in the environment"
                    );
                }
                let mode = if options.network_reserved {
                    NetworkMode::Reserved
                } else {
                    NetworkMode::Mainnet
                };
                let mut network = builder.network_for(mode);
                if let Some(url) = &options.network_rpc_url {
                    network = network.rpc_url(url);
                }
                let prover = tokio::spawn(network.build())
                    .await
                    .map_err(|_| anyhow!("[PRV-005] the network engine did not start: NETWORK_PRIVATE_KEY must be a secp256k1 key in hex, and NETWORK_RPC_URL an http(s) address"))?;
                Ok(Self::Network(Box::new(prover)))
            }
        }
    }

    /// Proves a program. The SDK may panic on bad input: call this in a task of its own.
    pub fn prove<'a>(
        &'a self,
        elf: &'a [u8],
        stdin: SP1Stdin,
        form: Form,
    ) -> BoxFuture<'a, Result<(SP1VerifyingKey, SP1ProofWithPublicValues)>> {
        Box::pin(self.prove_form(elf, stdin, form))
    }

    async fn prove_form(
        &self,
        elf: &[u8],
        stdin: SP1Stdin,
        form: Form,
    ) -> Result<(SP1VerifyingKey, SP1ProofWithPublicValues)> {
        let mode = match form {
            Form::Compressed => SP1ProofMode::Compressed,
            Form::Groth16 => SP1ProofMode::Groth16,
            Form::Plonk => SP1ProofMode::Plonk,
        };
        if form != Form::Compressed && !matches!(self, Self::Network(_)) {
            check_artifacts(form)?;
        }
        match self {
            Self::Cpu(prover) => prove_with(prover, elf, stdin, mode).await,
            Self::Cuda(prover) => prove_with(prover, elf, stdin, mode).await,
            Self::Network(prover) => prove_with(prover.as_ref(), elf, stdin, mode)
                .await
                .context("[PRV-022] the network gave no proof: check that NETWORK_RPC_URL is reachable and that the key's account is funded"),
        }
    }
}

async fn prove_with<P: Prover>(
    prover: &P,
    elf: &[u8],
    stdin: SP1Stdin,
    mode: SP1ProofMode,
) -> Result<(SP1VerifyingKey, SP1ProofWithPublicValues)> {
    let key = prover.setup(Elf::from(elf)).await.map_err(|e| anyhow!("[PRV-020] set-up: {e}"))?;
    let request = prover.prove(&key, stdin).mode(mode);
    let proof = request.await.map_err(|e| anyhow!("[PRV-021] the engine failed: {e:?}"))?;
    Ok((key.verifying_key().clone(), proof))
}

/// With less memory the kernel would end the process after minutes of work.
fn check_memory(available: u64) -> Result<()> {
    let gib = available / GIB;
    ensure!(
        gib >= CPU_MEMORY_GIB,
        "[PRV-001] the cpu engine needs {CPU_MEMORY_GIB} GiB of memory and {gib} GiB are available: \
        stop other programs, take a larger machine, or choose --engine network"
    );
    Ok(())
}

/// The circuit's artifacts must be there before the SDK looks: without them its native library
/// aborts the whole process.
fn check_artifacts(form: Form) -> Result<()> {
    let (variable, kind) = match form {
        Form::Plonk => ("SP1_PLONK_CIRCUIT_PATH", "plonk"),
        _ => ("SP1_GROTH16_CIRCUIT_PATH", "groth16"),
    };
    let folder = std::env::var(variable).unwrap_or_else(|_| {
        let home = std::env::var("HOME").unwrap_or_default();
        format!("{home}/.sp1/circuits/{kind}/{}", sp1_sdk::SP1_CIRCUIT_VERSION)
    });
    check_folder(kind, variable, &folder)
}

fn check_folder(kind: &str, variable: &str, folder: &str) -> Result<()> {
    ensure!(
        Path::new(folder).is_dir(),
        "[PRV-006] {kind} proofs need the circuit's artifacts and {folder} does not exist: install SP1's {} artifacts there, or set {variable}",
        sp1_sdk::SP1_CIRCUIT_VERSION
    );
    Ok(())
}

/// Computes verification keys and runs programs; cannot prove.
pub struct Executor(LightProver);

/// What one execution did.
#[derive(Debug)]
pub struct Execution {
    pub exit_code: u64,
    pub public_values: Vec<u8>,
    pub cycles: u64,
    pub stderr: String,
}

impl Executor {
    /// Builds an executor: seconds, and 0.6 GB of memory.
    pub fn start() -> BoxFuture<'static, Self> {
        Box::pin(async { Self(ProverClient::builder().light().build().await) })
    }

    /// The verifying key of a program.
    pub fn verifying_key<'a>(&'a self, elf: &'a [u8]) -> BoxFuture<'a, Result<SP1VerifyingKey>> {
        Box::pin(async move {
            let key = self.0.setup(Elf::from(elf)).await?;
            Ok(key.verifying_key().clone())
        })
    }

    /// Runs a program without proving it. Recursive proofs are not checked here.
    pub fn execute<'a>(
        &'a self,
        elf: &'a [u8],
        stdin: SP1Stdin,
    ) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(self.run(elf, stdin))
    }

    async fn run(&self, elf: &[u8], stdin: SP1Stdin) -> Result<Execution> {
        let (sender, stderr) = tokio::sync::watch::channel(String::new());
        let (values, report) = self
            .0
            .execute(Elf::from(elf), stdin)
            .deferred_proof_verification(false)
            .stderr(sender)
            .await?;
        let stderr = stderr.borrow().clone();
        Ok(Execution {
            exit_code: report.exit_code,
            public_values: values.to_vec(),
            cycles: report.total_instruction_count(),
            stderr,
        })
    }
}

/// Program id, and the words of which it is packed.
pub fn program_id(vk: &SP1VerifyingKey) -> ([u8; 32], [u32; 8]) {
    (vk.bytes32_raw(), vk.hash_u32())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(engine: EngineKind) -> EngineOptions {
        EngineOptions {
            engine,
            memory: MemoryProfile::Auto,
            memory_limit_gib: None,
            cuda_device: 250,
            network_rpc_url: None,
            network_reserved: false,
        }
    }

    #[test]
    fn too_little_memory_is_told_before_anything_is_done() {
        let error = check_memory(CPU_MEMORY_GIB * GIB - 1).unwrap_err().to_string();
        assert!(error.contains("[PRV-001]") && error.contains("10 GiB are available"), "{error}");
        assert!(check_memory(CPU_MEMORY_GIB * GIB).is_ok());
    }

    #[tokio::test]
    async fn an_engine_that_this_machine_lacks_is_told_by_name() {
        let cuda = Engine::start(&options(EngineKind::Cuda)).await.err().unwrap().to_string();
        assert!(cuda.contains("[PRV-002]") && cuda.contains("/dev/nvidia250"), "{cuda}");
        // A developer's own key would be taken; without one the network cannot be asked.
        if std::env::var_os("NETWORK_PRIVATE_KEY").is_none() {
            let network = Engine::start(&options(EngineKind::Network)).await.err().unwrap();
            assert!(network.to_string().contains("[PRV-004]"), "{network}");
        }
    }

    #[test]
    fn a_wrap_without_its_artifacts_is_told_before_the_native_library_aborts() {
        let folder = std::env::temp_dir();
        let missing = folder.join("no-such-artifacts").display().to_string();
        let error = check_folder("groth16", "SP1_GROTH16_CIRCUIT_PATH", &missing).unwrap_err();
        assert!(error.to_string().contains("[PRV-006]") && error.to_string().contains(&missing));
        assert!(
            check_folder("plonk", "SP1_PLONK_CIRCUIT_PATH", &folder.display().to_string()).is_ok()
        );
    }
}
