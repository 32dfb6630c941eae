use std::{collections::BTreeMap, sync::Arc};

use alloy::{primitives::B256, rpc::types::Log, sol_types::SolEvent};
use collimate_chain::follower::ChainEvent;
use collimate_contracts::{
    AlignedLayerServiceManager::{BatchVerified, NewBatchV3},
    fast_mode::{Task, task_id},
};

/// Tasks that are known at a time. Somebody who pays for more of them within the contract's `RESPONSE_BLOCKS` keeps out those
/// that come after.
pub const MAX_TASKS: usize = 10_000;

/// Blocks for which a task is remembered after its last, so that a reorganisation can open it again.
const REMEMBERED_BLOCKS: u64 = 64;

/// A task as the chain announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its name.
    pub id: B256,
    /// All that it is.
    pub task: Task,
    /// Where its batch is, as its creator wrote it.
    pub pointer: String,
}

impl From<&NewBatchV3> for Announced {
    fn from(event: &NewBatchV3) -> Self {
        let task = Task::from(event);
        Self { id: task_id(&task), task, pointer: event.batchDataPointer.clone() }
    }
}

/// Why a task is not open any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// A quorum answered it.
    Verified,
    /// Its blocks are over.
    Expired,
    /// A reorganisation took it away.
    Withdrawn,
}

impl TaskEnd {
    /// Its name in interfaces and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// It can be answered: it is new, or a reorganisation undid its end.
    Opened(Arc<Announced>),
    /// It cannot be answered any more.
    Closed {
        /// The task.
        id: B256,
        /// Why.
        end: TaskEnd,
    },
    /// It was closed so long ago that nothing opens it again.
    Forgotten {
        /// The task.
        id: B256,
    },
}

/// Which tasks there are, by the chain's events alone: no clock, no I/O.
#[derive(Debug)]
pub struct TaskBook {
    response_blocks: u64,
    tasks: BTreeMap<B256, Entry>,
}

#[derive(Debug)]
struct Entry {
    announced: Arc<Announced>,
    verified_in: Option<u64>,
    expired: bool,
}

impl Entry {
    fn created(&self) -> u64 {
        self.announced.task.taskCreatedBlock.into()
    }
}

impl TaskBook {
    /// An empty book for a contract with this `RESPONSE_BLOCKS`.
    #[must_use]
    pub const fn new(response_blocks: u64) -> Self {
        Self { response_blocks, tasks: BTreeMap::new() }
    }

    /// Takes in what the chain did, and says what it means.
    pub fn apply(&mut self, event: &ChainEvent) -> Vec<TaskChange> {
        match event {
            ChainEvent::New { blocks, logs } => self.extended(*blocks.end(), logs),
            ChainEvent::Reverted { blocks } => self.reverted(*blocks.start()),
        }
    }

    /// Forgets everything, for when following begins again.
    pub fn clear(&mut self) -> Vec<TaskChange> {
        let closed = |id| TaskChange::Closed { id, end: TaskEnd::Withdrawn };
        std::mem::take(&mut self.tasks)
            .into_keys()
            .flat_map(|id| [closed(id), TaskChange::Forgotten { id }])
            .collect()
    }

    fn extended(&mut self, head: u64, logs: &[Log]) -> Vec<TaskChange> {
        let mut changes = vec![];
        for log in logs {
            changes.extend(self.log(log));
        }
        let last = self.response_blocks;
        for (id, entry) in &mut self.tasks {
            let open = entry.verified_in.is_none() && !entry.expired;
            if open && head >= entry.created().saturating_add(last) {
                entry.expired = true;
                changes.push(TaskChange::Closed { id: *id, end: TaskEnd::Expired });
            }
        }
        let remembered = last.saturating_add(REMEMBERED_BLOCKS);
        self.tasks.retain(|id, entry| {
            let keep = head < entry.created().saturating_add(remembered);
            if !keep {
                changes.push(TaskChange::Forgotten { id: *id });
            }
            keep
        });
        changes
    }

    fn log(&mut self, log: &Log) -> Option<TaskChange> {
        if let Ok(event) = NewBatchV3::decode_log_data(log.data()) {
            let announced = Arc::new(Announced::from(&event));
            if self.tasks.len() >= MAX_TASKS {
                tracing::error!(task = %announced.id, "more than {MAX_TASKS} tasks, this one is ignored");
                return None;
            }
            let entry =
                Entry { announced: Arc::clone(&announced), verified_in: None, expired: false };
            self.tasks.insert(announced.id, entry);
            return Some(TaskChange::Opened(announced));
        }
        let event = BatchVerified::decode_log_data(log.data()).ok()?;
        let entry = self.tasks.get_mut(&event.taskId)?;
        entry.verified_in = log.block_number;
        Some(TaskChange::Closed { id: event.taskId, end: TaskEnd::Verified })
    }

    /// Blocks from `first` on are no longer of the chain.
    fn reverted(&mut self, first: u64) -> Vec<TaskChange> {
        let (mut changes, last) = (vec![], self.response_blocks);
        self.tasks.retain(|id, entry| {
            if entry.created() >= first {
                changes.push(TaskChange::Closed { id: *id, end: TaskEnd::Withdrawn });
                changes.push(TaskChange::Forgotten { id: *id });
                return false;
            }
            let verified = entry.verified_in.is_some_and(|block| block < first);
            let expired = first > entry.created().saturating_add(last);
            let was_closed = entry.verified_in.is_some() || entry.expired;
            if !verified {
                entry.verified_in = None;
            }
            entry.expired = expired;
            if was_closed && !verified && !expired {
                changes.push(TaskChange::Opened(Arc::clone(&entry.announced)));
            }
            true
        });
        changes
    }
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{Address, LogData, U256, aliases::U96},
        rpc::types::Log,
    };

    use super::*;

    fn log(block: u64, data: LogData) -> Log {
        let inner = alloy::primitives::Log { address: Address::ZERO, data };
        Log { inner, block_number: Some(block), ..Log::default() }
    }

    fn created(block: u32) -> (B256, Log) {
        let event = NewBatchV3 {
            batchMerkleRoot: B256::repeat_byte(1),
            senderAddress: Address::repeat_byte(2),
            taskCreatedBlock: block,
            batchDataPointer: "v1".to_owned(),
            respondToTaskFeeLimit: U256::from(3),
        };
        (Announced::from(&event).id, log(block.into(), event.encode_log_data()))
    }

    fn verified(block: u64, task: B256) -> Log {
        let event = BatchVerified {
            batchMerkleRoot: B256::repeat_byte(1),
            taskId: task,
            senderAddress: Address::repeat_byte(2),
            provingSystems: U96::from(1),
            responder: Address::ZERO,
            fee: U256::ZERO,
        };
        log(block, event.encode_log_data())
    }

    fn new(blocks: std::ops::RangeInclusive<u64>, logs: Vec<Log>) -> ChainEvent {
        ChainEvent::New { blocks, logs }
    }

    /// Names of the changes, without the task.
    fn names(changes: &[TaskChange]) -> Vec<&'static str> {
        let name = |change: &TaskChange| match change {
            TaskChange::Opened(_) => "opened",
            TaskChange::Closed { end, .. } => end.as_str(),
            TaskChange::Forgotten { .. } => "forgotten",
        };
        changes.iter().map(name).collect()
    }

    #[test]
    fn a_task_can_be_answered_until_its_last_block() {
        let mut book = TaskBook::new(5);
        let (id, log) = created(10);
        assert_eq!(names(&book.apply(&new(10..=10, vec![log]))), ["opened"]);
        assert!(book.apply(&new(11..=14, vec![])).is_empty(), "block 15 is still to come");
        assert_eq!(names(&book.apply(&new(15..=15, vec![]))), ["expired"]);
        assert!(book.apply(&new(16..=78, vec![])).is_empty());
        let forgotten = book.apply(&new(79..=79, vec![]));
        assert_eq!(forgotten, [TaskChange::Forgotten { id }]);
    }

    #[test]
    fn an_answer_in_the_last_block_counts() {
        let mut book = TaskBook::new(5);
        let (id, log) = created(10);
        book.apply(&new(10..=14, vec![log]));
        assert_eq!(names(&book.apply(&new(15..=15, vec![verified(15, id)]))), ["verified"]);
        assert!(book.apply(&new(16..=16, vec![])).is_empty());
    }

    #[test]
    fn a_reorganisation_undoes_what_happened_in_its_blocks_and_nothing_else() {
        let mut book = TaskBook::new(20);
        let ((first, first_log), (second, second_log)) = (created(10), created(12));
        book.apply(&new(10..=12, vec![first_log, second_log.clone()]));
        book.apply(&new(13..=13, vec![verified(13, first)]));
        let changes = book.apply(&ChainEvent::Reverted { blocks: 13..=13 });
        assert_eq!(names(&changes), ["opened"], "the answer is gone");
        book.apply(&new(13..=13, vec![verified(13, first)]));
        let changes = book.apply(&ChainEvent::Reverted { blocks: 12..=13 });
        let mut found = names(&changes);
        found.sort_unstable();
        assert_eq!(found, ["forgotten", "opened", "withdrawn"]);
        assert!(changes.contains(&TaskChange::Closed { id: second, end: TaskEnd::Withdrawn }));
        assert_eq!(names(&book.apply(&new(12..=12, vec![second_log]))), ["opened"], "mined again");
    }

    #[test]
    fn a_reorganisation_before_the_last_block_opens_an_expired_task_again() {
        let mut book = TaskBook::new(5);
        book.apply(&new(10..=15, vec![created(10).1]));
        assert_eq!(names(&book.apply(&ChainEvent::Reverted { blocks: 15..=15 })), ["opened"]);
        assert_eq!(names(&book.apply(&new(15..=15, vec![]))), ["expired"]);
    }
}
