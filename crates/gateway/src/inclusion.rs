//! `GET /v1/proofs/{id}/inclusion`: the path, where its root is, and a bundle that verifies offline.
//!
//! The tree is rebuilt from the stored commitments and compared with the run's root; where the root is registered comes from
//! the chain, whose contract, event and transaction must agree (`collimate-sdk`). Both are remembered for a few runs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{primitives::B256, providers::DynProvider};
use axum::{Json, extract::State};
use collimate_api::{Guarantee, Inclusion, Problem, ProblemCode, ProofId};
use collimate_core::{Commitment, ProgramId, tree::MerkleTree};
use collimate_http::Bounded;
use collimate_sdk::{Aggregation, InclusionBundle, InclusionPath, Run as ChainRun, SdkError};
use collimate_store::{Proof, ProofStatus, Run, RunId};
use tokio::{sync::OnceCell, time::timeout};

use crate::{ask::OfProof, fault::Fault, gateway::GatewayDeployment, shared::Shared};

/// Runs in memory: a tree of a full run takes 1.5 MB.
pub(crate) const REMEMBERED: usize = 8;

/// A run's tree, rebuilt.
#[derive(Debug)]
pub(crate) struct RunTree(MerkleTree);

/// The aggregation service on chain. Connected when it is needed first, so that a gateway starts without its node.
#[derive(Debug)]
pub(crate) struct Chain {
    provider: DynProvider,
    deployment: GatewayDeployment,
    limit: Duration,
    client: OnceCell<Aggregation>,
    /// By root and block: after a reorganisation the run is in another.
    runs: Mutex<Bounded<(B256, u64), ChainRun>>,
}

impl Chain {
    pub(crate) fn new(
        provider: DynProvider,
        deployment: GatewayDeployment,
        limit: Duration,
    ) -> Self {
        let runs = Mutex::new(Bounded::new(REMEMBERED));
        Self { provider, deployment, limit, client: OnceCell::new(), runs }
    }

    /// The run with this root, as it is registered in this block.
    async fn run(&self, root: B256, block: u64) -> Result<ChainRun, Fault> {
        let known = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            runs.get(&(root, block)).cloned()
        };
        if let Some(run) = known {
            return Ok(run);
        }
        let asked = timeout(self.limit, async {
            let connect = || {
                let GatewayDeployment { chain_id, aggregation_service, .. } = self.deployment;
                Aggregation::connect(self.provider.clone(), aggregation_service, Some(chain_id))
            };
            self.client.get_or_try_init(connect).await?.aggregation(root).await
        });
        let run = match asked.await.map_err(|_| Fault::node_away())? {
            Ok(run) => run,
            Err(SdkError::Node { action, reason }) => {
                tracing::warn!(action, reason, "the node failed");
                return Err(Fault::node_away());
            }
            // The node is behind, or the chain was reorganised and the database does not know yet.
            Err(
                SdkError::NotRegistered { .. }
                | SdkError::EventMissing { .. }
                | SdkError::Contradiction { .. },
            ) => {
                return Err(not_included(
                    "the node does not have the run's transaction any more, or not yet",
                ));
            }
            Err(SdkError::Chain(error)) if error.is_retryable() => return Err(Fault::node_away()),
            Err(error) => return Err(Fault::internal("inclusion", &error)),
        };
        if run.block_number == block {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            runs.insert((root, block), run.clone());
        }
        Ok(run)
    }
}

/// A proof's inclusion
#[utoipa::path(
    get, path = "/v1/proofs/{id}/inclusion", tag = "proofs",
    params(("id" = String, Path, format = "uuid", description = "The proof's id")),
    responses(
        (status = 200, description = "What `verifyProofInclusion` takes, and a bundle to keep", body = Inclusion<serde_json::Value>),
        (status = 400, description = "No UUID", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such proof", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not final on chain yet", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Database or node are away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn inclusion(
    State(shared): State<Arc<Shared>>,
    OfProof(id): OfProof,
) -> Result<Json<Inclusion<InclusionBundle>>, Fault> {
    let proof = shared.database(shared.store.proof(id)).await?;
    let proof = proof.ok_or_else(|| Fault::not_found("proof"))?;
    shared.inclusion_of(proof).await.map(Json)
}

impl Shared {
    async fn inclusion_of(&self, proof: Proof) -> Result<Inclusion<InclusionBundle>, Fault> {
        let place = self.place(proof.id, proof.status).await?;
        let run = self.chain.run(place.root, place.block_number).await?;
        let program_id = ProgramId(proof.program_id);
        let path = InclusionPath { index: place.index as usize, siblings: place.siblings };
        let bundle = InclusionBundle::new(&run, program_id, proof.public_values.into(), &path)
            .map_err(|error| Fault::internal("inclusion bundle", &error))?;
        Ok(Inclusion {
            proof_id: proof.id,
            run_id: place.run_id,
            chain_id: run.chain_id,
            contract: run.contract,
            root: run.root,
            leaf_index: place.index,
            path: path.siblings,
            transaction: run.transaction,
            block_number: run.block_number,
            guarantee: Some(Guarantee::of(place.hard_since)),
            hard_since: place.hard_since,
            blob_hashes: run.blob_hashes,
            program_id: proof.program_id.into(),
            public_values: bundle.public_values.clone(),
            bundle,
        })
    }

    /// Where a final proof is in its run's tree.
    pub(crate) async fn place(&self, id: ProofId, status: ProofStatus) -> Result<Place, Fault> {
        if status != ProofStatus::Final {
            return Err(not_included(&format!(
                "the proof is {status}; ask again once it is final"
            )));
        }
        let place = self.database(self.store.run_of_proof(id)).await?;
        let (run_id, index) = place.ok_or_else(|| not_included("the proof is in no run"))?;
        let run = self.database(self.store.run(run_id)).await?;
        let Some(Run {
            statement: Some(statement),
            block_number: Some(block_number),
            hard_since,
            ..
        }) = run
        else {
            return Err(not_included(
                "its run is not on chain; a reorganisation may have taken it back",
            ));
        };
        let tree = self.tree(run_id, statement.root).await?;
        let siblings =
            tree.0.path(index as usize).map_err(|error| Fault::internal("tree", &error))?;
        let siblings = siblings.into_iter().map(B256::from).collect();
        let root = statement.root.into();
        Ok(Place { run_id, root, block_number, hard_since, index, siblings })
    }

    async fn tree(&self, run_id: RunId, root: [u8; 32]) -> Result<Arc<RunTree>, Fault> {
        let known = {
            let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
            trees.get(&run_id).filter(|tree| tree.0.root() == root).cloned()
        };
        if let Some(tree) = known {
            return Ok(tree);
        }
        let commitments = self.database(self.store.commitments_of_run(run_id)).await?;
        // Some tens of milliseconds for a full run: off the threads that serve.
        let built = tokio::task::spawn_blocking(move || {
            MerkleTree::new(commitments.into_iter().map(|c| Commitment(c).leaf()).collect())
        });
        let built = built.await.map_err(|error| Fault::internal("tree", &error))?;
        let tree = Arc::new(RunTree(built.map_err(|error| Fault::internal("tree", &error))?));
        if tree.0.root() != root {
            let error = std::io::Error::other(format!(
                "run {run_id}: the stored commitments have another root"
            ));
            return Err(Fault::internal("tree", &error));
        }
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.insert(run_id, Arc::clone(&tree));
        Ok(tree)
    }
}

/// A leaf.
#[derive(Debug)]
pub(crate) struct Place {
    run_id: RunId,
    root: B256,
    block_number: u64,
    hard_since: Option<u64>,
    index: u32,
    pub(crate) siblings: Vec<B256>,
}

fn not_included(detail: &str) -> Fault {
    Fault::new(ProblemCode::NotIncluded, detail)
}
