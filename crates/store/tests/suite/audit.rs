//! The audit finds what breaks a rule, and nothing in a history that is allowed.

use collimate_store::{ProofsOfFailedRun, Store};

use crate::support::{DEPLOYMENT, empty_database, finish, queued};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_history_breaks_no_rule_and_a_tampered_one_is_found() {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    queued(&store, 0, 6).await;
    let done = store.open_run(&DEPLOYMENT, 2).await.unwrap().unwrap();
    finish(&store, &done, 7).await;
    let given_up = store.open_run(&DEPLOYMENT, 2).await.unwrap().unwrap();
    store.fail_run(given_up.id, "X", "x", ProofsOfFailedRun::Requeue).await.unwrap();
    let live = store.open_run(&DEPLOYMENT, 3).await.unwrap().unwrap();
    assert_eq!(store.audit().await.unwrap(), vec![]);

    let database = sqlx::PgPool::connect(&url).await.unwrap();
    // Whoever may do this may switch the triggers off as well.
    for (tampering, rule) in [
        (
            "UPDATE proofs SET status = 'queued' WHERE status = 'final'",
            "has the status of the live run",
        ),
        ("UPDATE run_proofs SET live = false WHERE run_id = $1", "is held by a live run"),
        ("UPDATE runs SET leaf_count = 2 WHERE id = $1", "as many proofs as it says"),
        ("UPDATE proofs SET status = 'verified' WHERE status = 'queued'", "last recorded status"),
        (
            "INSERT INTO accounts (chain_id, contract, address, nonce) VALUES ($1, decode(repeat('00', 20), 'hex'), \
          decode(repeat('00', 20), 'hex'), 3)",
            "nonce is the number of its proofs",
        ),
    ] {
        let mut tx = database.begin().await.unwrap();
        sqlx::query("SET LOCAL session_replication_role = replica")
            .execute(&mut *tx)
            .await
            .unwrap();
        let query = sqlx::query(tampering);
        let query = if tampering.contains("$1") { query.bind(live.id) } else { query };
        assert!(query.execute(&mut *tx).await.unwrap().rows_affected() > 0, "{tampering}");
        tx.commit().await.unwrap();
        let found = store.audit().await.unwrap();
        assert!(
            found.iter().any(|violation| violation.rule.contains(rule)),
            "{tampering}: {found:?}"
        );
    }
}
