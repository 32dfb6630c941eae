//! Fast mode: operators with stake verify a batch of proofs natively, and seconds later contracts see it.
//!
//! ```text
//!  files ─▶ ProofFiles ─▶ FastProof (verified here) ─▶ ProofGroup ─┬─ through a batcher ─▶ SignedGroup ─▶ BatcherClient
//!                                                                  └─ without one ─▶ DirectBatch ─▶ store, mirrors ─▶ FastPayer ─▶ FastTask
//!
//!  VerificationData (the batcher's word) ─▶ checked against the proof ─▶ VerificationBundle ─▶ FastContracts::verify (the chain's)
//! ```
//!
//! What a batcher pays with is an account in the `BatcherPaymentService`, kept for each pair of batcher and user: [`FastPayer`] deposits,
//! announces withdrawals and withdraws.
//!
//! # What is trusted
//! - The node, for what the chain says; the profile, for the contracts' addresses. `isVerified` is worth the operators' stake.
//! - A batcher, with nothing but the fee that was signed: each nonce of an account is charged once, so each signature is worth its
//!   `max_fee` at most, until its deadline. A group is therefore not signed again while an earlier signature for it can still be
//!   charged ([`FastError::NonceTaken`]).
//! - A data service and a signature aggregator, with nothing: hashes and the contract decide.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc, time::Duration};
//! use collimate_sdk::{Client, GatewaySettings, NetworkProfile, ProofGroup, FastProof, Signer};
//! use collimate_sdk::fast::{
//!     GroupStatus, KeptGroups, KeyFile, ProofFiles, ProofSystemId, UploadProgress,
//! };
//!
//! let patience = Duration::from_secs(120);
//! let profile = NetworkProfile::read(Path::new(".collimate/devnet/network.json"))?;
//! let client = Client::new(profile, GatewaySettings::default())?;
//! let signer = Signer::open_keystore(Path::new("wallet.json"), "password")?;
//!
//! // An account with the batcher.
//! let batcher = client.batcher_address().await?;
//! let payer = client.fast_payer(signer.clone(), Path::new("journal")).await?;
//! payer.deposit(batcher, signer.address(), 10_000_000_000_000_000).await?;
//!
//! // A proof, verified here, sent, and verified by the operators.
//! let files = ProofFiles {
//!     system: ProofSystemId::Sp1Compressed,
//!     proof: "my.proof".into(),
//!     key: KeyFile::File("my.vk".into()),
//!     public_inputs: None,
//!     generator: signer.address(),
//! };
//! let group = ProofGroup::new(vec![FastProof::verify(files.read()?)?])?;
//! let max_fee = client.sufficient_fee().await?;
//! let kept = KeptGroups::new(Path::new("groups"));
//! let progress: UploadProgress = Arc::new(|_, _| ());
//! let sent = client.submit_group(group, max_fee, &signer, Some(&kept), &progress).await?;
//! let signed = sent.signed;
//! client.batcher()?.wait(&signed.id(), GroupStatus::Batched, patience, &mut |_| ()).await?;
//! for bundle in client.verification_bundles(&signed.id(), signed.group().proofs()).await? {
//!     let block = client.fast_contracts().await?.wait_verified(&bundle, 1, patience).await?;
//!     println!("verified in block {block}");
//! }
//! # Ok(())
//! # }
//! ```

mod batcher;
mod bundle;
mod client;
mod contracts;
mod direct;
mod error;
mod files;
mod group;
mod kept;
pub mod limits;
mod payer;
mod proof;
mod responses;
mod task;

pub use batcher::{BatcherClient, ExpectedBatcher, UploadProgress};
pub use bundle::{BatchPlace, VerificationBundle};
pub use client::{Submission, sufficient_fee};
pub use collimate_api::fast::{
    BatcherAccount, BatcherInfo, BatcherProblem, BatcherProblemCode, FeesAnswer, GroupAccepted,
    GroupAnswer, GroupEnd, GroupEvent, GroupId, GroupStatus, SignedAuthorization, Wei,
};
pub use collimate_batch::Pointer;
pub use collimate_tasks::TaskStatus;
pub use collimate_verifiers::{ProgramKey, ProofSystemId};
pub use contracts::{FastAccount, FastContracts, LockState};
pub use direct::DirectBatch;
pub use error::FastError;
pub use files::{InputsFile, KeyFile, ProofFiles};
pub use group::{GroupTerms, ProofGroup, SignedGroup, group_id};
pub use kept::{GroupParties, KeptGroups};
pub use payer::{FastDeposit, FastPayer, FastWithdrawal, Mined, Reclaimed, Refunded, Responded};
pub use proof::{FastProof, ProofParts};
pub use reqwest::Url;
pub use responses::{FinishedResponse, SignatureAggregator};
pub use task::FastTask;
