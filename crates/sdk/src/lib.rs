//! The user's side: buy credits or deposit, submit proofs, follow them, and show what the chain says of them.
//!
//! ```text
//!  NetworkProfile ──▶ Client ──┬─ Payments, Payer    credits, bought from the contract
//!                              ├─ GatewayClient      submit, status, inclusion; receipts checked
//!                              ├─ Aggregation        the chain's word for an inclusion
//!                              └─ fast               fast mode: accounts, groups, verification data, tasks
//!
//!  root | transaction | blocks ──▶ Aggregation ──▶ Run ──┐   contract, event and transaction agree
//!                                                        ├─▶ RunContent ──▶ InclusionPath ──▶ InclusionBundle
//!                         beacon node | anvil ──▶ blobs ─┘   hashes, codec, rebuilt root agree
//! ```
//!
//! Nothing is believed that can be computed: a receipt's signature is recovered, blobs are checked against the hashes on
//! chain, the tree is rebuilt from them, and its root is compared with the registered one. What remains to be trusted is
//! the node's word for the chain, the contract's address, and its verifier. The gateway can delay a proof; it cannot
//! make anybody here believe in one.
//!
//! A run's blobs are kept by beacon nodes for about 18 days. Keep an [`InclusionBundle`]: it needs no blob and no service.
//! Without one, [`Client::rebuild_inclusion`] derives it from the blobs alone.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, time::Duration};
//! use collimate_sdk::{Amount, Client, GatewaySettings, NetworkProfile, ProofStatus, ProofUpload, Signer};
//!
//! let patience = Duration::from_secs(3600);
//! let profile = NetworkProfile::read(Path::new(".collimate/devnet/network.json"))?;
//! let client = Client::new(profile, GatewaySettings::default())?;
//! let signer = Signer::open_keystore(Path::new("wallet.json"), "password")?;
//!
//! // Credits, on chain.
//! let offer = client.payments().await?.offer().await?;
//! let order = offer.order(signer.address(), Amount::Credits(1))?;
//! client.payer(signer.clone(), Path::new("journal")).await?.buy(&order).await?;
//! let gateway = client.gateway()?;
//! gateway.wait_for_credits(signer.address(), 1, patience).await?;
//!
//! // A proof, and its inclusion, verified.
//! let program_id = "0x00e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292".parse()?;
//! let upload = ProofUpload::read(Path::new("my.proof"), program_id).await?;
//! let accepted = gateway.submit(&upload, &signer, None).await?;
//! let id = accepted.answer.id;
//! gateway.wait(&id, ProofStatus::Final, patience, &mut |_| ()).await?;
//! let (inclusion, run) = client.inclusion(&id, None).await?;
//! println!("root {} in transaction {}", inclusion.root, run.transaction);
//! # Ok(())
//! # }
//! ```
//!
//! Runnable: `examples/submit.rs` (all of it), `examples/verify.rs` (a bundle against a contract), `examples/rebuild.rs` (without
//! the service), `examples/fast.rs` (fast mode).
//!
//! Errors have stable codes: [`SdkError::code`], which are the gateway's own (`GTW-…`) or the batcher's (`BTC-…`) where they
//! refused.

mod aggregation;
mod bundle;
mod client;
mod compare;
mod connect;
mod content;
mod error;
pub mod fast;
mod gateway;
mod http;
mod network;
mod payments;
mod run;
mod sending;

pub use aggregation::{Aggregation, InclusionCheck};
pub use bundle::InclusionBundle;
pub use client::{Client, RunHint};
pub use collimate_api::{
    self as api, Guarantee, Inclusion, Problem, ProblemCode, ProofAnswer, ProofEvent, ProofId,
    ProofStatus, SignedReceipt,
};
pub use collimate_chain::signer::Signer;
pub use collimate_core::{Commitment, ProgramId};
pub use content::{InclusionPath, RunContent, path_from_blob, root_of_path};
pub use error::SdkError;
pub use fast::{
    BatcherClient, DirectBatch, ExpectedBatcher, FastContracts, FastError, FastPayer, FastProof,
    FastTask, ProofGroup, SignatureAggregator, SignedGroup, VerificationBundle,
};
pub use gateway::{
    Accepted, Authorise, ContractWallet, Expected, GatewayClient, GatewayError, ProofUpload,
};
pub use http::GatewaySettings;
pub use network::{FastModeProfile, NetworkProfile, is_name};
pub use payments::{Amount, Offer, Order, Payer, Payments, Purchase, TxJournal};
pub use run::Run;
