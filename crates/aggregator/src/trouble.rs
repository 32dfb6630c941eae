//! What keeps the service, or a run, from going on, for whoever watches: logs, metrics, the demo.

use std::collections::BTreeMap;

use collimate_store::RunId;
use tokio::sync::watch;

use crate::AggregatorError;

/// Whom an error concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// All of it: the lock, the database, opening runs.
    Service,
    /// Chunks that are proven before their run opens.
    Ahead,
    /// One run.
    Run(RunId),
    /// The proof of a final run, on its way to the contract.
    Hard(RunId),
}

/// An error that keeps something from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The stable code.
    pub code: &'static str,
    /// The text.
    pub text: String,
    /// Whether it may pass by itself.
    pub retryable: bool,
    /// How many times in a row it happened.
    pub times: u32,
}

/// So many times in a row, a quarter of an hour with the usual pauses, and an error is not expected to pass by itself any more.
const LASTING_TIMES: u32 = 20;

impl Trouble {
    /// Whether it will most likely stay until somebody does something.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        !self.retryable || self.times >= LASTING_TIMES
    }
}

/// Everything that is wrong now.
pub type Troubles = BTreeMap<Concern, Trouble>;

/// Where troubles are told.
#[derive(Debug, Default)]
pub(crate) struct Board(watch::Sender<Troubles>);

impl Board {
    pub(crate) fn subscribe(&self) -> watch::Receiver<Troubles> {
        self.0.subscribe()
    }

    /// Tells an error that happened so many times in a row. The log hears of it when it begins, and each time if it needs a person.
    pub(crate) fn tell(&self, concern: Concern, error: &AggregatorError, times: u32) {
        let (code, text, retryable) = (error.code(), error.to_string(), error.is_retryable());
        if times == 1 || !retryable {
            tracing::error!(code, retryable, ?concern, "{text}");
        }
        let trouble = Trouble { code, text, retryable, times };
        self.0.send_modify(|troubles| {
            troubles.insert(concern, trouble);
        });
    }

    /// Whether something is wrong with this that will most likely stay.
    pub(crate) fn is_lasting(&self, concern: Concern) -> bool {
        self.0.borrow().get(&concern).is_some_and(Trouble::is_lasting)
    }

    /// It goes on again, or has ended.
    pub(crate) fn settle(&self, concern: Concern) {
        self.0.send_if_modified(|troubles| troubles.remove(&concern).is_some());
    }

    /// Everything begins anew.
    pub(crate) fn clear(&self) {
        self.0.send_replace(Troubles::new());
    }
}
