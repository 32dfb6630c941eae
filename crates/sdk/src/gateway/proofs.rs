//! Questions about proofs and runs.

use collimate_api::{
    Inclusion, ProofAnswer, ProofId, ProofsPage, RunsPage, paths, proofs::ProofsQuery,
    service::RunsQuery,
};

use super::{GatewayClient, GatewayError, answered};
use crate::{InclusionBundle, compare::all_agree};

impl GatewayClient {
    /// Where a proof stands.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] with `NotFound`, and those of every request.
    pub async fn proof(&self, id: &ProofId) -> Result<ProofAnswer, GatewayError> {
        let path = paths::proof(id);
        let answer: ProofAnswer = self.0.peer.get("a proof's status", &path, &[]).await?;
        answered("the id", id, &answer.id)?;
        Ok(answer)
    }

    /// A page of proofs, in the order of their submission.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn proofs(&self, query: &ProofsQuery) -> Result<ProofsPage, GatewayError> {
        let mut fields = vec![];
        fields.extend(query.address.map(|address| ("address", address.to_string())));
        fields.extend(query.status.map(|status| ("status", status.to_string())));
        fields.extend(query.after.map(|after| ("after", after.to_string())));
        fields.extend(query.limit.map(|limit| ("limit", limit.to_string())));
        Ok(self.0.peer.get("proofs", paths::PROOFS, &fields).await?)
    }

    /// A page of runs, newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn runs(&self, query: &RunsQuery) -> Result<RunsPage, GatewayError> {
        let mut fields = vec![];
        fields.extend(query.before.map(|before| ("before", before.to_string())));
        fields.extend(query.limit.map(|limit| ("limit", limit.to_string())));
        Ok(self.0.peer.get("runs", paths::RUNS, &fields).await?)
    }

    /// Where a proof is included, after checking that the answer agrees with itself. Whether the chain agrees is for
    /// [`crate::Client::inclusion`] to ask.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] with `NotIncluded` until the proof is final; [`GatewayError::OtherProof`] for an answer
    /// that contradicts itself.
    pub async fn inclusion(
        &self,
        id: &ProofId,
    ) -> Result<Inclusion<InclusionBundle>, GatewayError> {
        let path = paths::inclusion(id);
        let answer: Inclusion<InclusionBundle> =
            self.0.peer.get("a proof's inclusion", &path, &[]).await?;
        answered("the id", id, &answer.proof_id)?;
        let bundle = &answer.bundle;
        let agreed = all_agree(&[
            ("the root", answer.root == bundle.root),
            ("the path", answer.path == bundle.path),
            ("the contract", answer.contract == bundle.contract),
            ("the chain", answer.chain_id == bundle.chain_id),
            ("the transaction", answer.transaction == bundle.transaction),
            ("the program id", answer.program_id.0 == bundle.program_id.0),
            ("the public values", answer.public_values == bundle.public_values),
            ("the bundle", bundle.verify_offline().is_ok()),
        ]);
        let (expected, found) = ("the bundle's".to_owned(), "another".to_owned());
        agreed.map_err(|field| GatewayError::OtherProof { field, expected, found })?;
        Ok(answer)
    }
}
