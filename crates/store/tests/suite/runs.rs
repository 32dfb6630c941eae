//! Runs: opened, quarantined, settled, submitted, final, undone, given up.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{DEPLOYMENT, empty_store, finish, queued, statement};
use collimate_store::{
    Deployment, GuaranteeCounts, JobStatus, NewJob, ProofId, ProofStatus, ProofsOfFailedRun,
    RunStatus, Store, StoreError,
};

async fn ids_of_run(store: &Store, run: i64) -> Vec<ProofId> {
    store.proofs_of_run(run).await.unwrap().into_iter().map(|proof| proof.id).collect()
}

async fn statuses(store: &Store, run: i64) -> HashSet<ProofStatus> {
    store.proofs_of_run(run).await.unwrap().into_iter().map(|proof| proof.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_the_oldest_up_to_its_limit_in_order() {
    let store = empty_store().await;
    assert_eq!(store.open_run(&DEPLOYMENT, 10).await.unwrap(), None);
    let ids = queued(&store, 0, 5).await;
    let run = store.open_run(&DEPLOYMENT, 3).await.unwrap().unwrap();
    assert_eq!((run.status, run.leaf_count, run.deployment), (RunStatus::Proving, 3, DEPLOYMENT));
    assert_eq!(ids_of_run(&store, run.id).await, ids[..3]);
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Proving]));
    assert_eq!(store.run_of_proof(ids[2]).await.unwrap(), Some((run.id, 2)));
    assert_eq!(store.run_of_proof(ids[3]).await.unwrap(), None);
    assert_eq!(store.live_runs(&DEPLOYMENT, 9).await.unwrap(), vec![run]);
    let elsewhere = Deployment { chain_id: 1, ..DEPLOYMENT };
    assert_eq!(store.live_runs(&elsewhere, 9).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_proof_and_is_fulfilled_by_the_next_run() {
    let store = empty_store().await;
    assert_eq!(store.last_run_opened(&DEPLOYMENT).await.unwrap(), None);
    store.request_run(&DEPLOYMENT).await.unwrap();
    store.request_run(&DEPLOYMENT).await.unwrap();
    assert_eq!(store.open_run(&DEPLOYMENT, 10).await.unwrap(), None);
    assert!(store.run_requested(&DEPLOYMENT).await.unwrap().is_some(), "nothing was opened");
    queued(&store, 0, 1).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    assert_eq!(store.run_requested(&DEPLOYMENT).await.unwrap(), None);
    assert_eq!(store.last_run_opened(&DEPLOYMENT).await.unwrap(), Some(run.created_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_openers_never_take_the_same_proof() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 60).await;
    let openers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut runs = Vec::new();
                while let Some(run) = store.open_run(&DEPLOYMENT, 5).await.unwrap() {
                    runs.push(run.id);
                }
                runs
            })
        })
        .collect();
    let mut taken = Vec::new();
    for opener in openers {
        for run in opener.await.unwrap() {
            taken.extend(ids_of_run(&store, run).await);
        }
    }
    // An opener that skips another's rows may leave some; the next one takes them.
    while let Some(run) = store.open_run(&DEPLOYMENT, 5).await.unwrap() {
        taken.extend(ids_of_run(&store, run.id).await);
    }
    assert_eq!(taken.len(), ids.len(), "none twice");
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_proof_fails_by_name_and_the_others_move_up() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 4).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let run = store.quarantine(run.id, ids[1], "AGG-009", "does not prove").await.unwrap();
    assert_eq!(run.leaf_count, 3);
    assert_eq!(ids_of_run(&store, run.id).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(store.run_of_proof(ids[3]).await.unwrap(), Some((run.id, 2)));
    let bad = store.proof(ids[1]).await.unwrap().unwrap();
    assert_eq!((bad.status, bad.code.as_deref()), (ProofStatus::Failed, Some("AGG-009")));
    let last = store.proof_events(ids[1]).await.unwrap().pop().unwrap();
    assert_eq!(last.run_id, Some(run.id), "the history says in which run");

    assert!(store.quarantine(run.id, ids[1], "AGG-009", "again").await.is_err());
    let stranger = queued(&store, 100, 1).await[0];
    assert!(store.quarantine(run.id, stranger, "AGG-009", "not in it").await.is_err());
    assert_eq!(store.run(run.id).await.unwrap().unwrap().leaf_count, 3);
    finish(&store, &run, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_proofs_left_fails() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 1).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let run = store.quarantine(run.id, ids[0], "AGG-009", "bad").await.unwrap();
    assert_eq!((run.status, run.code.as_deref()), (RunStatus::Failed, Some("STO-RUN-EMPTY")));
    assert_eq!(store.live_runs(&DEPLOYMENT, 9).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_to_final_with_its_proofs() {
    let store = empty_store().await;
    queued(&store, 0, 3).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();

    let mut wrong = statement(&run);
    wrong.leaf_count = 2;
    assert_eq!(store.settle(run.id, &wrong).await.unwrap_err().code(), "STO-013");

    let settled = store.settle(run.id, &statement(&run)).await.unwrap();
    assert_eq!(settled.status, RunStatus::Attesting);
    assert_eq!(settled.statement, Some(statement(&run)));
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Aggregated]));

    let sealed = store.seal(run.id, b"proof bytes").await.unwrap();
    assert_eq!(sealed.seal.as_deref(), Some(&b"proof bytes"[..]));
    let sent = store.mark_submitted(run.id, Some([5; 32])).await.unwrap();
    assert_eq!((sent.status, sent.tx_hash), (RunStatus::Confirming, Some([5; 32])));
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Submitted]));
    let replaced = store.note_inclusion(run.id, Some([6; 32]), Some(41)).await.unwrap();
    assert_eq!((replaced.tx_hash, replaced.block_number), (Some([6; 32]), Some(41)));

    let done = store.mark_final(run.id, Some([6; 32]), 42).await.unwrap();
    assert_eq!((done.status, done.block_number), (RunStatus::Final, Some(42)));
    assert!(done.finished_at.is_some());
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Final]));
    assert_eq!(store.live_runs(&DEPLOYMENT, 9).await.unwrap(), vec![]);
    let history = store.run_events(run.id).await.unwrap();
    let course: Vec<_> = history.iter().map(|event| event.status.as_str()).collect();
    assert_eq!(course, ["proving", "attesting", "submitting", "confirming", "final"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_takes_a_run_back_and_it_is_submitted_again() {
    let store = empty_store().await;
    queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    finish(&store, &run, 50).await;
    assert_eq!(store.final_runs_since(&DEPLOYMENT, 51).await.unwrap(), []);
    assert_eq!(store.final_runs_since(&DEPLOYMENT, 50).await.unwrap().len(), 1);

    let undone = store.undo_final(run.id).await.unwrap();
    assert_eq!((undone.status, undone.attempts), (RunStatus::Submitting, 2));
    assert_eq!((undone.tx_hash, undone.block_number, undone.finished_at), (None, None, None));
    assert!(undone.seal.is_some() && undone.statement.is_some(), "nothing is proven again");
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Aggregated]));
    assert_eq!(store.live_runs(&DEPLOYMENT, 9).await.unwrap()[0].id, run.id);

    store.mark_submitted(run.id, None).await.unwrap();
    let undone = store.undo_submitted(run.id).await.unwrap();
    assert_eq!(undone.attempts, 3);
    store.mark_submitted(run.id, None).await.unwrap();
    let done = store.mark_final(run.id, None, 60).await.unwrap();
    assert_eq!((done.status, done.tx_hash), (RunStatus::Final, None));
}

async fn guarantees(store: &Store) -> (u64, u64) {
    let GuaranteeCounts { soft, hard } = store.guarantees(&DEPLOYMENT).await.unwrap();
    (soft, hard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_run_becomes_hard_and_soft_again_and_stays_as_final_as_it_was() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let early = store.mark_hard(run.id, None, 60, false).await.unwrap_err();
    assert_eq!(early.code(), "STO-004", "what is not final is not hard");
    let soft = finish(&store, &run, 50).await;
    assert_eq!((soft.hard_since, soft.hard_tx_hash, soft.hard_attempts), (None, None, 1));
    assert_eq!(store.soft_runs(&DEPLOYMENT, 9).await.unwrap(), vec![soft.clone()]);
    assert_eq!(guarantees(&store).await, (1, 0));

    let hard = store.mark_hard(run.id, Some([8; 32]), 60, false).await.unwrap();
    assert_eq!((hard.hard_since, hard.hard_tx_hash), (Some(60), Some([8; 32])));
    assert_eq!((hard.block_number, hard.tx_hash), (Some(50), Some([5; 32])), "where it was");
    assert_eq!(store.soft_runs(&DEPLOYMENT, 9).await.unwrap(), vec![]);
    assert_eq!(guarantees(&store).await, (0, 1));
    let proof = store.submission(ids[0]).await.unwrap().unwrap();
    assert_eq!((proof.status, proof.hard_since), (ProofStatus::Final, Some(60)));
    // A reorg that reaches the proof's transaction alone has to be looked for, too.
    assert_eq!(store.final_runs_since(&DEPLOYMENT, 60).await.unwrap().len(), 1);
    assert_eq!(store.final_runs_since(&DEPLOYMENT, 61).await.unwrap(), vec![]);

    let again = store.undo_hard(run.id).await.unwrap();
    assert_eq!(
        (again.status, again.hard_since, again.hard_tx_hash),
        (RunStatus::Final, None, None)
    );
    assert_eq!(again.hard_attempts, 2, "the next transaction is another one");
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Final]));
    let course: Vec<_> = store.run_events(run.id).await.unwrap();
    assert_eq!(course.last().unwrap().status, RunStatus::Final);

    // A proof that replaced what operators signed falsely put the root elsewhere.
    let replaced = store.mark_hard(run.id, Some([9; 32]), 70, true).await.unwrap();
    assert_eq!((replaced.block_number, replaced.tx_hash), (Some(70), Some([9; 32])));
    // What takes the root back takes its guarantee with it.
    let undone = store.undo_final(run.id).await.unwrap();
    assert_eq!(
        (undone.status, undone.hard_since, undone.hard_attempts),
        (RunStatus::Submitting, None, 3)
    );
    assert_eq!(store.submission(ids[0]).await.unwrap().unwrap().hard_since, None);
    assert!(store.mark_hard(run.id, None, 80, false).await.is_err());
    assert!(store.undo_hard(run.id).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_its_proof_registers_is_hard_at_once() {
    let store = empty_store().await;
    queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    store.settle(run.id, &statement(&run)).await.unwrap();
    store.seal(run.id, b"a wrapped proof").await.unwrap();
    store.mark_submitted(run.id, None).await.unwrap();
    let done = store.mark_final_and_hard(run.id, Some([5; 32]), 42).await.unwrap();
    assert_eq!(
        (done.status, done.block_number, done.hard_since),
        (RunStatus::Final, Some(42), Some(42))
    );
    assert_eq!((done.tx_hash, done.hard_tx_hash), (Some([5; 32]), Some([5; 32])));
    assert_eq!(store.soft_runs(&DEPLOYMENT, 9).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_final_proof_is_made_again() {
    let store = empty_store().await;
    queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    store.settle(run.id, &statement(&run)).await.unwrap();
    store.seal(run.id, b"seal").await.unwrap();
    let again = store.prove_again(run.id).await.unwrap();
    assert_eq!((again.status, again.statement, again.seal), (RunStatus::Proving, None, None));
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Proving]));
    finish(&store, &run, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_seal_is_replaced_without_proving() {
    let store = empty_store().await;
    queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    store.settle(run.id, &statement(&run)).await.unwrap();
    store.seal(run.id, b"of a past epoch").await.unwrap();
    let again = store.seal_again(run.id).await.unwrap();
    assert_eq!((again.status, again.seal), (RunStatus::Attesting, None));
    assert_eq!(again.statement, Some(statement(&run)));
    assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Aggregated]));
    store.seal(run.id, b"fresh").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_given_up_leaves_no_proof_in_between() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 3).await;
    for settled in [false, true] {
        let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
        if settled {
            store.settle(run.id, &statement(&run)).await.unwrap();
        }
        let failed = store
            .fail_run(run.id, "AGG-001", "prover away", ProofsOfFailedRun::Requeue)
            .await
            .unwrap();
        assert_eq!((failed.status, failed.code.as_deref()), (RunStatus::Failed, Some("AGG-001")));
        assert_eq!(statuses(&store, run.id).await, HashSet::from([ProofStatus::Queued]));
        assert_eq!(store.run_of_proof(ids[0]).await.unwrap(), None);
    }
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    assert_eq!(ids_of_run(&store, run.id).await, ids, "they are in a new run, in order");
    store.fail_run(run.id, "AGG-002", "hopeless", ProofsOfFailedRun::Fail).await.unwrap();
    let proof = store.proof(ids[0]).await.unwrap().unwrap();
    assert_eq!((proof.status, proof.code.as_deref()), (ProofStatus::Failed, Some("AGG-002")));
    assert_eq!(store.open_run(&DEPLOYMENT, 10).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_out_of_order_are_refused_and_change_nothing() {
    let store = empty_store().await;
    queued(&store, 0, 2).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let is_refused = |result: Result<_, StoreError>| {
        matches!(result.map(|_: collimate_store::Run| ()), Err(StoreError::WrongStatus { .. }))
    };
    assert!(is_refused(store.seal(run.id, b"early").await));
    assert!(is_refused(store.mark_submitted(run.id, None).await));
    assert!(is_refused(store.mark_final(run.id, None, 1).await));
    assert!(is_refused(store.undo_final(run.id).await));
    assert!(is_refused(store.prove_again(run.id).await));
    assert_eq!(store.run(run.id).await.unwrap().unwrap(), run);

    finish(&store, &run, 7).await;
    assert!(is_refused(store.settle(run.id, &statement(&run)).await));
    assert!(is_refused(store.fail_run(run.id, "X-1", "x", ProofsOfFailedRun::Requeue).await));
    let unknown = store.seal(999, b"").await.unwrap_err();
    assert_eq!(unknown.code(), "STO-003");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_settle_at_once_one_is_refused() {
    let store = empty_store().await;
    queued(&store, 0, 8).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let statement = statement(&run);
    let (a, b) = tokio::join!(store.settle(run.id, &statement), store.settle(run.id, &statement));
    assert_eq!([&a, &b].iter().filter(|result| result.is_ok()).count(), 1, "{a:?} {b:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_stays_finished() {
    let store = empty_store().await;
    queued(&store, 0, 1).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let new =
        NewJob { id: [1; 32], run_id: run.id, program: "user_proof_aggregator".into(), inputs: 4 };
    assert_eq!(store.want_job(&new).await.unwrap().status, JobStatus::Wanted);
    assert_eq!(store.start_job(&new.id).await.unwrap().attempts, 1);
    // The process was killed, and the graph is walked again.
    assert_eq!(store.want_job(&new).await.unwrap().status, JobStatus::Proving);
    assert_eq!(store.start_job(&new.id).await.unwrap().attempts, 2);
    let failed = store.fail_job(&new.id, "PRV-004", "out of memory").await.unwrap();
    assert_eq!((failed.status, failed.code.as_deref()), (JobStatus::Failed, Some("PRV-004")));
    assert_eq!(store.start_job(&new.id).await.unwrap().code, None);
    let done = store.finish_job(&new.id, Duration::from_millis(1500)).await.unwrap();
    assert_eq!((done.status, done.duration), (JobStatus::Done, Some(Duration::from_millis(1500))));

    assert_eq!(store.want_job(&new).await.unwrap().status, JobStatus::Done);
    assert_eq!(store.start_job(&new.id).await.unwrap_err().code(), "STO-004");
    assert_eq!(store.fail_job(&new.id, "X-1", "x").await.unwrap_err().code(), "STO-004");
    let again = store.finish_job(&new.id, Duration::ZERO).await.unwrap();
    assert_eq!(again, done, "done is done, with the time it took");

    // Its output is damaged: it is wanted again.
    let wanted = store.forget_job_output(&new.id).await.unwrap();
    assert_eq!((wanted.status, wanted.duration), (JobStatus::Wanted, None));
    // The output is there after all: a crash came between storing it and saying so.
    store.finish_job(&new.id, Duration::ZERO).await.unwrap();
    assert_eq!(store.jobs_of_run(run.id).await.unwrap().len(), 1);
    assert_eq!(store.start_job(&[2; 32]).await.unwrap_err().code(), "STO-003");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_were_aggregated_are_known_as_such() {
    let store = empty_store().await;
    let ids = queued(&store, 0, 3).await;
    let run = store.open_run(&DEPLOYMENT, 2).await.unwrap().unwrap();
    assert_eq!(store.aggregated_proofs(9).await.unwrap(), vec![], "being proven is not enough");
    store.settle(run.id, &statement(&run)).await.unwrap();
    let known = store.aggregated_proofs(9).await.unwrap();
    assert_eq!(known.iter().map(|proof| proof.id).collect::<Vec<_>>(), ids[..2]);
    assert_eq!(store.aggregated_proofs(1).await.unwrap().len(), 1);
    store.prove_again(run.id).await.unwrap();
    assert_eq!(store.aggregated_proofs(9).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_object_store_is_noted_once() {
    let store = empty_store().await;
    assert_eq!(store.object_store_name().await.unwrap(), None);
    assert_eq!(store.note_object_store("first").await.unwrap(), "first");
    assert_eq!(store.note_object_store("second").await.unwrap(), "first");
    assert_eq!(store.object_store_name().await.unwrap().as_deref(), Some("first"));
}
