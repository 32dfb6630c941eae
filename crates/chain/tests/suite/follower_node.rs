//! The follower on a real node: through reorganisations, restarts and a node that is away.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::common::{LOGGER, World, rpc, until};
use alloy::{
    primitives::B256,
    providers::Provider,
    rpc::types::{Filter, Log},
};
use async_trait::async_trait;
use collimate_chain::{
    anvil::Mining,
    follower::{ChainEvent, Cursor, EventHandler, FollowConfig, Follower},
    provider::{Timeouts, connect},
    tx::TxRequest,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
struct Database {
    blocks: BTreeMap<u64, Vec<Log>>,
    cursor: Option<Cursor>,
    events: Vec<ChainEvent>,
}

/// Stores event and cursor behind one lock.
#[derive(Clone, Debug, Default)]
struct Handler(Arc<Mutex<Database>>);

#[async_trait]
impl EventHandler for Handler {
    type Error = Infallible;

    async fn load_cursor(&mut self) -> Result<Option<Cursor>, Infallible> {
        Ok(self.0.lock().unwrap().cursor.clone())
    }

    async fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) -> Result<(), Infallible> {
        let mut database = self.0.lock().unwrap();
        match event {
            ChainEvent::New { blocks, logs } => {
                for number in blocks.clone() {
                    let logs = logs.iter().filter(|log| log.block_number == Some(number));
                    let before = database.blocks.insert(number, logs.cloned().collect());
                    assert!(before.is_none(), "no block twice");
                }
            }
            ChainEvent::Reverted { blocks } => {
                for number in blocks.clone() {
                    database.blocks.remove(&number).expect("only what was delivered");
                }
            }
        }
        database.cursor = Some(cursor.clone());
        database.events.push(event.clone());
        Ok(())
    }
}

impl Handler {
    fn logs(&self) -> Vec<Log> {
        self.0.lock().unwrap().blocks.values().flatten().cloned().collect()
    }

    fn next(&self) -> u64 {
        self.0.lock().unwrap().cursor.as_ref().map_or(0, |cursor| cursor.next)
    }

    fn reverted(&self) -> Vec<u64> {
        let database = self.0.lock().unwrap();
        let reverted = database.events.iter().filter_map(|event| match event {
            ChainEvent::Reverted { blocks } => Some(blocks.clone()),
            ChainEvent::New { .. } => None,
        });
        reverted.flatten().collect()
    }

    /// Waits until it has everything up to the node's newest block.
    async fn caught_up(&self, world: &World) {
        let head = world.node.get_block_number().await.unwrap();
        until("the follower catches up", || async { (self.next() > head).then_some(()) }).await;
    }
}

fn follow(world: &World, handler: &Handler) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let timeouts = Timeouts { request: Duration::from_secs(1), ..Timeouts::default() };
    let provider = connect(&world.proxy.url(), timeouts).unwrap();
    let filter = Filter::new().address(LOGGER);
    let config = FollowConfig { safe_depth: 8, ..FollowConfig::default() };
    let follower = Follower::new(provider, filter, 0, config, Duration::from_millis(50));
    let stop = CancellationToken::new();
    let (mut handler, stopped) = (handler.clone(), stop.clone());
    let task =
        tokio::spawn(async move { follower.run(&mut handler, stopped).await.expect("runs") });
    (stop, task)
}

async fn emit(world: &World, key: &str, topic: u8) {
    let request = TxRequest::call(key, LOGGER, B256::repeat_byte(topic).to_vec());
    let manager = world.manager.clone();
    let sending = tokio::spawn(async move { manager.send(request).await });
    world.attempt_in_pool(key, 1).await;
    world.mine(2).await;
    sending.await.unwrap().expect("confirmed");
}

async fn canonical(world: &World) -> Vec<Log> {
    let filter = Filter::new().address(LOGGER).from_block(0);
    world.node.get_logs(&filter).await.unwrap()
}

fn topics(logs: &[Log]) -> Vec<B256> {
    logs.iter().map(|log| log.topics()[0]).collect()
}

#[tokio::test]
async fn a_reorg_of_five_blocks_rolls_back() {
    let world = World::start(Mining::Manual).await;
    world.mine(20).await;
    emit(&world, "a", 1).await;
    world.mine(3).await;
    emit(&world, "b", 2).await;
    let handler = Handler::default();
    let (stop, task) = follow(&world, &handler);
    handler.caught_up(&world).await;
    assert_eq!(topics(&handler.logs()), [B256::repeat_byte(1), B256::repeat_byte(2)]);
    let head = world.node.get_block_number().await.unwrap();

    rpc(&world.node, "anvil_reorg", json!([5, []])).await;
    until("the reorganised blocks are rolled back", || async {
        (handler.reverted().len() >= 5).then_some(())
    })
    .await;
    assert_eq!(handler.reverted(), (head - 4..=head).collect::<Vec<_>>());
    emit(&world, "c", 3).await;
    handler.caught_up(&world).await;
    assert_eq!(handler.logs(), canonical(&world).await);
    assert_eq!(topics(&handler.logs()).first(), Some(&B256::repeat_byte(1)), "below the reorg");
    assert!(topics(&handler.logs()).contains(&B256::repeat_byte(3)));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn it_goes_on_from_its_cursor_also_through_a_reorg_that_it_did_not_see() {
    let world = World::start(Mining::Manual).await;
    world.mine(12).await;
    emit(&world, "a", 1).await;
    let handler = Handler::default();
    let (stop, task) = follow(&world, &handler);
    handler.caught_up(&world).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(handler.logs().len(), 1);

    rpc(&world.node, "anvil_reorg", json!([4, []])).await;
    emit(&world, "b", 2).await;
    let (stop, task) = follow(&world, &handler);
    until("the reorg is found", || async { (!handler.reverted().is_empty()).then_some(()) }).await;
    handler.caught_up(&world).await;
    assert_eq!(handler.logs(), canonical(&world).await);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_away_costs_time_only() {
    let world = World::start(Mining::Manual).await;
    let handler = Handler::default();
    let (stop, task) = follow(&world, &handler);
    handler.caught_up(&world).await;
    world.anvil.freeze();
    // Longer than the time limit of a request.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.anvil.thaw();
    emit(&world, "a", 1).await;
    handler.caught_up(&world).await;
    assert_eq!(handler.logs(), canonical(&world).await);
    assert_eq!(handler.logs().len(), 1);
    stop.cancel();
    task.await.unwrap();
}
