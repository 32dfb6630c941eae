//! One task: what is collected for it, and what became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::Bytes;
use collimate_tasks::{Announced, ServiceManager, TaskEnd, TaskError};
use tokio::sync::{Notify, OnceCell};

use crate::{Collection, Problem, SignaturesError, TaskView, collection::Quorum};

/// A task that takes signatures, or took them.
#[derive(Debug)]
pub(crate) struct TaskEntry {
    pub(crate) announced: Arc<Announced>,
    /// Read from the registry when the first signature comes.
    collection: OnceCell<Mutex<Collection>>,
    state: Mutex<State>,
    /// Tells the responder that a signature was counted.
    pub(crate) counted: Notify,
}

#[derive(Debug, Default)]
struct State {
    end: Option<TaskEnd>,
    problem: Option<Problem>,
}

impl TaskEntry {
    pub(crate) fn new(announced: Arc<Announced>) -> Self {
        Self {
            announced,
            collection: OnceCell::new(),
            state: Mutex::default(),
            counted: Notify::new(),
        }
    }

    /// The collection, with the operators of the task's epoch.
    pub(crate) async fn collection(
        &self,
        manager: &ServiceManager,
    ) -> Result<MutexGuard<'_, Collection>, TaskError> {
        let block = self.announced.task.taskCreatedBlock;
        let operators =
            || async { manager.operators(block).await.map(Collection::new).map(Mutex::new) };
        Ok(lock(self.collection.get_or_try_init(operators).await?))
    }

    /// What is collected, if anything is.
    pub(crate) fn collected(&self) -> Option<MutexGuard<'_, Collection>> {
        self.collection.get().map(lock)
    }

    pub(crate) fn set_end(&self, end: Option<TaskEnd>) {
        lock(&self.state).end = end;
    }

    pub(crate) fn end(&self) -> Option<TaskEnd> {
        lock(&self.state).end
    }

    pub(crate) fn set_problem(&self, error: Option<&SignaturesError>) {
        lock(&self.state).problem = error
            .map(|error| Problem { code: error.code().to_owned(), message: error.to_string() });
    }

    /// The call data that answers the task, and its gas limit, if a quorum signed.
    pub(crate) fn response(&self) -> Option<(Bytes, u64)> {
        let Quorum { systems, signature, absent } = self.collected()?.quorum()?;
        let gas = ServiceManager::response_gas(absent.len());
        let signature = signature.to_point();
        Some((ServiceManager::response(&self.announced.task, systems, signature, absent), gas))
    }

    pub(crate) fn view(&self) -> TaskView {
        let (total_stake, needed_stake, answers) = match self.collected() {
            Some(found) => (found.total_stake(), found.needed_stake(), found.groups()),
            None => Default::default(),
        };
        let (response, response_gas) = self.response().unzip();
        let state = lock(&self.state);
        TaskView {
            task_id: self.announced.id,
            status: state.end.map_or("open", TaskEnd::as_str).to_owned(),
            total_stake,
            needed_stake,
            answers,
            response,
            response_gas,
            problem: state.problem.clone(),
        }
    }
}

/// Nothing panics while it holds one of these, so a poisoned one is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
