//! What the service asks most, with a million proofs in the database: `cargo bench --profile release --bench million`.
//!
//! The rows are what a year of runs leaves behind: nearly all final, with their runs, payments, receipts and whole histories; a
//! run being proven; two full ones queued. They are written without the triggers, whose work they contain. `-- --explain`
//! shows how PostgreSQL answers instead of how fast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed step is a failed benchmark, and this is its report"
)]

#[path = "../tests/suite/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use collimate_store::{PaymentContract, ProofId, ProofStatus, Store};
use rand::Rng;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use support::{DEPLOYMENT, empty_database};

const PROOFS: u64 = 1_000_000;
const QUEUED: u64 = 50_000;
/// Proofs of a full run.
const RUN: u64 = 23_808;
/// Half of all proofs are of the ten largest accounts.
const ACCOUNTS: u64 = 10_000;
const PAGE: u32 = 50;
const ROUNDS: usize = 2_000;
/// What the slowest hundredth of the answers may take.
const GOAL: Duration = Duration::from_millis(10);

const PAYMENTS: PaymentContract = PaymentContract { chain_id: 31337, address: [0xcc; 20] };

/// The rows, in the order of their references. `{id}` is the n-th proof's id.
fn rows() -> Vec<String> {
    let id = "(lpad(to_hex(1700000000000 + n * 30000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid";
    let at = "to_timestamp(1700000000 + n * 30)";
    let queued = PROOFS - QUEUED;
    // The last run's first proof: that run is being proven.
    let proving = (queued - 1) / RUN * RUN;
    vec![
        "SET session_replication_role = replica".to_owned(),
        format!(
            "INSERT INTO accounts (chain_id, contract, address)
             SELECT 31337, decode(repeat('cc', 20), 'hex'), decode(lpad(to_hex(n), 40, '0'), 'hex')
             FROM generate_series(1::bigint, {ACCOUNTS}) n"
        ),
        // Five purchases of each account, the first of them spent.
        format!(
            "INSERT INTO payments (chain_id, tx_hash, log_index, contract, block_number, block_hash, purchase_id, payer,
                 account_id, amount_wei, terms_id, credits, spent, expires_at, status)
             SELECT 31337, sha256(n::text::bytea), 0, decode(repeat('cc', 20), 'hex'), n, sha256(n::text::bytea), n,
                 decode(lpad(to_hex(1 + (n - 1) % {ACCOUNTS}), 40, '0'), 'hex'), 1 + (n - 1) % {ACCOUNTS}, 1000, 1, 200000,
                 CASE WHEN n <= {ACCOUNTS} THEN 200000 ELSE 7 END, 4000000000, 'credited'
             FROM generate_series(1::bigint, 5 * {ACCOUNTS}) n"
        ),
        format!(
            "INSERT INTO proofs (id, proof_hash, proof_system, program_id, vk, public_values, commitment, status, code, reason,
                 created_at, updated_at, account_id)
             SELECT {id}, sha256(('proof' || n)::bytea), 'sp1', sha256(('program' || n % 200)::bytea),
                 decode(repeat('ab', 104), 'hex'), sha256(n::text::bytea) || sha256(('b' || n)::bytea),
                 sha256(('commitment' || n)::bytea),
                 CASE WHEN n >= {queued} THEN 'queued' WHEN n >= {proving} THEN 'proving'
                      WHEN n % 100 = 7 THEN 'failed' ELSE 'final' END,
                 CASE WHEN n < {proving} AND n % 100 = 7 THEN 'AGG-010' END,
                 CASE WHEN n < {proving} AND n % 100 = 7 THEN 'it cannot be aggregated' END,
                 {at}, {at},
                 CASE WHEN n % 2 = 0 THEN 1 + (n / 2) % 10 ELSE 11 + (n / 2) % ({ACCOUNTS} - 10) END
             FROM generate_series(0::bigint, {PROOFS} - 1) n"
        ),
        "INSERT INTO spendings (account_id, nonce, payment_id, proof_id)
         SELECT account_id, row_number() OVER (PARTITION BY account_id ORDER BY id) - 1, account_id, id FROM proofs"
            .to_owned(),
        "INSERT INTO receipts (proof_id, deadline) SELECT id, 1800000000 FROM proofs".to_owned(),
        format!(
            "INSERT INTO runs (chain_id, contract, status, leaf_count, root, statement, blobs_hash, versioned_hashes, final_job,
                 seal, tx_hash, block_number, finished_at)
             SELECT 31337, decode(repeat('c0', 20), 'hex'), CASE WHEN last THEN 'proving' ELSE 'final' END, {RUN}, sha256('r'),
                 '\\x01', sha256('b'), ARRAY[sha256('v')], sha256('j'), '\\x01', sha256('t'), CASE WHEN NOT last THEN n END,
                 CASE WHEN NOT last THEN now() END
             FROM (SELECT n, n = ({queued} - 1) / {RUN} AS last FROM generate_series(0::bigint, ({queued} - 1) / {RUN}) n) runs"
        ),
        format!(
            "INSERT INTO run_proofs (run_id, position, proof_id)
             SELECT 1 + n / {RUN}, n % {RUN}, {id} FROM generate_series(0::bigint, {queued} - 1) n
             WHERE n >= {proving} OR n % 100 <> 7"
        ),
        "INSERT INTO proof_events (proof_id, status, at)
         SELECT p.id, s.status, p.created_at FROM proofs p CROSS JOIN
             (VALUES (1, 'received'), (2, 'verified'), (3, 'queued'), (4, 'proving'), (5, 'aggregated'), (6, 'submitted'),
                 (7, 'final')) s (step, status)
         WHERE s.step <= CASE p.status WHEN 'queued' THEN 3 WHEN 'proving' THEN 4 ELSE 7 END"
            .to_owned(),
        "SET session_replication_role = origin".to_owned(),
        "VACUUM ANALYZE".to_owned(),
    ]
}

/// The n-th proof's id, as the rows have it.
fn id(n: u64) -> ProofId {
    format!("{:012x}70008000{n:012x}", 1_700_000_000_000 + n * 30_000).parse().unwrap()
}

fn address(n: u64) -> [u8; 20] {
    let mut address = [0; 20];
    address[12..].copy_from_slice(&n.to_be_bytes());
    address
}

/// Times an answer again and again; true if it is as fast as it should be.
async fn time(what: &str, rounds: usize, mut ask: impl AsyncFnMut()) -> bool {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        ask().await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let (p50, p99) = (times[rounds / 2], times[rounds * 99 / 100]);
    let good = p99 <= GOAL;
    println!("{what:<58} p50 {p50:>9.2?}   p99 {p99:>9.2?}{}", if good { "" } else { "   SLOW" });
    good
}

/// A proof, an account, a nonce: any.
fn any(below: u64) -> u64 {
    rand::rng().random_range(0..below)
}

async fn reads(store: &Store) -> bool {
    let mut good = true;
    let page = async |status, after| {
        let page = store.submissions_page(None, status, Some(after), PAGE).await.unwrap();
        assert!(!page.is_empty() || status.is_some());
    };
    let of_account = async |account: u64, status| {
        let payer = address(account);
        let page = store.submissions_page(Some((&PAYMENTS, &payer)), status, None, PAGE);
        page.await.unwrap();
    };
    good &= time("status by id", ROUNDS, async || {
        assert!(store.submission(id(any(PROOFS))).await.unwrap().is_some());
    })
    .await;
    let hash = async |n: u64| {
        let stored = store.proof(id(n)).await.unwrap().unwrap();
        (stored.proof_hash, stored.program_id)
    };
    let mut known = vec![];
    for _ in 0..100 {
        known.push(hash(any(PROOFS)).await);
    }
    good &= time("status by file and program", ROUNDS, async || {
        let (file, program) = &known[any(100) as usize];
        assert!(store.submission_of(file, program).await.unwrap().is_some());
    })
    .await;
    good &= time("history of a proof", ROUNDS, async || {
        assert!(!store.proof_events_after(id(any(PROOFS)), 0).await.unwrap().is_empty());
    })
    .await;
    good &=
        time("page of all proofs", ROUNDS, async || page(None, id(any(PROOFS - 1))).await).await;
    for status in [ProofStatus::Final, ProofStatus::Failed, ProofStatus::Queued] {
        let what = format!("page of the {status} ones");
        good &= time(&what, ROUNDS, async || page(Some(status), id(any(PROOFS))).await).await;
    }
    good &=
        time("page of a large account", ROUNDS, async || of_account(1 + any(10), None).await).await;
    good &= time("page of a small account", ROUNDS, async || {
        of_account(11 + any(ACCOUNTS - 10), None).await;
    })
    .await;
    good &= time("page of a large account's failed ones", ROUNDS, async || {
        of_account(1 + any(10), Some(ProofStatus::Failed)).await;
    })
    .await;
    good &= time("an account's last receipts", ROUNDS, async || {
        let payer = address(1 + any(ACCOUNTS));
        let receipts = store.submissions_by_nonce(&PAYMENTS, &payer, None, None, PAGE);
        assert!(!receipts.await.unwrap().is_empty());
    })
    .await;
    good &= time("an account's nonce and credits", ROUNDS, async || {
        let has = store.account(&PAYMENTS, &address(1 + any(ACCOUNTS))).await.unwrap();
        assert!(has.credits > 0);
    })
    .await;
    good &= time("place in the queue", ROUNDS / 10, async || {
        let id = id(PROOFS - 1 - any(QUEUED));
        store.queued_before(id, RUN as u32).await.unwrap();
    })
    .await;
    good &= time("page of runs", ROUNDS / 10, async || {
        assert!(!store.runs_page(None, PAGE).await.unwrap().is_empty());
    })
    .await;
    good &= time("live runs", ROUNDS / 10, async || {
        assert_eq!(store.live_runs(&DEPLOYMENT, 4).await.unwrap().len(), 1);
    })
    .await;
    good &= time("depth of the queue, 50,000 in it", ROUNDS / 10, async || {
        assert_eq!(store.queue_depth().await.unwrap().count, QUEUED);
    })
    .await;
    good
}

/// The aggregator's: what it takes leaves the queue, so these are last.
async fn picks(store: &Store) -> bool {
    let mut good = true;
    for count in [1, 32] {
        let what = format!("a run of {count} is picked and opened");
        good &= time(&what, 200, async || {
            let run = store.open_run(&DEPLOYMENT, count).await.unwrap().unwrap();
            assert_eq!(run.leaf_count, count);
        })
        .await;
    }
    let began = Instant::now();
    let run = store.open_run(&DEPLOYMENT, RUN as u32).await.unwrap().unwrap();
    println!("a run of {} is picked and opened, once {:>24.2?}", run.leaf_count, began.elapsed());
    good
}

/// How PostgreSQL answers what is asked most.
async fn explain(connection: &mut PgConnection) {
    let (id, far) = (id(PROOFS - QUEUED), id(PROOFS / 2));
    for query in [
        "SELECT id FROM proofs WHERE status = 'queued' ORDER BY id LIMIT 23808 FOR UPDATE SKIP LOCKED".to_owned(),
        "SELECT count(*), sum(octet_length(public_values)), min(created_at) FROM proofs WHERE status = 'queued'".to_owned(),
        format!("SELECT id FROM proofs WHERE status = 'final' AND id > '{far}' ORDER BY id LIMIT 50"),
        format!("SELECT id FROM proofs WHERE account_id = 3 AND status = 'failed' AND id > '{far}' ORDER BY id LIMIT 50"),
        format!(
            "SELECT count(*) FROM (SELECT FROM proofs WHERE status = 'queued' AND id < '{id}' LIMIT 23808) AS before"
        ),
        "SELECT p.id FROM proofs p LEFT JOIN spendings s ON s.proof_id = p.id WHERE s.account_id = 3 AND s.nonce >= 0
         AND s.nonce < 9000000 ORDER BY s.nonce DESC LIMIT 50"
            .to_owned(),
    ] {
        println!("\n{query}");
        let explained = AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS) {query}"));
        let lines: Vec<String> =
            sqlx::query_scalar(explained).fetch_all(&mut *connection).await.unwrap();
        println!("{}", lines.join("\n"));
    }
}

fn main() {
    // `cargo test --benches` runs this, too, without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = empty_database().await;
        let store = Store::connect(&url).await.unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let began = Instant::now();
        for statement in rows() {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        println!("{PROOFS} proofs stored in {:.0?}", began.elapsed());
        if std::env::args().any(|argument| argument == "--explain") {
            explain(&mut connection).await;
            return;
        }
        connection.close().await.unwrap();
        let good = reads(&store).await & picks(&store).await;
        println!("{}", if good { "all within 10 ms" } else { "not all within 10 ms" });
    });
}
