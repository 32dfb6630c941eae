//! `bench`: what proving costs on this machine, straight on the engine, without HTTP and object store.
//!
//! Each measurement is one line of JSON on standard output: wall-clock, processor time, peak memory, and
//! when each step of the engine ended. A proof that does not verify ends the run with an error.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use collimate_core::{
    ProgramId,
    guest::{RunInput, RunProofs, UserProof},
};
use collimate_engine::{
    Engine, EngineOptions, Executor, SP1ProofWithPublicValues, SP1Stdin, SP1VerifyingKey, memory,
};
use collimate_prover_client::Form;
use collimate_verifiers::VerifierPool;
use serde::Serialize;
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    programs::{self, Program},
    progress,
    worker::{Recursive, compressed, decode, lock, verify},
};

/// Settings of the measurements.
#[derive(clap::Args)]
pub struct BenchOptions {
    /// Folder with the proofs to aggregate: NAME.proof, and NAME.vk beside it
    #[arg(long, default_value = "proofs")]
    proofs: PathBuf,
    /// How many proofs to aggregate, one measurement each; proofs are taken again when there are fewer
    #[arg(long, value_delimiter = ',')]
    counts: Vec<usize>,
    /// Also measure a compressed proof of a small program
    #[arg(long)]
    small: bool,
    /// A word that goes into each line, to tell runs apart
    #[arg(long, default_value = "")]
    label: String,
    /// Write each proof as MEASUREMENT.proof to this folder
    #[arg(long)]
    keep: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    label: &'a str,
    wall_s: f64,
    user_s: f64,
    system_s: f64,
    cpu_s: f64,
    peak_gib: f64,
    cycles: Option<u64>,
    steps: Vec<Step>,
    settings: &'a str,
}

/// When one of the engine's shards or recursion proofs was finished.
#[derive(Serialize)]
struct Step {
    kind: &'static str,
    at_s: f64,
}

/// Processor time of this process, and of its children that ended.
#[derive(Clone, Copy)]
struct Processor {
    user_s: f64,
    system_s: f64,
}

impl Processor {
    fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        // The second field, the program's name in brackets, may hold spaces.
        let (_, rest) = stat.rsplit_once(')').context("/proc/self/stat is malformed")?;
        let ticks: Vec<u64> =
            rest.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
        let [user, system, children_user, children_system] = ticks[..] else {
            bail!("/proc/self/stat is too short")
        };
        // Linux counts in hundredths of a second here, whatever the kernel's own tick.
        let seconds = |ticks: u64| ticks as f64 / 100.0;
        Ok(Self {
            user_s: seconds(user + children_user),
            system_s: seconds(system + children_system),
        })
    }
}

/// A measurement that runs.
struct Measurement {
    start: Instant,
    processor: Processor,
    steps: JoinHandle<()>,
    seen: Arc<Mutex<Vec<Step>>>,
}

impl Measurement {
    fn begin() -> Result<Self> {
        // Makes VmHWM start again from what the process holds now.
        fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")?;
        progress::reset();
        let (start, seen) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let steps = tokio::spawn(watch_steps(start, Arc::clone(&seen)));
        Ok(Self { start, processor: Processor::now()?, steps, seen })
    }

    fn end(self, name: &str, cycles: Option<u64>, bench: &Bench<'_>) -> Result<()> {
        let wall_s = self.start.elapsed().as_secs_f64();
        let after = Processor::now()?;
        self.steps.abort();
        let user_s = after.user_s - self.processor.user_s;
        let system_s = after.system_s - self.processor.system_s;
        let line = Line {
            name,
            label: &bench.options.label,
            wall_s,
            user_s,
            system_s,
            cpu_s: user_s + system_s,
            peak_gib: memory::peak() as f64 / f64::from(1 << 30),
            cycles,
            steps: std::mem::take(&mut *lock(&self.seen)),
            settings: bench.settings,
        };
        println!("{}", serde_json::to_string(&line)?);
        Ok(())
    }
}

async fn watch_steps(start: Instant, seen: Arc<Mutex<Vec<Step>>>) {
    let (mut shards, mut recursions) = (0, 0);
    loop {
        let now = progress::steps();
        let at_s = start.elapsed().as_secs_f64();
        let step = |kind| Step { kind, at_s };
        lock(&seen).extend(
            (shards..now.0)
                .map(|_| step("shard"))
                .chain((recursions..now.1).map(|_| step("recursion"))),
        );
        (shards, recursions) = now;
        sleep(Duration::from_millis(100)).await;
    }
}

struct Bench<'a> {
    options: &'a BenchOptions,
    settings: &'a str,
    executor: Executor,
    engine: Engine,
    verifiers: VerifierPool,
}

/// Runs all measurements that the options ask for.
pub async fn run(options: &BenchOptions, settings: &str) -> Result<()> {
    let samples =
        if options.counts.is_empty() { Vec::new() } else { Sample::all(&options.proofs)? };
    let executor = Executor::start().await;
    let start = Measurement::begin()?;
    let engine = Engine::start(&options.engine).await?;
    let verifiers = VerifierPool::for_this_machine()?;
    let bench = Bench { options, settings, executor, engine, verifiers };
    start.end("engine start", None, &bench)?;

    if options.small {
        let mut stdin = SP1Stdin::new();
        stdin.write_vec(20_u32.to_le_bytes().to_vec());
        bench.prove("small program", &programs::small()?, stdin).await?;
    }
    for &count in &options.counts {
        let stdin = aggregation_input(&samples, count)?;
        bench.prove(&format!("aggregation of {count}"), &programs::aggregation()?, stdin).await?;
    }
    Ok(())
}

impl Bench<'_> {
    async fn prove(&self, name: &str, program: &Program, stdin: SP1Stdin) -> Result<()> {
        let measurement = Measurement::begin()?;
        // A job of the service is executed and verified too, so both are part of what it costs.
        let execution = self.executor.execute(program.elf, stdin.clone()).await?;
        if execution.exit_code != 0 {
            bail!("{} rejects its input: {}", program.name, execution.stderr.trim());
        }
        let (_, proof) = self.engine.prove(program.elf, stdin, Form::Compressed).await?;
        let bytes = bincode::serialize(&proof)?;
        verify(&self.verifiers, bytes.clone(), program.id)
            .await
            .with_context(|| format!("{name}: the proof does not verify"))?;
        measurement.end(name, Some(execution.cycles), self)?;
        if let Some(folder) = &self.options.keep {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(format!("{}.proof", name.replace(' ', "_"))), bytes)?;
        }
        Ok(())
    }
}

/// A proof to aggregate.
struct Sample {
    proof: SP1ProofWithPublicValues,
    key: SP1VerifyingKey,
}

impl Sample {
    /// The proofs in a folder, in the order of their names.
    fn all(folder: &Path) -> Result<Vec<Self>> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.retain(|path| {
            path.extension().is_some_and(|e| e == "proof") && path.with_extension("vk").is_file()
        });
        files.sort();
        if files.is_empty() {
            bail!("{} holds no NAME.proof with a NAME.vk beside it", folder.display());
        }
        files.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self> {
        let key = fs::read(path.with_extension("vk"))?;
        Ok(Self {
            proof: decode(&fs::read(path)?)
                .with_context(|| format!("cannot read {}", path.display()))?,
            key: bincode::deserialize(&key)
                .with_context(|| format!("the key beside {} is malformed", path.display()))?,
        })
    }

    fn user_proof(&self) -> UserProof {
        UserProof {
            program_id: ProgramId(collimate_engine::program_id(&self.key).0),
            public_values: self.proof.public_values.to_vec(),
        }
    }

    fn recursive(&self) -> Result<Recursive> {
        compressed(self.proof.clone())
    }
}

/// The final program's input for `count` proofs in one layer, as the aggregator plans it.
fn aggregation_input(samples: &[Sample], count: usize) -> Result<SP1Stdin> {
    let members: Vec<&Sample> = samples.iter().cycle().take(count).collect();
    let input = RunInput {
        blobs_hash: [0; 32],
        proofs: RunProofs::Direct(members.iter().map(|m| m.user_proof()).collect()),
    };
    let mut stdin = SP1Stdin::new();
    stdin.write_vec(input.encode()?);
    for member in members {
        stdin.write_proof(member.recursive()?, member.key.vk.clone());
    }
    Ok(stdin)
}
