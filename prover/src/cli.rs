//! The command line.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use collimate_engine::{
    Engine, EngineKind, EngineOptions, Executor, SP1Stdin,
    tuning::{self, MemoryProfile},
};
use collimate_prover_client::Form;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{
    allocator,
    bench::{self, BenchOptions},
    ledger::Ledger,
    progress::{ENGINE_SPANS, StepCounter},
    service::{ServeOptions, serve},
    worker::Ended,
    wrap::{
        WrapClock,
        commands::{self, ArtifactsCommand, StageCommand, WrapOptions},
    },
};

#[derive(Parser)]
#[command(
    name = "collimate-prover",
    version,
    about = "The proving process of Collimate",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take jobs over HTTP, prove them one after the other, store the proofs in the object store
    Serve(ServeOptions),
    /// Prove one program on one input
    Prove(ProveOptions),
    /// Wrap a compressed proof for Ethereum
    Wrap(WrapOptions),
    /// Make or install what wrapping needs: the circuit, and its keys
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// Run one stage of a wrap or a set-up in this process
    #[command(subcommand, hide = true)]
    Stage(StageCommand),
    /// Measure what proving costs on this machine; prints a line of JSON for each measurement
    Bench(BenchOptions),
    /// Run a program without proving it; prints its public values
    Execute {
        /// The program, an ELF file
        elf: PathBuf,
        /// The program's input, one buffer
        #[arg(long)]
        input: Option<PathBuf>,
    },
    /// Print the program id of an ELF file
    ProgramId {
        /// The program, an ELF file
        elf: PathBuf,
        /// Print id, key words, verifying key and the file's hash as JSON
        #[arg(long)]
        json: bool,
        /// Write the verifying key (bincode) to this file
        #[arg(long)]
        vk_out: Option<PathBuf>,
    },
}

#[derive(Args)]
struct ProveOptions {
    /// The program, an ELF file
    elf: PathBuf,
    /// The program's input, one buffer
    #[arg(long)]
    input: Option<PathBuf>,
    /// Where the proof goes
    #[arg(long)]
    out: PathBuf,
    /// The proof's form: compressed, groth16 or plonk (which need SP1's circuit artifacts)
    #[arg(long, value_parser = form, default_value = "compressed")]
    form: Form,
    /// Where the verifying key goes (bincode)
    #[arg(long)]
    vk_out: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineOptions,
}

fn form(text: &str) -> Result<Form, String> {
    let known = serde_json::from_value(text.into());
    known.map_err(|_| "one of compressed, groth16, plonk".to_owned())
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = EnvFilter::try_from_env("COLLIMATE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,collimate_prover=info"));
    let color = std::io::stderr().is_terminal();
    let spans = Targets::new().with_target(ENGINE_SPANS, tracing::Level::DEBUG);
    let clock = Targets::new().with_target(WrapClock::TARGET, tracing::Level::INFO);
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(color)
                .with_filter(log),
        )
        .with(StepCounter.with_filter(spans))
        .with(WrapClock.with_filter(clock))
        .init();
    match start(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> Result<()> {
    let engine = match &command {
        Command::Serve(options) => Some(&options.engine),
        Command::Prove(options) => Some(&options.engine),
        Command::Bench(options) => Some(&options.engine),
        _ => None,
    };
    // Only the CPU engine has settings, and taking them means starting the process again.
    let memory = match (&command, engine) {
        // It loads all that proving needs, and uses none of it.
        (Command::Stage(StageCommand::Wrap { .. }), _) => Some(MemoryProfile::Low),
        (_, Some(options)) if options.engine == EngineKind::Cpu => Some(options.memory),
        _ => None,
    };
    let tuning = match memory {
        Some(memory) => match tuning::chosen() {
            Some(words) => words,
            None => match tuning::start_again(profile(&command, memory)?)
                .context("[PRV-009] cannot start again with the engine's settings")? {},
        },
        None => String::from("none"),
    };
    if memory.is_some() {
        allocator::give_back_above(tuning::keep_pages_up_to());
    }
    tracing::info!("settings: {tuning}");
    tokio::runtime::Runtime::new()?.block_on(run(command, tuning))
}

/// The memory profile as asked for; but with `auto`, a job that ran out of memory is tried again with
/// less.
fn profile(command: &Command, asked: MemoryProfile) -> Result<MemoryProfile> {
    match (command, asked) {
        (Command::Serve(options), MemoryProfile::Auto)
            if Ledger::open(&options.state, options.attempts)?.lacked_memory() =>
        {
            Ok(MemoryProfile::Low)
        }
        _ => Ok(asked),
    }
}

async fn run(command: Command, tuning: String) -> Result<()> {
    match command {
        Command::Serve(options) => {
            let shutdown = CancellationToken::new();
            let (mut terminate, mut interrupt) =
                (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let token = shutdown.clone();
            let with_stdin = options.exit_with_stdin;
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = end_of_stdin(), if with_stdin => {}
                }
                token.cancel();
            });
            match serve(options, tuning, shutdown).await? {
                // The engine's threads cannot be interrupted; the job in hand is on disk.
                Ended::Stopped => std::process::exit(0),
                // Nothing else gives back all that the engine holds. The supervisor sees no change.
                Ended::NeedsRoom => {
                    tracing::info!(
                        "starting anew without the engine: the next job needs its memory"
                    );
                    match tuning::start_anew().context("[PRV-009] cannot start again")? {}
                }
            }
        }
        Command::Wrap(options) => commands::wrap(options).await,
        Command::Artifacts(command) => commands::artifacts(command).await,
        Command::Stage(command) => {
            if command.exits_with_stdin() {
                tokio::spawn(exit_with_stdin());
            }
            commands::stage(command).await?;
            // The engine's threads have nothing to say any more, and end slowly.
            std::process::exit(0)
        }
        Command::Prove(options) => prove(options).await,
        Command::Bench(options) => bench::run(&options, &tuning).await,
        Command::Execute { elf, input } => {
            let execution = Executor::start().await.execute(&read(&elf)?, stdin(input)?).await?;
            if execution.exit_code != 0 {
                let message = execution.stderr.trim();
                bail!("the program failed with exit code {}: {message}", execution.exit_code);
            }
            println!("{}", hex::encode(&execution.public_values));
            eprintln!("{} cycles", execution.cycles);
            Ok(())
        }
        Command::ProgramId { elf, json, vk_out } => print_program_id(&elf, json, vk_out).await,
    }
}

async fn end_of_stdin() {
    let mut rest = tokio::io::sink();
    // An error means the same as the end: whoever held the other side is gone.
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut rest).await;
}

async fn exit_with_stdin() {
    end_of_stdin().await;
    std::process::exit(1);
}

async fn prove(options: ProveOptions) -> Result<()> {
    let (elf, stdin) = (read(&options.elf)?, stdin(options.input)?);
    let execution = Executor::start().await.execute(&elf, stdin.clone()).await?;
    if execution.exit_code != 0 {
        let message = execution.stderr.trim();
        bail!("the program failed with exit code {}: {message}", execution.exit_code);
    }
    let start = Instant::now();
    let engine = Engine::start(&options.engine).await?;
    eprintln!(
        "engine ready after {:.1} s; {} cycles to prove",
        start.elapsed().as_secs_f64(),
        execution.cycles
    );
    let start = Instant::now();
    let (vk, proof) = engine.prove(&elf, stdin, options.form).await?;
    eprintln!(
        "proven in {:.1} s, at most {} MiB",
        start.elapsed().as_secs_f64(),
        collimate_engine::memory::peak() >> 20
    );
    write(&options.out, &bincode::serialize(&proof)?)?;
    if let Some(path) = options.vk_out {
        write(&path, &bincode::serialize(&vk)?)?;
    }
    println!("0x{}", hex::encode(collimate_engine::program_id(&vk).0));
    Ok(())
}

#[derive(Serialize)]
struct ProgramRecord {
    program_id: String,
    vk_words: [u32; 8],
    verifying_key: String,
    elf_sha256: String,
}

async fn print_program_id(elf: &Path, json: bool, vk_out: Option<PathBuf>) -> Result<()> {
    let bytes = read(elf)?;
    let vk = Executor::start().await.verifying_key(&bytes).await?;
    let (id, vk_words) = collimate_engine::program_id(&vk);
    let encoded = bincode::serialize(&vk)?;
    if let Some(path) = vk_out {
        write(&path, &encoded)?;
    }
    let program_id = format!("0x{}", hex::encode(id));
    if json {
        let record = ProgramRecord {
            program_id,
            vk_words,
            verifying_key: format!("0x{}", hex::encode(encoded)),
            elf_sha256: format!("0x{}", hex::encode(Sha256::digest(&bytes))),
        };
        println!("{}", serde_json::to_string_pretty(&record)?);
    } else {
        println!("{program_id}");
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn stdin(input: Option<PathBuf>) -> Result<SP1Stdin> {
    let mut stdin = SP1Stdin::new();
    if let Some(path) = input {
        stdin.write_vec(read(&path)?);
    }
    Ok(stdin)
}
