//! The subcommands of wrapping: `artifacts`, `wrap`, and the stages themselves.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use collimate_core::ProgramId;
use collimate_engine::{
    memory,
    wrap::{Wrapped, vk_root},
};
use collimate_verifiers::VerifierPool;
use tokio::process::Command;

use super::{
    artifacts::{Artifacts, ArtifactsOptions, Mode, VERIFYING_KEY, hex_of},
    build, install,
    pipeline::Wrapper,
    stage::{self, Summary},
};
use crate::worker::{decode, verify};

/// What can be done with a circuit's artifacts.
#[derive(Debug, Subcommand)]
pub enum ArtifactsCommand {
    /// Make a development set-up: about ten minutes on two cores, once for a machine
    Build {
        /// What is made: only dev can be
        #[arg(long, value_enum)]
        mode: Mode,
        /// Folder of the circuit's artifacts; ~/.cache/collimate/circuits by default
        #[arg(long, env = "COLLIMATE_ARTIFACTS")]
        artifacts: Option<PathBuf>,
    },
    /// Install SP1's published artifacts from their archive
    Install {
        /// The archive, such as v6.1.0-groth16.tar.gz
        #[arg(long)]
        from: PathBuf,
        /// The archive's SHA-256, where its source tells it
        #[arg(long)]
        sha256: Option<String>,
        /// Folder of the circuit's artifacts; ~/.cache/collimate/circuits by default
        #[arg(long, env = "COLLIMATE_ARTIFACTS")]
        artifacts: Option<PathBuf>,
    },
    /// Print the verification key as the contract SP1Groth16Verifier takes it, as JSON
    Key {
        #[command(flatten)]
        options: ArtifactsOptions,
        /// Write the key to this file, too, as the aggregator's circuit_key takes it
        #[arg(long, value_name = "FILE")]
        binary_out: Option<PathBuf>,
    },
}

/// A compressed proof to wrap.
#[derive(Debug, Args)]
pub struct WrapOptions {
    /// The compressed proof, a file as 'prove' writes it
    pub proof: PathBuf,
    /// The program that it proves
    #[arg(long)]
    pub program_id: ProgramId,
    /// Where the wrapped proof goes
    #[arg(long)]
    pub out: PathBuf,
    /// Where the bytes go that the contract takes
    #[arg(long)]
    pub contract_bytes: Option<PathBuf>,
    /// Folder of the stages' files, from which a later attempt goes on; beside the wrapped proof by default
    #[arg(long)]
    pub work: Option<PathBuf>,
    #[command(flatten)]
    pub artifacts: ArtifactsOptions,
}

/// A stage, run by this program in a process of its own.
#[derive(Debug, Subcommand)]
pub enum StageCommand {
    /// Shrink and wrap a compressed proof
    Wrap {
        #[arg(long)]
        proof: PathBuf,
        #[arg(long)]
        wrapped: PathBuf,
        #[arg(long)]
        exit_with_stdin: bool,
    },
    /// Write the circuit's witness, and its constraints
    Constraints {
        /// The wrapped proof; by default the one that the engine comes with
        #[arg(long)]
        wrapped: Option<PathBuf>,
        #[arg(long)]
        witness: PathBuf,
        #[arg(long)]
        constraints: Option<PathBuf>,
        #[arg(long)]
        exit_with_stdin: bool,
    },
}

impl StageCommand {
    /// Whether it ends when standard input does.
    pub fn exits_with_stdin(&self) -> bool {
        match self {
            Self::Wrap { exit_with_stdin, .. } | Self::Constraints { exit_with_stdin, .. } => {
                *exit_with_stdin
            }
        }
    }
}

/// Makes, installs or prints artifacts.
pub async fn artifacts(command: ArtifactsCommand) -> Result<()> {
    let (artifacts, key) = match command {
        ArtifactsCommand::Build { mode, artifacts } => {
            ensure!(
                mode == Mode::Dev,
                "[PRV-055] SP1's artifacts are not made but installed: 'artifacts install --from ARCHIVE'"
            );
            let artifacts = Artifacts::new(&ArtifactsOptions { artifacts, mode })?;
            let key = build::build(&artifacts).await?;
            eprintln!(
                "this is a development set-up: whoever made it could forge proofs under its key; use it on local chains alone"
            );
            (artifacts, key)
        }
        ArtifactsCommand::Install { from, sha256, artifacts } => {
            let options = ArtifactsOptions { artifacts, mode: Mode::Release };
            let artifacts = Artifacts::new(&options)?;
            let key = install::install(&artifacts, &from, sha256.as_deref())?;
            (artifacts, key)
        }
        ArtifactsCommand::Key { options, binary_out } => {
            return print_key(&Artifacts::new(&options)?, binary_out).await;
        }
    };
    eprintln!("{}", artifacts.folder.display());
    println!("0x{}", hex_of(&key));
    Ok(())
}

async fn print_key(artifacts: &Artifacts, binary_out: Option<PathBuf>) -> Result<()> {
    let key = artifacts.verifying_key()?;
    if let Some(path) = binary_out {
        fs::write(&path, key).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let output = Command::new(stage::gnark_program()?)
        .arg("key")
        .arg("--verifying-key")
        .arg(artifacts.path(VERIFYING_KEY))
        .args(["--vk-root", &hex::encode(vk_root())])
        .output()
        .await?;
    if !output.status.success() {
        bail!("[PRV-051] {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    print!("{}", String::from_utf8(output.stdout)?);
    Ok(())
}

/// Wraps one proof.
pub async fn wrap(options: WrapOptions) -> Result<()> {
    let wrapper = Wrapper::open(&Artifacts::new(&options.artifacts)?)?;
    let read = fs::read(&options.proof);
    let compressed = read.with_context(|| format!("cannot read {}", options.proof.display()))?;
    let verifiers = VerifierPool::for_this_machine()?;
    verify(&verifiers, compressed.clone(), options.program_id).await?;

    let start = Instant::now();
    let work = options.work.unwrap_or_else(|| options.out.with_extension("work"));
    let proof = wrapper
        .wrap(&compressed, &work, |step| {
            eprintln!("{step:?} begins after {:.0} s", start.elapsed().as_secs_f64());
        })
        .await?;
    wrapper.verify(&verifiers, &proof, options.program_id).await?;
    let write = |path: &PathBuf, bytes: &[u8]| {
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&options.out, &bincode::serialize(&proof)?)?;
    if let Some(path) = &options.contract_bytes {
        write(path, &proof.bytes())?;
    }
    fs::remove_dir_all(&work)?;
    eprintln!("wrapped and verified in {:.0} s", start.elapsed().as_secs_f64());
    println!("0x{}", hex::encode(wrapper.key_hash()));
    Ok(())
}

/// Runs a stage in this process, and says what it did.
pub async fn stage(command: StageCommand) -> Result<()> {
    let start = Instant::now();
    let name = match command {
        StageCommand::Wrap { proof, wrapped, .. } => {
            let bytes = fs::read(&proof);
            let bytes = bytes.with_context(|| format!("cannot read {}", proof.display()))?;
            let made = Wrapped::make(&decode(&bytes)?.proof).await?;
            // A file is there whole or not at all.
            let partial = wrapped.with_extension("part");
            fs::write(&partial, made.to_bytes()?)
                .and_then(|()| fs::File::open(&partial)?.sync_all())
                .and_then(|()| fs::rename(&partial, &wrapped))
                .with_context(|| format!("cannot write {}", wrapped.display()))?;
            "wrap"
        }
        StageCommand::Constraints { wrapped, witness, constraints, .. } => {
            let made = match wrapped {
                None => Wrapped::template()?,
                Some(path) => Wrapped::from_bytes(
                    &fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
                )?,
            };
            made.write_circuit(&witness, constraints.as_deref())?;
            "constraints"
        }
    };
    let summary = Summary {
        stage: name.to_owned(),
        seconds: start.elapsed().as_secs_f64(),
        peak_bytes: memory::peak(),
        constraints: None,
    };
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}
