//! A finished proof of the same run, offered as the output of the job that would make it.
//!
//! Jobs are named by what they prove, so whoever has a proof already need not make it again. Nothing
//! is taken on trust: the proof is verified natively here, and by every operator.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use collimate_aggregator::{BlobHashes, Member, Plan, PlanSettings};
use collimate_core::Commitment;
use collimate_objects::Key;
use collimate_prover_client::AggregationPrograms;
use collimate_verifiers::{ProgramKey, Submission, sp1::Sp1Compressed};

use crate::{devnet::Devnet, submission::Checked};

/// Stores the proof in `file` as the output of the final job of a run over `proofs`, in this order.
pub(crate) async fn offer(
    devnet: &Devnet,
    settings: PlanSettings,
    proofs: &[Checked],
    file: &Path,
) -> Result<()> {
    let bytes =
        std::fs::read(file).with_context(|| format!("[DMN-050] cannot read {}", file.display()))?;
    let members: Vec<Member> = proofs.iter().map(member).collect();
    let commitments: Vec<Commitment> = members.iter().map(Member::commitment).collect();
    let blobs = BlobHashes::of(&commitments).await?;
    let programs = AggregationPrograms::committed()?;
    let program = programs.chunk_aggregator.program_id;
    let plan = Plan::new(members, blobs.blobs_hash, settings, programs)?;
    // The final job of two layers is named by the chunks' proofs too.
    ensure!(
        plan.is_direct(),
        "[DMN-052] only a run of one layer can be reused: raise --direct-max"
    );
    let submission = Submission {
        proof: bytes.clone(),
        key: ProgramKey::ProgramId(program),
        public_values: Some(plan.statement().abi_encode()),
    };
    devnet
        .verifiers
        .verify(Arc::new(Sp1Compressed::default()), submission)
        .await
        .with_context(|| format!("[DMN-051] {} is not a proof of this run", file.display()))?;
    devnet.objects.put_output(&plan.final_job(&[])?.id().0, bytes).await?;
    Ok(())
}

fn member(checked: &Checked) -> Member {
    Member {
        object: Key::of(&checked.file),
        program_id: checked.proof.program_id,
        verifying_key: checked.verifying_key.clone(),
        public_values: checked.proof.public_values.clone(),
    }
}
