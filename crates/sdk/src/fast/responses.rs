//! Finished responses, as signature aggregators give them away.

use alloy::{
    primitives::{B256, Bytes, U256, aliases::U96},
    sol_types::SolCall,
};
use collimate_contracts::{
    AlignedLayerServiceManager::respondToTaskV2Call,
    fast_mode::{Task, task_id},
};
use collimate_tasks::wire::Refusal;
use serde::Deserialize;

use super::FastError;
use crate::{
    GatewaySettings,
    http::{Failure, Peer, Problem},
};

/// A signature aggregator, which gives what it collected to anyone: whoever sends a finished response is paid for it.
#[derive(Clone, Debug)]
pub struct SignatureAggregator {
    peer: Peer<Refusal>,
}

/// The call that answers a task, as far as it can be checked without the operators' keys; the contract checks the rest, and a call
/// that it would refuse is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedResponse {
    task: Task,
    systems: U96,
    absent: Vec<u32>,
    call: Bytes,
}

/// The part of `GET /v1/tasks/{id}/signatures` that is needed here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    task_id: B256,
    status: String,
    needed_stake: U256,
    answers: Vec<Answer>,
    response: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_stake: U256,
}

impl Problem for Refusal {
    fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl SignatureAggregator {
    /// The aggregator at `url`. Asks nothing yet.
    ///
    /// # Errors
    /// [`FastError::BadUrl`].
    pub fn new(url: &str, settings: &GatewaySettings) -> Result<Self, FastError> {
        let peer = Peer::new(url, settings.clone());
        let peer = peer.map_err(|failure| failed(B256::ZERO, failure))?;
        Ok(Self { peer })
    }

    /// The finished response of a task.
    ///
    /// # Errors
    /// [`FastError::NoResponse`] while there is no quorum, or if what comes is another task's; [`FastError::Unreachable`].
    pub async fn response(&self, task: B256) -> Result<FinishedResponse, FastError> {
        let path = format!("/v1/tasks/{task}/signatures");
        let found = self.peer.get("a task's signatures", &path, &[]).await;
        let found: Collected = found.map_err(|failure| failed(task, failure))?;
        let none = |reason: String| FastError::NoResponse { task, reason };
        let lie = "the aggregator answers with another task; ask another one";
        if found.task_id != task {
            return Err(none(lie.to_owned()));
        }
        let Some(call) = found.response else {
            let signed = found.answers.iter().map(|answer| answer.signed_stake).max();
            return Err(none(format!(
                "the task is {}, operators with {} wei of stake signed and {} are needed; wait, or ask another aggregator",
                found.status,
                signed.unwrap_or_default(),
                found.needed_stake
            )));
        };
        let decoded = respondToTaskV2Call::abi_decode(&call)
            .map_err(|error| none(format!("it is no call of respondToTaskV2 ({error})")))?;
        if task_id(&decoded.task) != task {
            return Err(none(lie.to_owned()));
        }
        // What is sent is what was read: nothing else is in it.
        let call = decoded.abi_encode().into();
        let respondToTaskV2Call { task, provingSystems: systems, absent, .. } = decoded;
        Ok(FinishedResponse { task, systems, absent, call })
    }
}

impl FinishedResponse {
    /// The task that it answers.
    #[must_use]
    pub fn task_id(&self) -> B256 {
        task_id(&self.task)
    }

    /// Proof systems of the batch, as bits by id, which the operators signed.
    #[must_use]
    pub fn systems(&self) -> U96 {
        self.systems
    }

    /// Ids of the operators that did not sign.
    #[must_use]
    pub fn absent(&self) -> &[u32] {
        &self.absent
    }

    /// Call data of `respondToTaskV2`.
    #[must_use]
    pub fn call(&self) -> &Bytes {
        &self.call
    }
}

fn failed(task: B256, failure: Failure<Refusal>) -> FastError {
    FastError::of_service(failure, |refusal| FastError::NoResponse {
        task,
        reason: refusal.message,
    })
}
