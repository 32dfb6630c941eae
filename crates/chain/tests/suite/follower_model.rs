//! The follower's state machine against a chain that is reorganised at random between any two requests.
//!
//! The oracle is simple and independent: whatever happened, once the chain stands still, what the handler holds must be
//! exactly the logs of the final chain, and no event may contradict those before it.

use std::collections::BTreeMap;

use alloy::{primitives::B256, rpc::types::Log};
use collimate_chain::follower::{
    BlockId, BlockLink, ChainEvent, Cursor, FollowConfig, Machine, Wanted,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Block {
    link: BlockLink,
    logs: Vec<Log>,
}

/// A chain whose blocks get hashes that were never used before.
#[derive(Clone, Debug)]
struct Chain {
    blocks: Vec<Block>,
    hashes: u64,
    /// The highest block that ever was.
    highest: u64,
}

impl Chain {
    fn new() -> Self {
        let mut chain = Self { blocks: Vec::new(), hashes: 0, highest: 0 };
        chain.mine(0);
        chain
    }

    fn mine(&mut self, logs: u64) {
        self.hashes += 1;
        let hash = B256::left_padding_from(&self.hashes.to_be_bytes());
        let parent = self.blocks.last().map_or(B256::ZERO, |block| block.link.id.hash);
        let number = self.blocks.len() as u64;
        let logs = (0..logs)
            .map(|index| Log {
                block_hash: Some(hash),
                block_number: Some(number),
                log_index: Some(index),
                ..Log::default()
            })
            .collect();
        self.highest = self.highest.max(number);
        self.blocks.push(Block { link: BlockLink { id: BlockId { number, hash }, parent }, logs });
    }

    fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    /// Replaces the newest `depth` blocks by at least one and possibly fewer or more, but none that ever was
    /// `safe_depth` deep: what the follower is promised.
    fn reorganise(&mut self, depth: usize, replacements: usize) {
        let settled = (self.highest + 1).saturating_sub(CONFIG.safe_depth) as usize;
        let keep = self.blocks.len().saturating_sub(depth).max(settled).max(1);
        if keep >= self.blocks.len() {
            return;
        }
        self.blocks.truncate(keep);
        for index in 0..replacements.max(1) {
            self.mine(index as u64 % 3);
        }
    }
}

/// Stores what it is told, in one step with the cursor, and complains about contradictions.
#[derive(Clone, Debug, Default)]
struct Handler {
    blocks: BTreeMap<u64, Vec<Log>>,
    cursor: Option<Cursor>,
    reverts: u32,
}

impl Handler {
    fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) {
        match event {
            ChainEvent::New { blocks, logs } => {
                let next = self.blocks.keys().next_back().map_or(*blocks.start(), |last| last + 1);
                assert_eq!(*blocks.start(), next, "blocks come without gaps");
                for number in blocks.clone() {
                    let logs = logs.iter().filter(|log| log.block_number == Some(number));
                    self.blocks.insert(number, logs.cloned().collect());
                }
                assert_eq!(cursor.next, blocks.end() + 1);
            }
            ChainEvent::Reverted { blocks } => {
                self.reverts += 1;
                let last = self.blocks.keys().next_back().copied();
                assert_eq!(Some(*blocks.end()), last, "a revert begins at the newest block");
                for number in blocks.clone() {
                    assert!(
                        self.blocks.remove(&number).is_some(),
                        "only what was delivered is reverted"
                    );
                }
                assert_eq!(cursor.next, *blocks.start());
            }
        }
        self.cursor = Some(cursor.clone());
    }
}

/// What happens to the chain before a request is answered.
#[derive(Clone, Debug)]
enum Fault {
    None,
    Mine(u64),
    Reorganise {
        depth: usize,
        replacements: usize,
    },
    /// The node refuses ranges of logs.
    RefuseRange,
    /// The handler's process is killed before or after it stored.
    Restart,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        3 => (0u64..4).prop_map(Fault::Mine),
        2 => (1usize..7, 1usize..9).prop_map(|(depth, replacements)| Fault::Reorganise { depth, replacements }),
        1 => Just(Fault::RefuseRange),
        1 => Just(Fault::Restart),
    ]
}

const CONFIG: FollowConfig = FollowConfig { lag: 0, safe_depth: 6, max_range: 5 };

struct World {
    chain: Chain,
    handler: Handler,
    machine: Machine,
    config: FollowConfig,
}

impl World {
    /// Answers one request; `true` if the machine has nothing left to do.
    fn turn(&mut self, refuse_range: bool) -> bool {
        match self.machine.step() {
            Wanted::Head { idle } => {
                self.machine.on_head(self.chain.head());
                return idle;
            }
            Wanted::Block(number) => {
                let block = self.chain.blocks.get(number as usize).map(|block| block.link);
                self.machine.on_block(block).expect("no reorganisation is too deep");
            }
            Wanted::Range { .. } if refuse_range => {
                self.machine.on_range_refused();
            }
            Wanted::Range { from, to } => {
                assert!(to - from < self.config.max_range, "requests are bounded");
                let blocks = self.chain.blocks.iter().take(to as usize + 1).skip(from as usize);
                let logs = blocks.flat_map(|block| block.logs.clone()).collect();
                let last = self.chain.blocks.get(to as usize).map(|block| block.link);
                self.machine.on_range(last, logs);
            }
            Wanted::BlockLogs(id) => {
                let block = self.chain.blocks.iter().find(|block| block.link.id == id);
                self.machine.on_block_logs(block.map(|block| block.logs.clone()));
            }
            Wanted::Deliver(event, cursor) => {
                self.handler.handle(&event, &cursor);
                self.machine.on_delivered();
            }
        }
        false
    }

    fn restart(&mut self, start: u64) {
        let cursor = self.handler.cursor.clone().unwrap_or_else(|| Cursor::starting_at(start));
        // The cursor survives a round trip through its stored form.
        let stored = serde_json::to_string(&cursor).expect("plain data");
        self.machine = Machine::new(serde_json::from_str(&stored).expect("same"), self.config);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_handler_ends_with_the_final_chain(
        blocks_at_start in 0usize..40,
        start in 0u64..10,
        lag in 0u64..3,
        faults in proptest::collection::vec(fault(), 0..200),
    ) {
        let config = FollowConfig { lag, ..CONFIG };
        let mut chain = Chain::new();
        for index in 0..blocks_at_start {
            chain.mine(index as u64 % 3);
        }
        let machine = Machine::new(Cursor::starting_at(start), config);
        let mut world = World { chain, handler: Handler::default(), machine, config };
        for fault in faults {
            let mut refuse = false;
            match fault {
                Fault::None => {}
                Fault::Mine(logs) => world.chain.mine(logs),
                Fault::Reorganise { depth, replacements } => {
                    world.chain.reorganise(depth, replacements);
                }
                Fault::RefuseRange => refuse = true,
                Fault::Restart => world.restart(start),
            }
            world.turn(refuse);
        }
        // The chain grows by one and then stands still.
        world.chain.mine(1);
        prop_assert!(settle(&mut world, 10_000), "it comes to rest");

        let last = world.chain.head().checked_sub(lag);
        let expected: BTreeMap<u64, Vec<Log>> = world
            .chain
            .blocks
            .iter()
            .filter(|block| block.link.id.number >= start && Some(block.link.id.number) <= last)
            .map(|block| (block.link.id.number, block.logs.clone()))
            .collect();
        let delivered: BTreeMap<u64, Vec<Log>> =
            world.handler.blocks.into_iter().filter(|(number, _)| Some(*number) <= last).collect();
        prop_assert_eq!(delivered, expected);
    }
}

/// Runs until it looked at the newest block twice and had nothing to deliver; `false` if it takes more turns than these.
fn settle(world: &mut World, turns: usize) -> bool {
    let mut idle = 0;
    for _ in 0..turns {
        if matches!(world.machine.step(), Wanted::Deliver(..)) {
            idle = 0;
        }
        idle += u32::from(world.turn(false));
        if idle > 2 {
            return true;
        }
    }
    false
}

fn follow_from(start: u64, blocks: usize) -> World {
    let mut chain = Chain::new();
    for _ in 0..blocks {
        chain.mine(1);
    }
    let machine = Machine::new(Cursor::starting_at(start), CONFIG);
    let mut world = World { chain, handler: Handler::default(), machine, config: CONFIG };
    assert!(settle(&mut world, 10_000));
    world
}

#[test]
fn a_reorganisation_while_nobody_watched_is_found_at_the_next_start() {
    let mut world = follow_from(0, 20);
    world.chain.reorganise(5, 7);
    world.restart(0);
    assert!(settle(&mut world, 10_000));
    assert_eq!(world.handler.reverts, 1);
    assert_eq!(world.handler.blocks.len() as u64, world.chain.head() + 1);
}

#[test]
fn a_reorganisation_that_makes_the_chain_shorter_is_noticed_at_once() {
    let mut world = follow_from(0, 20);
    world.chain.reorganise(5, 2);
    assert!(settle(&mut world, 10_000));
    assert_eq!(world.handler.reverts, 1);
    assert_eq!(world.handler.blocks.len(), 18);
}

#[test]
fn a_node_that_is_merely_behind_reverts_nothing() {
    let mut world = follow_from(0, 20);
    let complete = world.chain.clone();
    world.chain.blocks.truncate(18);
    assert!(settle(&mut world, 10_000));
    assert_eq!(world.handler.reverts, 0);
    world.chain = complete;
    world.chain.mine(2);
    assert!(settle(&mut world, 10_000));
    assert_eq!((world.handler.reverts, world.handler.blocks.len()), (0, 22));
}

#[test]
fn a_reorganisation_that_is_too_deep_stops_the_follower() {
    let mut world = follow_from(0, 30);
    world.chain.blocks.truncate(15);
    (0..20).for_each(|_| world.chain.mine(1));
    let error = loop {
        match world.machine.step() {
            Wanted::Head { .. } => world.machine.on_head(world.chain.head()),
            Wanted::Block(number) => {
                let block = world.chain.blocks.get(number as usize).map(|block| block.link);
                if let Err(error) = world.machine.on_block(block) {
                    break error;
                }
            }
            wanted => panic!("nothing may be delivered: {wanted:?}"),
        }
    };
    assert_eq!(error.code(), "CHN-060");
}

#[test]
fn logs_of_another_block_are_not_believed() {
    let mut world = follow_from(0, 3);
    world.chain.mine(1);
    while !matches!(world.machine.step(), Wanted::BlockLogs(_)) {
        world.turn(false);
    }
    let foreign =
        Log { block_hash: Some(B256::repeat_byte(7)), block_number: Some(4), ..Log::default() };
    world.machine.on_block_logs(Some(vec![foreign]));
    assert!(matches!(world.machine.step(), Wanted::Head { .. }));
}

#[test]
fn a_refused_range_is_halved_until_one_block_is_left() {
    let mut world = World {
        chain: Chain::new(),
        handler: Handler::default(),
        machine: Machine::new(Cursor::starting_at(0), CONFIG),
        config: CONFIG,
    };
    for _ in 0..30 {
        world.chain.mine(1);
    }
    world.turn(false);
    let mut lengths = Vec::new();
    loop {
        let Wanted::Range { from, to } = world.machine.step() else { panic!("a range is wanted") };
        lengths.push(to - from + 1);
        if !world.machine.on_range_refused() {
            break;
        }
    }
    assert_eq!(lengths, [5, 2, 1]);
}
