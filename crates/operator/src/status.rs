//! What is known of each task, for whoever asks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use alloy::primitives::B256;
use collimate_tasks::{TaskEnd, wire::TaskSignature};
use serde::{Deserialize, Serialize};

use crate::{OperatorError, limits::MAX_REASON_CHARS};

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskState {
    /// For its turn, or for another try.
    Waiting,
    /// Its proofs are downloaded and verified.
    Checking,
    /// The signature is there.
    Signed,
    /// It will not be signed.
    Refused,
}

/// Whether a signature aggregator has the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The aggregator's base address.
    pub aggregator: String,
    /// It has the signature.
    pub acknowledged: bool,
    /// What went wrong last, with its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What an operator says of a task: the answer of `GET /v1/tasks/{task_id}/signature`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The task.
    pub task_id: B256,
    /// How far it is.
    pub state: TaskState,
    /// Code of the reason why it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The answer, once it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<TaskSignature>,
    /// Why the chain does not wait for it any more: `verified`, `expired` or `withdrawn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Who has the signature.
    pub deliveries: Vec<Delivery>,
}

/// The tasks that are known. As many as the [`collimate_tasks::TaskBook`] has.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<HashMap<B256, TaskView>>);

impl Statuses {
    pub(crate) fn get(&self, task: B256) -> Option<TaskView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned()
    }

    /// A task that is open, for the first time or again.
    pub(crate) fn opened(&self, task: B256, aggregators: &[String]) {
        let delivery = |aggregator: &String| Delivery {
            aggregator: aggregator.clone(),
            acknowledged: false,
            problem: None,
        };
        let view = TaskView {
            task_id: task,
            state: TaskState::Waiting,
            code: None,
            message: None,
            signature: None,
            closed: None,
            deliveries: aggregators.iter().map(delivery).collect(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(task).or_insert(view).closed =
            None;
    }

    pub(crate) fn closed(&self, task: B256, end: TaskEnd) {
        self.change(task, |view| view.closed = Some(end.as_str().to_owned()));
    }

    pub(crate) fn forget(&self, task: B256) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }

    pub(crate) fn checking(&self, task: B256) {
        self.change(task, |view| view.state = TaskState::Checking);
    }

    pub(crate) fn failed(&self, task: B256, error: &OperatorError) {
        self.change(task, |view| {
            view.state = match error.is_retryable() {
                true => TaskState::Waiting,
                false => TaskState::Refused,
            };
            view.code = Some(error.code().to_owned());
            view.message = Some(error.to_string().chars().take(MAX_REASON_CHARS).collect());
        });
    }

    pub(crate) fn signed(&self, task: B256, signature: TaskSignature) {
        self.change(task, |view| {
            view.state = TaskState::Signed;
            (view.code, view.message, view.signature) = (None, None, Some(signature));
        });
    }

    /// What became of a request to an aggregator.
    pub(crate) fn delivered(&self, task: B256, aggregator: usize, problem: Option<String>) {
        self.change(task, |view| {
            if let Some(delivery) = view.deliveries.get_mut(aggregator) {
                delivery.acknowledged |= problem.is_none();
                delivery.problem = problem;
            }
        });
    }

    fn change(&self, task: B256, change: impl FnOnce(&mut TaskView)) {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get_mut(&task) {
            change(view);
        }
    }
}
