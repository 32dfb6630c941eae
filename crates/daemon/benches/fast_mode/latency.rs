//! From the submission of one proof to the contract's `isVerified`, through the devnet's batcher, which closes a batch when its first
//! group has waited for a block.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use alloy::providers::{DynProvider, Provider};
use collimate_sdk::{Client, SignedGroup, fast::UploadProgress};
use collimate_store::BatcherLedger;
use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    network::{Network, closed_and_on_chain, ledger, signed, verified},
    proofs,
};

/// Submissions of each kind.
const SUBMISSIONS: usize = 60;
const BLOCK: Duration = Duration::from_secs(1);
/// Between two submissions of the trickle.
const TRICKLE: Duration = Duration::from_millis(400);

/// What one submission took, each from its beginning.
struct Times {
    answered: Duration,
    closed: Duration,
    on_chain: Duration,
    verified: Duration,
    /// From the newest block before it to that of the operators' answer.
    blocks: u64,
}

#[derive(Clone)]
struct Submitter {
    client: Arc<Client>,
    node: DynProvider,
    ledger: BatcherLedger,
}

impl Submitter {
    async fn submit(&self, group: &SignedGroup) -> Times {
        let progress: UploadProgress = Arc::new(|_, _| ());
        let before = self.node.get_block_number().await.unwrap();
        let (began_at, began) = (SystemTime::now(), Instant::now());
        self.client.batcher().unwrap().submit(group, &progress).await.unwrap();
        let answered = began.elapsed();
        let block = verified(&self.client, group).await.expect("it is verified in time");
        let verified = began.elapsed();
        let [closed, on_chain] = closed_and_on_chain(&self.ledger, &group.id())
            .await
            .map(|at| at.duration_since(began_at).unwrap_or_default());
        Times { answered, closed, on_chain, verified, blocks: block - before }
    }
}

pub(crate) async fn run(network: &Network) {
    let client = Arc::clone(&network.client);
    let batcher = client.fast_profile().unwrap().batcher.unwrap();
    let users = network.users(batcher, 2 * SUBMISSIONS).await;
    let mut groups = vec![];
    for (user, proof) in users.iter().zip(proofs::small(users.len())) {
        groups.push(signed(&client, user, vec![proof]).await);
    }
    let (alone, trickle) = groups.split_at(SUBMISSIONS);
    let ledger = ledger(&client, &network.store).await;
    let submitter = Submitter { client, node: network.node.clone(), ledger };

    let mut times = vec![];
    for (number, group) in alone.iter().enumerate() {
        // What is verified is seen right behind a block: without a pause, all would begin at the same moment of one.
        sleep(BLOCK.mul_f64(number as f64 / SUBMISSIONS as f64)).await;
        times.push(submitter.submit(group).await);
    }
    report("one after another", &times);

    let (mut pace, mut running) = (interval(TRICKLE), JoinSet::new());
    for group in trickle {
        pace.tick().await;
        let (submitter, group) = (submitter.clone(), group.clone());
        running.spawn(async move { submitter.submit(&group).await });
    }
    report(&format!("one every {TRICKLE:?}"), &running.join_all().await);
}

/// How long a submission took to a phase's end.
type Phase = fn(&Times) -> Duration;

fn report(way: &str, times: &[Times]) {
    println!("\n| {} submissions, {way} | median | p99 |", times.len());
    println!("|---|---|---|");
    let phases: [(&str, Phase); 4] = [
        ("answered", |times| times.answered),
        ("batch closed", |times| times.closed),
        ("task seen on chain", |times| times.on_chain),
        ("`isVerified`", |times| times.verified),
    ];
    for (phase, of) in phases {
        let (median, p99) = spread(times.iter().map(of).collect());
        println!("| {phase} | {:.2} s | {:.2} s |", median.as_secs_f64(), p99.as_secs_f64());
    }
    let (median, p99) = spread(times.iter().map(|times| times.blocks).collect());
    println!("| blocks (goal: at most 3 over the batch's one) | {median} | {p99} |");
}

/// Median and 99th percentile.
fn spread<T: Copy + Ord>(mut values: Vec<T>) -> (T, T) {
    values.sort_unstable();
    let at = |percent: usize| values[(values.len() * percent / 100).min(values.len() - 1)];
    (at(50), at(99))
}
