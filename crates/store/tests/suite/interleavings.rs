//! Property: whatever order the operations come in, from however many tasks, the rules of the schema hold and
//! nothing accepted is lost.

use std::collections::HashMap;

use crate::support::{DEPLOYMENT, block_on, empty_store, proof, statement};
use collimate_store::{
    Proof, ProofId, ProofStatus, ProofsOfFailedRun, Run, RunStatus, Store, StoreError,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Insert(u32),
    Verify(u32),
    Queue(u32),
    Reject(u32),
    OpenRun(u32),
    Quarantine(u32, u32),
    Settle(u32),
    Seal(u32),
    SealAgain(u32),
    ProveAgain(u32),
    Submitted(u32),
    Final(u32),
    UndoSubmitted(u32),
    UndoFinal(u32),
    Hard(u32),
    UndoHard(u32),
    FailRun(u32, bool),
}

const PROOFS: u32 = 12;

fn op() -> impl Strategy<Value = Op> {
    let proof = 0..PROOFS;
    let run = 1..5_u32;
    prop_oneof![
        4 => proof.clone().prop_map(Op::Insert),
        4 => proof.clone().prop_map(Op::Verify),
        4 => proof.clone().prop_map(Op::Queue),
        1 => proof.clone().prop_map(Op::Reject),
        4 => (1..6_u32).prop_map(Op::OpenRun),
        2 => (run.clone(), proof).prop_map(|(run, proof)| Op::Quarantine(run, proof)),
        3 => run.clone().prop_map(Op::Settle),
        3 => run.clone().prop_map(Op::Seal),
        1 => run.clone().prop_map(Op::SealAgain),
        1 => run.clone().prop_map(Op::ProveAgain),
        3 => run.clone().prop_map(Op::Submitted),
        3 => run.clone().prop_map(Op::Final),
        1 => run.clone().prop_map(Op::UndoSubmitted),
        1 => run.clone().prop_map(Op::UndoFinal),
        3 => run.clone().prop_map(Op::Hard),
        1 => run.clone().prop_map(Op::UndoHard),
        1 => (run, any::<bool>()).prop_map(|(run, requeue)| Op::FailRun(run, requeue)),
    ]
}

async fn id_of(store: &Store, n: u32) -> ProofId {
    // Submitting again is how an owner finds an id.
    store.insert_proof(&proof(n)).await.unwrap().id
}

async fn apply(store: &Store, op: &Op) -> Result<(), StoreError> {
    let run_id = |run: &u32| i64::from(*run);
    match op {
        Op::Insert(n) => store.insert_proof(&proof(*n)).await.map(drop),
        Op::Verify(n) => store.mark_verified(id_of(store, *n).await).await,
        Op::Queue(n) => store.queue(id_of(store, *n).await).await,
        Op::Reject(n) => store.reject(id_of(store, *n).await, "VER-001", "bad").await,
        Op::OpenRun(max) => store.open_run(&DEPLOYMENT, *max).await.map(drop),
        Op::Quarantine(run, n) => {
            let id = id_of(store, *n).await;
            store.quarantine(run_id(run), id, "AGG-001", "bad").await.map(drop)
        }
        Op::Settle(run) => match store.run(run_id(run)).await? {
            Some(run) => store.settle(run.id, &statement(&run)).await.map(drop),
            None => Ok(()),
        },
        Op::Seal(run) => store.seal(run_id(run), b"seal").await.map(drop),
        Op::SealAgain(run) => store.seal_again(run_id(run)).await.map(drop),
        Op::ProveAgain(run) => store.prove_again(run_id(run)).await.map(drop),
        Op::Submitted(run) => store.mark_submitted(run_id(run), Some([1; 32])).await.map(drop),
        Op::Final(run) => store.mark_final(run_id(run), Some([1; 32]), 9).await.map(drop),
        Op::UndoSubmitted(run) => store.undo_submitted(run_id(run)).await.map(drop),
        Op::UndoFinal(run) => store.undo_final(run_id(run)).await.map(drop),
        Op::Hard(run) => store.mark_hard(run_id(run), Some([2; 32]), 11, false).await.map(drop),
        Op::UndoHard(run) => store.undo_hard(run_id(run)).await.map(drop),
        Op::FailRun(run, requeue) => {
            let proofs = match requeue {
                true => ProofsOfFailedRun::Requeue,
                false => ProofsOfFailedRun::Fail,
            };
            store.fail_run(run_id(run), "AGG-002", "given up", proofs).await.map(drop)
        }
    }
}

/// An operation may come too early or too late. It may never contradict the schema, deadlock, or break the database.
fn is_expected(error: &StoreError) -> bool {
    match error {
        StoreError::NotFound { .. } | StoreError::WrongStatus { .. } => true,
        // A run that lost a proof between reading it and settling it.
        StoreError::Inconsistent(text) => text.contains("its statement covers"),
        _ => false,
    }
}

fn status_within(run: RunStatus) -> Option<ProofStatus> {
    match run {
        RunStatus::Proving => Some(ProofStatus::Proving),
        RunStatus::Attesting | RunStatus::Submitting => Some(ProofStatus::Aggregated),
        RunStatus::Confirming => Some(ProofStatus::Submitted),
        RunStatus::Final => Some(ProofStatus::Final),
        RunStatus::Failed => None,
    }
}

async fn assert_rules_hold(store: &Store) {
    let proofs: HashMap<ProofId, Proof> = store
        .proofs_page(None, None, 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|proof| (proof.id, proof))
        .collect();
    let mut in_runs: HashMap<ProofId, i64> = HashMap::new();
    for run in store.runs_page(None, 1000).await.unwrap() {
        let members = store.proofs_of_run(run.id).await.unwrap();
        if let Some(status) = status_within(run.status) {
            assert_eq!(members.len(), run.leaf_count as usize, "{run:?}");
            for (position, member) in members.iter().enumerate() {
                assert_eq!(member.status, status, "{run:?}");
                let place = store.run_of_proof(member.id).await.unwrap();
                assert_eq!(place, Some((run.id, u32::try_from(position).unwrap())), "dense");
                assert_eq!(in_runs.insert(member.id, run.id), None, "in one live run");
            }
        }
        assert!(run.hard_since.is_none() || run.status == RunStatus::Final, "{run:?}");
        let history = store.run_events(run.id).await.unwrap();
        assert_eq!(history.last().unwrap().status, run.status);
        for pair in history.windows(2) {
            assert!(pair[0].status.may_become(pair[1].status), "{pair:?}");
        }
    }
    for proof in proofs.values() {
        use ProofStatus::{Aggregated, Failed, Final, Proving, Rejected, Submitted};
        let is_held = matches!(proof.status, Proving | Aggregated | Submitted | Final);
        assert_eq!(is_held, in_runs.contains_key(&proof.id), "no limbo: {proof:?}");
        let is_bad = matches!(proof.status, Rejected | Failed);
        assert_eq!(is_bad, proof.code.is_some() && proof.reason.is_some(), "{proof:?}");
        let history = store.proof_events(proof.id).await.unwrap();
        assert_eq!(history.last().unwrap().status, proof.status);
        for pair in history.windows(2) {
            assert!(pair[0].status.may_become(pair[1].status), "{pair:?}");
        }
    }
}

/// From any state, ordinary operation brings everything accepted to its end.
async fn drain(store: &Store) {
    async fn advance(store: &Store, run: &Run) {
        match run.status {
            RunStatus::Proving => drop(store.settle(run.id, &statement(run)).await.unwrap()),
            RunStatus::Attesting => drop(store.seal(run.id, b"seal").await.unwrap()),
            RunStatus::Submitting => drop(store.mark_submitted(run.id, None).await.unwrap()),
            RunStatus::Confirming => drop(store.mark_final(run.id, None, 10).await.unwrap()),
            RunStatus::Final | RunStatus::Failed => panic!("live_runs gave a finished run"),
        }
    }
    loop {
        if let Some(run) = store.live_runs(&DEPLOYMENT, 1).await.unwrap().pop() {
            advance(store, &run).await;
        } else if store.open_run(&DEPLOYMENT, 5).await.unwrap().is_none() {
            break;
        }
    }
    for proof in store.proofs_page(None, None, 1000).await.unwrap() {
        let waits_at_the_door =
            matches!(proof.status, ProofStatus::Received | ProofStatus::Verified);
        assert!(waits_at_the_door || proof.status.is_end(), "{proof:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn one_after_the_other(ops in prop::collection::vec(op(), 1..120)) {
        block_on(async {
            let store = empty_store().await;
            for op in &ops {
                if let Err(error) = apply(&store, op).await {
                    assert!(is_expected(&error), "{op:?}: {error}");
                }
            }
            assert_rules_hold(&store).await;
            drain(&store).await;
            assert_rules_hold(&store).await;
            store.close().await;
        });
    }

    #[test]
    fn at_the_same_time(tasks in prop::collection::vec(prop::collection::vec(op(), 1..60), 2..5)) {
        block_on(async {
            let store = empty_store().await;
            let tasks: Vec<_> = tasks
                .into_iter()
                .map(|ops| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        for op in &ops {
                            if let Err(error) = apply(&store, op).await {
                                assert!(is_expected(&error), "{op:?}: {error}");
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_rules_hold(&store).await;
            drain(&store).await;
            assert_rules_hold(&store).await;
            store.close().await;
        });
    }
}
