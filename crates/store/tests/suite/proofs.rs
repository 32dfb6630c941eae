//! Proofs at the door, and what their owners read.

use crate::support::{DEPLOYMENT, empty_database, empty_store, finish, proof, queued};
use collimate_store::{ProofStatus, Store, StoreError};

async fn status(store: &Store, id: collimate_store::ProofId) -> ProofStatus {
    store.proof(id).await.unwrap().unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn submitting_again_finds_the_first() {
    let store = empty_store().await;
    let first = store.insert_proof(&proof(1)).await.unwrap();
    assert!(first.is_new);
    store.mark_verified(first.id).await.unwrap();
    let again = store.insert_proof(&proof(1)).await.unwrap();
    assert_eq!((again.id, again.is_new), (first.id, false));
    assert_eq!(again.status, ProofStatus::Verified);

    let mut same_file_other_program = proof(1);
    same_file_other_program.program_id = [0xcd; 32];
    assert!(store.insert_proof(&same_file_other_program).await.unwrap().is_new);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_submissions_of_one_proof_store_it_once() {
    let store = empty_store().await;
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.insert_proof(&proof(1)).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_new).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_what_was_submitted() {
    let store = empty_store().await;
    let new = proof(77);
    let id = store.insert_proof(&new).await.unwrap().id;
    let stored = store.proof(id).await.unwrap().unwrap();
    assert_eq!(
        (stored.proof_hash, stored.program_id, stored.vk, stored.public_values, stored.commitment),
        (new.proof_hash, new.program_id, new.vk, new.public_values, new.commitment)
    );
    assert_eq!(store.proof(uuid::Uuid::now_v7()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_has_a_name_and_is_the_end() {
    let store = empty_store().await;
    let id = store.insert_proof(&proof(1)).await.unwrap().id;
    // A reason can hold whatever a verifier said, also what PostgreSQL's text cannot.
    let reason = format!("bad\0point {}", "x".repeat(100_000));
    store.reject(id, "VER-007", &reason).await.unwrap();
    let rejected = store.proof(id).await.unwrap().unwrap();
    assert_eq!(rejected.status, ProofStatus::Rejected);
    assert_eq!(rejected.code.as_deref(), Some("VER-007"));
    assert!(rejected.reason.unwrap().starts_with("badpoint xxx"));

    let refused = store.queue(id).await.unwrap_err();
    assert!(matches!(&refused, StoreError::WrongStatus { found, .. } if found == "rejected"));
    assert!(store.mark_verified(id).await.is_err());
    assert!(store.reject(id, "VER-008", "again").await.is_err());
    assert_eq!(store.open_run(&DEPLOYMENT, 10).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_out_of_order_are_refused_by_name() {
    let store = empty_store().await;
    let id = store.insert_proof(&proof(1)).await.unwrap().id;
    let refused = store.queue(id).await.unwrap_err();
    assert_eq!(refused.code(), "STO-004");
    assert!(refused.to_string().contains("is received, the step needs verified"), "{refused}");
    let unknown = store.queue(uuid::Uuid::now_v7()).await.unwrap_err();
    assert_eq!(unknown.code(), "STO-003");
    assert_eq!(status(&store, id).await, ProofStatus::Received);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_history_with_its_time_and_run() {
    let store = empty_store().await;
    let id = queued(&store, 0, 1).await[0];
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    finish(&store, &run, 100).await;
    let events = store.proof_events(id).await.unwrap();
    let statuses: Vec<_> = events.iter().map(|event| event.status.as_str()).collect();
    let course = ["received", "verified", "queued", "proving", "aggregated", "submitted", "final"];
    assert_eq!(statuses, course);
    assert!(events.is_sorted_by_key(|event| event.at));
    assert!(events[..3].iter().all(|event| event.run_id.is_none()));
    assert!(events[3..].iter().all(|event| event.run_id == Some(run.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_everything_once_in_the_order_of_submission() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 25).await;
    store.insert_proof(&proof(1000)).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.proofs_page(Some(ProofStatus::Queued), after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|proof| proof.id));
    }
    assert_eq!(seen, ids);
    assert_eq!(store.proofs_page(None, None, 100).await.unwrap().len(), 26);
    let depth = store.queue_depth().await.unwrap();
    assert_eq!(depth.count, 25);
    assert_eq!(depth.bytes, 25 * proof(0).public_values.len() as u64);
    assert!(depth.oldest.is_some());
}

/// The tables in Rust and in the schema say the same, for every pair.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_allows_exactly_the_listed_transitions() {
    let url = empty_database().await;
    Store::connect(&url).await.unwrap();
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    for &from in ProofStatus::ALL {
        for &to in ProofStatus::ALL {
            let mut tx = database.begin().await.unwrap();
            // Triggers are off while the row is made, because no legal way leads straight to `from`.
            let id = uuid::Uuid::now_v7();
            sqlx::raw_sql("SET LOCAL session_replication_role = replica")
                .execute(&mut *tx)
                .await
                .unwrap();
            let is_bad = |s| matches!(s, ProofStatus::Rejected | ProofStatus::Failed);
            sqlx::query(
                "INSERT INTO proofs (id, proof_hash, proof_system, program_id, vk, public_values, commitment, \
                 status, code, reason) VALUES ($1, $2, 'sp1', $2, '', '', $2, $3, $4, $4)",
            )
            .bind(id)
            .bind([0_u8; 32])
            .bind(from.as_str())
            .bind(is_bad(from).then_some("X"))
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::raw_sql("SET LOCAL session_replication_role = origin")
                .execute(&mut *tx)
                .await
                .unwrap();
            let changed =
                sqlx::query("UPDATE proofs SET status = $2, code = $3, reason = $3 WHERE id = $1")
                    .bind(id)
                    .bind(to.as_str())
                    .bind(is_bad(to).then_some("X"))
                    .execute(&mut *tx)
                    .await;
            assert_eq!(changed.is_ok(), from == to || from.may_become(to), "{from} > {to}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_the_code_would_never_write() {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    let id = store.insert_proof(&proof(1)).await.unwrap().id.to_string();
    for statement in [
        format!("UPDATE proofs SET status = 'lost' WHERE id = '{id}'"),
        // an end without a name, and a name without an end
        format!("UPDATE proofs SET status = 'rejected' WHERE id = '{id}'"),
        format!("UPDATE proofs SET code = 'X', reason = 'x' WHERE id = '{id}'"),
        format!("UPDATE proofs SET commitment = '' WHERE id = '{id}'"),
        "INSERT INTO runs (chain_id, contract, status, leaf_count) \
         VALUES (1, decode(repeat('00', 20), 'hex'), 'final', 1)"
            .to_owned(),
        "INSERT INTO runs (chain_id, contract, status, leaf_count) \
         VALUES (1, decode(repeat('00', 20), 'hex'), 'proving', 23809)"
            .to_owned(),
    ] {
        let refused =
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&database).await;
        let refused = StoreError::from(refused.expect_err(&statement));
        assert_eq!(refused.code(), "STO-005", "{statement}: {refused}");
    }
}
