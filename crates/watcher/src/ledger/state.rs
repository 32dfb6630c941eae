//! What the entries make: a pure function of their sequence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy::primitives::B256;
use collimate_chain::follower::{BlockId, Cursor};

use super::{Entry, Outcome, SignedBatch, Started};
use crate::{
    limits::{KEPT_BATCHES, KEPT_BLOCKS},
    summary::Sums,
};

/// A batch and what was found about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) signed: SignedBatch,
    /// Whether the block that verified it is of the chain.
    pub(crate) on_chain: bool,
    /// How many proofs it has, and which are checked; once its manifest is there.
    pub(crate) opened: Option<(u32, Vec<u32>)>,
    /// Whether its data can be had at all, and the code of why nothing is checked.
    pub(crate) closed: Option<(bool, String)>,
    pub(crate) outcomes: BTreeMap<u32, Outcome>,
    /// Leaves of which somebody was told.
    pub(crate) alerted: BTreeSet<u32>,
}

impl Batch {
    fn new(signed: SignedBatch) -> Self {
        Self {
            signed,
            on_chain: true,
            opened: None,
            closed: None,
            outcomes: BTreeMap::new(),
            alerted: BTreeSet::new(),
        }
    }

    /// Sampled leaves without an outcome.
    pub(crate) fn unchecked(&self) -> Vec<u32> {
        let sample = self.opened.iter().flat_map(|(_, sample)| sample);
        sample.filter(|leaf| !self.outcomes.contains_key(leaf)).copied().collect()
    }

    /// What nobody was told of yet, and somebody has to be.
    pub(crate) fn untold(&self) -> Vec<(u32, Outcome)> {
        let untold = |(leaf, outcome): &(&u32, &Outcome)| {
            outcome.is_alarming() && !self.alerted.contains(*leaf)
        };
        let untold = self.outcomes.iter().filter(untold);
        untold.map(|(leaf, outcome)| (*leaf, outcome.clone())).collect()
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_finished(&self) -> bool {
        let checked = self.opened.is_some() && self.unchecked().is_empty();
        (checked || self.closed.is_some()) && self.untold().is_empty()
    }
}

/// What the entries make.
#[derive(Debug, Default)]
pub(crate) struct State {
    started: Option<Started>,
    /// Blocks to which the chain was followed, ascending.
    tips: VecDeque<BlockId>,
    batches: BTreeMap<B256, Batch>,
    /// Tasks by their place on the chain: block, log. After a reorganisation two can have one.
    places: BTreeSet<(u64, u64, B256)>,
    /// Sums over finished batches that are no longer remembered one by one, and the last block that had one.
    forgotten: Sums,
    forgotten_through: Option<u64>,
}

impl State {
    pub(crate) const fn started(&self) -> Option<&Started> {
        self.started.as_ref()
    }

    pub(crate) fn batch(&self, task: B256) -> Option<&Batch> {
        self.batches.get(&task)
    }

    /// Batches, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Batch> {
        self.places.iter().rev().filter_map(|(_, _, task)| self.batches.get(task))
    }

    /// Tasks of the chain with work left.
    pub(crate) fn unfinished(&self) -> Vec<B256> {
        let of_chain = self.places.iter().filter_map(|(_, _, task)| self.batches.get(task));
        let unfinished = of_chain.filter(|batch| batch.on_chain && !batch.is_finished());
        unfinished.map(|batch| batch.signed.task).collect()
    }

    /// The newest block that was noted.
    pub(crate) fn tip(&self) -> Option<BlockId> {
        self.tips.back().copied()
    }

    /// From where the chain is followed. Blocks after the noted ones come again, which changes nothing.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let start = self.started.as_ref()?.first_block;
        let next = self.tip().map_or(start, |tip| tip.number.saturating_add(1));
        Some(Cursor { start, next, recent: self.tips.iter().copied().collect() })
    }

    /// A block before all that is remembered one by one: where following begins again when too much was reorganised.
    pub(crate) fn beginning(&self) -> u64 {
        let first = self.started.as_ref().map_or(0, |started| started.first_block);
        self.forgotten_through.map_or(first, |block| block.saturating_add(1))
    }

    /// Batches whose block is this one or later.
    pub(crate) fn verified_from(&self, block: u64) -> Vec<B256> {
        self.places.range((block, 0, B256::ZERO)..).map(|(_, _, task)| *task).collect()
    }

    /// Sums over all batches of the chain.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.forgotten.clone();
        self.batches.values().filter(|batch| batch.on_chain).for_each(|batch| sums.add(batch));
        sums
    }

    /// Whether a batch is new here, or verified in another block than before.
    pub(crate) fn is_news(&self, signed: &SignedBatch) -> bool {
        if self.forgotten_through.is_some_and(|block| signed.answer.block_number <= block) {
            return false;
        }
        self.batch(signed.task).is_none_or(|batch| !batch.on_chain || batch.signed != *signed)
    }

    /// Takes in an entry, or says why it cannot be one of this ledger.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        if self.started.is_none() != matches!(entry, Entry::Started(_)) {
            return Err("the first line, and no other, says whose ledger it is".to_owned());
        }
        match entry {
            Entry::Started(started) => self.started = Some(started.clone()),
            Entry::Verified(signed) => self.verified(signed),
            Entry::Followed(block) => self.followed(*block),
            Entry::Reverted { from } => self.reverted(*from),
            Entry::Opened { task, leaves, sample } => self.about(*task, |batch| {
                batch.opened = Some((*leaves, sample.clone()));
            }),
            Entry::Closed { task, available, code } => self.about(*task, |batch| {
                batch.closed = Some((*available, code.clone()));
            }),
            Entry::Checked { task, leaf, outcome } => self.about(*task, |batch| {
                batch.outcomes.insert(*leaf, outcome.clone());
            }),
            Entry::Alerted { task, leaf, .. } => self.about(*task, |batch| {
                batch.alerted.insert(*leaf);
            }),
        }
        Ok(())
    }

    /// What is found about a batch that is forgotten, since a reorganisation took it away long ago, changes nothing.
    fn about(&mut self, task: B256, change: impl FnOnce(&mut Batch)) {
        if let Some(batch) = self.batches.get_mut(&task) {
            change(batch);
        }
    }

    fn verified(&mut self, signed: &SignedBatch) {
        if !self.is_news(signed) {
            return;
        }
        let batch = self.batches.entry(signed.task).or_insert_with(|| Batch::new(signed.clone()));
        self.places.remove(&batch.signed.place());
        batch.signed = signed.clone();
        batch.on_chain = true;
        self.places.insert(signed.place());
    }

    fn followed(&mut self, block: BlockId) {
        self.tips.push_back(block);
        while self.tips.len() as u64 > KEPT_BLOCKS.saturating_add(1) {
            self.tips.pop_front();
        }
        self.forget(block.number);
    }

    fn reverted(&mut self, from: u64) {
        self.tips.retain(|tip| tip.number < from);
        for task in self.verified_from(from) {
            if let Some(batch) = self.batches.get_mut(&task) {
                batch.on_chain = false;
            }
        }
    }

    /// Keeps only sums of the oldest batches, a block at a time, as long as they are finished and no reorganisation reaches them.
    fn forget(&mut self, tip: u64) {
        while self.places.len() > KEPT_BATCHES {
            let Some(&(block, _, _)) = self.places.first() else { return };
            let of_block = self.places.iter().take_while(|(of, _, _)| *of == block);
            let in_block: Vec<_> = of_block.map(|(_, _, task)| *task).collect();
            let batches = in_block.iter().filter_map(|task| self.batches.get(task));
            let settled = block.saturating_add(KEPT_BLOCKS) < tip;
            if !settled || !batches.clone().all(|batch| batch.is_finished() || !batch.on_chain) {
                return;
            }
            batches.filter(|batch| batch.on_chain).for_each(|batch| self.forgotten.add(batch));
            self.forgotten_through = Some(block);
            self.places.retain(|(of, _, _)| *of != block);
            in_block.iter().for_each(|task| {
                self.batches.remove(task);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, U256, aliases::U96};
    use collimate_evidence::Answer;
    use proptest::prelude::*;

    use super::*;

    fn word(number: u64) -> B256 {
        B256::from(U256::from(number))
    }

    fn signed(task: u64, block: u64) -> SignedBatch {
        SignedBatch {
            task: word(task),
            root: word(task),
            sender: Address::ZERO,
            answer: Answer {
                proving_systems: U96::from(1),
                responder: Address::ZERO,
                fee: U256::ZERO,
                transaction: word(task),
                block_number: block,
                block_hash: word(block),
                log_index: task,
                response: None,
            },
        }
    }

    fn verified(task: u64, block: u64) -> Entry {
        Entry::Verified(Box::new(signed(task, block)))
    }

    fn tip(number: u64) -> Entry {
        Entry::Followed(BlockId { number, hash: word(number) })
    }

    fn started() -> Entry {
        Entry::Started(Started {
            version: 1,
            chain_id: 1,
            service_manager: Address::ZERO,
            first_block: 5,
            seed: word(1),
        })
    }

    fn state(entries: &[Entry]) -> State {
        let mut state = State::default();
        for entry in [&[started()], entries].concat() {
            state.apply(&entry).unwrap();
        }
        state
    }

    fn opened(task: u64, sample: &[u32]) -> Entry {
        Entry::Opened { task: word(task), leaves: 10, sample: sample.to_vec() }
    }

    fn checked(task: u64, leaf: u32, outcome: Outcome) -> Entry {
        Entry::Checked { task: word(task), leaf, outcome }
    }

    #[test]
    fn a_batch_is_finished_when_its_sample_is_checked_and_alerts_are_told() {
        let mismatch = Outcome::Mismatch { code: "VER-012".to_owned() };
        let mut entries = vec![verified(1, 6), opened(1, &[2, 7])];
        assert_eq!(state(&entries).batch(word(1)).unwrap().unchecked(), [2, 7]);
        entries.push(checked(1, 2, Outcome::Holds));
        entries.push(checked(1, 7, mismatch));
        assert_eq!(state(&entries).unfinished(), [word(1)], "nobody was told");
        entries.push(Entry::Alerted { task: word(1), leaf: 7, delivered: true });
        assert!(state(&entries).unfinished().is_empty());
        let sums = state(&entries).sums();
        assert_eq!((sums.batches, sums.proofs, sums.holds, sums.mismatches), (1, 10, 1, 1));
    }

    #[test]
    fn a_reorganisation_takes_batches_away_and_what_was_found_stays() {
        let mut entries = vec![
            verified(1, 6),
            tip(6),
            verified(2, 8),
            tip(8),
            opened(2, &[3]),
            checked(2, 3, Outcome::Holds),
            Entry::Reverted { from: 8 },
        ];
        let after = state(&entries);
        assert_eq!(after.cursor().unwrap().next, 7);
        assert_eq!((after.sums().batches, after.sums().holds), (1, 0));
        entries.extend([verified(2, 9), tip(9)]);
        let again = state(&entries);
        assert_eq!((again.sums().batches, again.sums().holds), (2, 1), "not checked again");
        assert_eq!(again.newest().count(), 2, "it is there once");
        assert_eq!(again.unfinished(), [word(1)]);
    }

    #[test]
    fn what_comes_again_changes_nothing() {
        let state = state(&[verified(1, 6), tip(6)]);
        assert!(!state.is_news(&signed(1, 6)));
        assert!(state.is_news(&signed(1, 7)));
        assert!(state.is_news(&signed(2, 6)));
    }

    #[test]
    fn lines_of_another_ledger_are_damage() {
        assert!(State::default().apply(&tip(1)).is_err());
        assert!(state(&[]).apply(&started()).is_err());
        state(&[]).apply(&opened(1, &[])).unwrap();
    }

    #[test]
    fn old_finished_batches_become_sums() {
        let most = KEPT_BATCHES as u64;
        let mut entries = vec![];
        for task in 1..=most + 10 {
            let block = task + 5;
            entries.push(verified(task, block));
            entries.push(opened(task, &[1]));
            // The fourth is never finished.
            if task != 4 {
                entries.push(checked(task, 1, Outcome::Holds));
            }
            entries.push(tip(block));
        }
        let after = state(&entries);
        assert_eq!(
            after.newest().count() as u64,
            most + 10 - 3,
            "up to the one that is not finished"
        );
        assert_eq!(after.beginning(), 9);
        assert_eq!(after.sums().batches, most + 10);
        assert_eq!(after.sums().holds, most + 9);
        assert!(!after.is_news(&signed(2, 7)), "forgotten is not new");
    }

    proptest! {
        /// Any interleaving of the chain's and the worker's entries gives sums over exactly the batches that are of the chain.
        #[test]
        fn sums_are_those_of_the_chain(steps in prop::collection::vec((0u8..4, 0u64..8), 1..60)) {
            let (mut state, mut chain, mut head) = (state(&[]), BTreeMap::new(), 5u64);
            let mut checked_tasks = BTreeSet::new();
            for (kind, number) in steps {
                match kind {
                    0 | 1 => {
                        head += 1;
                        // A task is verified once.
                        chain.entry(number).or_insert_with(|| {
                            state.apply(&verified(number, head)).unwrap();
                            head
                        });
                        state.apply(&tip(head)).unwrap();
                    }
                    2 => {
                        let from = head.saturating_sub(number).max(6);
                        chain.retain(|_, block| *block < from);
                        head = from - 1;
                        state.apply(&Entry::Reverted { from }).unwrap();
                    }
                    _ => {
                        if state.batch(word(number)).is_some() {
                            state.apply(&opened(number, &[1])).unwrap();
                            state.apply(&checked(number, 1, Outcome::Holds)).unwrap();
                            checked_tasks.insert(number);
                        }
                    }
                }
                let holds = chain.keys().filter(|task| checked_tasks.contains(task)).count() as u64;
                prop_assert_eq!(state.sums().batches, chain.len() as u64);
                prop_assert_eq!(state.sums().holds, holds);
                prop_assert!(state.cursor().unwrap().next <= head + 1);
            }
        }
    }
}
