//! What the driver does beside its steps, because it waits for the chain: one of each kind for a batch at a time, and after a
//! failure not again at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use collimate_store::FastBatch;
use tokio::{
    task::{Id, JoinSet},
    time::Instant,
};

use crate::{
    BatcherError,
    driver::Driver,
    limits::{FIRST_PAUSE, MAX_PAUSE},
};

/// What is done for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Errand {
    Create,
    Settle,
    Refund,
}

type Name = (Errand, i64);

/// The errands that run, and those that failed a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    running: JoinSet<Result<(), BatcherError>>,
    names: HashMap<Id, Name>,
    /// Failures in a row of each kind, of whatever batch: one that could not be created says something of the next.
    failures: HashMap<Errand, u32>,
    paused: HashMap<Name, Instant>,
}

impl Errands {
    /// Starts an errand, unless it is being run or failed a moment ago.
    pub(crate) fn start(&mut self, errand: Errand, driver: &Arc<Driver>, batch: FastBatch) {
        let name = (errand, batch.id);
        let early = self.paused.get(&name).is_some_and(|until| Instant::now() < *until);
        if early || self.names.values().any(|running| *running == name) {
            return;
        }
        let driver = Arc::clone(driver);
        let task = self.running.spawn(async move {
            match errand {
                Errand::Create => driver.create(&batch).await,
                Errand::Settle => driver.settle(&batch).await,
                Errand::Refund => driver.refund(&batch).await,
            }
        });
        self.names.insert(task.id(), name);
    }

    /// Waits until one fails. Those that end well are noted on the way; `None` when none are left.
    pub(crate) async fn failed(&mut self) -> Option<(Errand, BatcherError)> {
        loop {
            let (id, error) = match self.running.join_next_with_id().await? {
                Ok((id, Ok(()))) => (id, None),
                Ok((id, Err(error))) => (id, Some(error)),
                Err(error) => (error.id(), Some(BatcherError::Inconsistent(error.to_string()))),
            };
            let Some(name @ (errand, _)) = self.names.remove(&id) else { continue };
            match error {
                None => {
                    self.failures.remove(&errand);
                    self.paused.remove(&name);
                }
                Some(error) => {
                    self.pause(name);
                    return Some((errand, error));
                }
            }
        }
    }

    /// Whether an errand of this kind failed a moment ago.
    pub(crate) fn is_troubled(&self, errand: Errand) -> bool {
        let now = Instant::now();
        self.paused.iter().any(|((kind, _), until)| *kind == errand && now < *until)
    }

    fn pause(&mut self, name: Name) {
        let failures = self.failures.entry(name.0).or_default();
        *failures = failures.saturating_add(1);
        let now = Instant::now();
        let until = now + pause_after(*failures);
        self.paused.retain(|_, until| now < *until);
        self.paused.insert(name, until);
    }
}

/// The pause after so many failures in a row.
pub(crate) fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit() {
        assert_eq!(pause_after(1), FIRST_PAUSE);
        assert_eq!(pause_after(2), FIRST_PAUSE * 2);
        assert!((1..200).all(|failures| pause_after(failures) <= MAX_PAUSE));
        assert_eq!(pause_after(u32::MAX), MAX_PAUSE);
    }
}
