//! Waiting for a group's status.

use std::time::Duration;

use collimate_api::fast::{self as wire, GroupAnswer, GroupEnd, GroupEvent, GroupId, GroupStatus};

use super::BatcherClient;
use crate::{
    fast::FastError,
    http::{Change, Waited},
};

impl BatcherClient {
    /// Waits until a group has this status or a later one of a normal course, and returns it. Follows the group's events; a stream
    /// that breaks is opened again where it broke, and where events cannot be had it is asked again and again.
    ///
    /// What comes back is the batcher's word. `seen` hears every change, the present status first.
    ///
    /// # Errors
    /// [`FastError::Ended`] if the group was rejected or failed; [`FastError::GroupNotYet`] after `limit`;
    /// [`FastError::Unreachable`] if the batcher stays away for longer than the client is patient.
    pub async fn wait(
        &self,
        id: &GroupId,
        status: GroupStatus,
        limit: Duration,
        seen: &mut (dyn FnMut(&GroupEvent) + Send),
    ) -> Result<GroupAnswer, FastError> {
        let (path, ask) = (wire::group_events(id), || self.group(id));
        match self.0.peer.wait("a group's events", &path, ask, status, limit, seen).await? {
            Waited::Reached(answer) => Ok(answer),
            Waited::Ended(answer) => Err(ended(&answer)),
            Waited::NotYet(GroupAnswer { id, status, .. }, waited) => {
                Err(FastError::GroupNotYet { id, status, waited })
            }
        }
    }
}

/// Why a group ended without being verified.
fn ended(answer: &GroupAnswer) -> FastError {
    let code = answer.code.as_deref().unwrap_or_default();
    let end = GroupEnd::ALL.iter().copied().find(|end| end.as_str() == code);
    let text = answer.reason.as_deref().unwrap_or("the batcher gave no reason");
    // It goes to terminals.
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let reason = match end {
        Some(_) if text.starts_with('[') => text,
        Some(end) => format!("[{}] {text}", end.as_str()),
        None => format!("[SDK-078] {code} {text}"),
    };
    FastError::Ended { id: answer.id, status: answer.status, end, reason }
}

impl Change for GroupEvent {
    type Answer = GroupAnswer;
    type Status = GroupStatus;

    const COURSE: &'static [GroupStatus] =
        &[GroupStatus::Accepted, GroupStatus::Batched, GroupStatus::Open, GroupStatus::Verified];

    fn of(answer: &GroupAnswer) -> Self {
        Self {
            sequence: i64::MIN,
            status: answer.status,
            code: answer.code.clone(),
            reason: answer.reason.clone(),
            batch_id: answer.batch.as_ref().map(|batch| batch.id),
            at: answer.updated_at,
        }
    }

    fn parts(&self) -> (i64, GroupStatus, u64) {
        (self.sequence, self.status, self.at)
    }
}
