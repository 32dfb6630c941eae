//! Waiting for a proof's status.

use std::time::Duration;

use collimate_api::{ProofAnswer, ProofEvent, ProofId, ProofStatus, paths};

use super::{GatewayClient, GatewayError};
use crate::http::{Change, Waited};

impl GatewayClient {
    /// Waits until a proof has this status or a later one of a normal course, and returns it. Follows the proof's events; where
    /// they cannot be had (a proxy that holds them back, an older gateway), asks again and again.
    ///
    /// `seen` hears every change, the present status first.
    ///
    /// # Errors
    /// [`GatewayError::Ended`] if the proof was rejected or failed; [`GatewayError::NotYet`] after `limit`;
    /// [`GatewayError::Unreachable`] if the gateway stays away for longer than the client is patient.
    pub async fn wait(
        &self,
        id: &ProofId,
        status: ProofStatus,
        limit: Duration,
        seen: &mut (dyn FnMut(&ProofEvent) + Send),
    ) -> Result<ProofAnswer, GatewayError> {
        let (path, ask) = (paths::events(id), || self.proof(id));
        match self.0.peer.wait("a proof's events", &path, ask, status, limit, seen).await? {
            Waited::Reached(answer) => Ok(answer),
            Waited::Ended(answer) => Err(ended(answer)),
            Waited::NotYet(ProofAnswer { id, status, .. }, waited) => {
                Err(GatewayError::NotYet { id, status, waited })
            }
        }
    }
}

fn ended(ProofAnswer { id, status, code, reason, .. }: ProofAnswer) -> GatewayError {
    let code = code.unwrap_or_default();
    let text = reason.unwrap_or_else(|| "the service gave no reason".to_owned());
    let reason = if text.contains(&code) { text } else { format!("[{code}] {text}") };
    GatewayError::Ended { id, status, reason }
}

impl Change for ProofEvent {
    type Answer = ProofAnswer;
    type Status = ProofStatus;

    const COURSE: &'static [ProofStatus] = &[
        ProofStatus::Received,
        ProofStatus::Verified,
        ProofStatus::Queued,
        ProofStatus::Proving,
        ProofStatus::Aggregated,
        ProofStatus::Submitted,
        ProofStatus::Final,
    ];

    fn of(answer: &ProofAnswer) -> Self {
        Self {
            sequence: i64::MIN,
            status: answer.status,
            code: answer.code.clone(),
            reason: answer.reason.clone(),
            run_id: answer.run_id,
            at: answer.updated_at,
        }
    }

    fn parts(&self) -> (i64, ProofStatus, u64) {
        (self.sequence, self.status, self.at)
    }
}
