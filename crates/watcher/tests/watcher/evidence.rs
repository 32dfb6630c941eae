//! Evidence that somebody altered or made up.

use alloy::primitives::{Address, B256, Bytes, U256, aliases::U96};
use collimate_chain::anvil::{Anvil, AnvilOptions};
use collimate_evidence::{Evidence, EvidenceError, check, check_on_chain, place_of};

use crate::{
    services::start,
    support::samples::Sample,
    world::{Batch, World, leaves, sample},
};

/// Evidence about a batch's leaf, as somebody would make it up.
fn about(real: &Evidence, batch: &Batch, leaf: u32, sample: &Sample) -> Evidence {
    let (group, index) = place_of(&batch.manifest, leaf as usize).unwrap();
    let path = batch.manifest.tree().unwrap().path(group, index).unwrap();
    Evidence {
        leaf,
        path: path.into_iter().map(B256::from).collect(),
        proof: sample.proof.clone().into(),
        public_inputs: sample.public_inputs.clone().into(),
        verification_key: Some(sample.key.clone().into()),
        ..real.clone()
    }
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[0] ^= 1;
    bytes.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_altered_has_its_code() {
    let world = World::start().await;
    let watcher = start(&world).await;
    let mut samples = leaves(3);
    samples[1] = sample("sha256_preimage").forged();
    let (batch, task) = world.verified(vec![samples.clone()]).await;
    watcher.done(task.id).await;
    let json = std::fs::read(&world.evidence()[0]).unwrap();
    let good = Evidence::from_json(&json).unwrap();
    assert_eq!(good.to_json().unwrap(), json, "one form");
    check(&good).unwrap();

    // Not a file of evidence.
    let text = String::from_utf8(json).unwrap();
    for (from, to) in [("\"version\": 1", "\"version\": 2"), ("\"leaf\"", "\"laef\""), ("{", "[")] {
        let error = Evidence::from_json(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "EVD-001", "{from}");
    }
    assert_eq!(Evidence::from_json(&text.as_bytes()[..1_000]).unwrap_err().code(), "EVD-001");
    assert_eq!(Evidence::from_json(&vec![b' '; 33 << 20]).unwrap_err().code(), "EVD-001");

    // What anybody notices without a node.
    type Alter = fn(&mut Evidence);
    let offline: [(&str, Alter); 17] = [
        ("EVD-002", |e| e.task_id = B256::repeat_byte(1)),
        ("EVD-002", |e| e.task.batch_merkle_root = B256::repeat_byte(1)),
        ("EVD-002", |e| e.task.sender_address = Address::repeat_byte(1)),
        ("EVD-002", |e| e.task.task_created_block += 1),
        ("EVD-002", |e| e.task.batch_data_pointer.push('x')),
        ("EVD-002", |e| e.task.respond_to_task_fee_limit += U256::from(1)),
        ("EVD-003", |e| e.manifest = flipped(&e.manifest)),
        ("EVD-003", |e| e.manifest = Bytes::new()),
        ("EVD-005", |e| e.leaf = 3),
        ("EVD-006", |e| e.leaf = 0),
        ("EVD-006", |e| e.path[0] = B256::repeat_byte(1)),
        ("EVD-006", |e| e.path.truncate(1)),
        ("EVD-007", |e| e.proof = flipped(&e.proof)),
        ("EVD-007", |e| e.public_inputs = flipped(&e.public_inputs)),
        ("EVD-007", |e| e.verification_key = e.verification_key.as_ref().map(flipped)),
        ("EVD-008", |e| e.verification_key = None),
        ("EVD-012", |e| e.refusal = "VER-001".to_owned()),
    ];
    for (number, (code, alter)) in offline.into_iter().enumerate() {
        let mut altered = good.clone();
        alter(&mut altered);
        let error = check(&altered).unwrap_err();
        assert_eq!(error.code(), code, "alteration {number}: {error}");
        assert!(error.denies());
    }

    // What the chain alone knows.
    let on_chain: [(&str, Alter); 13] = [
        ("EVD-013", |e| e.chain_id = 1),
        ("EVD-013", |e| e.service_manager = Address::repeat_byte(1)),
        ("EVD-014", |e| e.answer.proving_systems = U96::from(3)),
        ("EVD-014", |e| e.answer.responder = Address::repeat_byte(1)),
        ("EVD-014", |e| e.answer.fee += U256::from(1)),
        ("EVD-016", |e| e.answer.transaction = B256::repeat_byte(1)),
        ("EVD-014", |e| e.answer.block_number += 1),
        ("EVD-014", |e| e.answer.block_hash = B256::repeat_byte(1)),
        ("EVD-014", |e| e.answer.log_index += 1),
        ("EVD-014", |e| e.answer.response = None),
        ("EVD-014", |e| e.answer.response.as_mut().unwrap().absent.push(2)),
        ("EVD-014", |e| e.answer.response.as_mut().unwrap().signature.0[5] ^= 1),
        // A task that nobody signed for: the offline check holds, as anybody can make up such a task.
        ("EVD-014", |e| {
            e.task.respond_to_task_fee_limit += U256::from(1);
            e.task_id = e.task.id();
        }),
    ];
    for (number, (code, alter)) in on_chain.into_iter().enumerate() {
        let mut altered = good.clone();
        alter(&mut altered);
        check(&altered).unwrap();
        let node = world.node.clone();
        let error = check_on_chain(&altered, node, world.manager).await.unwrap_err();
        assert_eq!(error.code(), code, "alteration {number}: {error}");
    }
    check_on_chain(&good, world.node.clone(), world.manager).await.unwrap();

    // An honest proof of the same batch.
    let honest = about(&good, &batch, 0, &samples[0]);
    assert!(matches!(check(&honest).unwrap_err(), EvidenceError::Holds));
    // A contract that the reader trusts, and the file's author does not name; and one that is none.
    let other = Address::repeat_byte(9);
    let error = check_on_chain(&good, world.node.clone(), other).await.unwrap_err();
    assert_eq!(error.code(), "EVD-013");
    // Another chain, on which nobody deployed anything.
    let empty = Anvil::start(AnvilOptions::default()).await.unwrap();
    let node = collimate_chain::provider::connect(&empty.url(), Default::default()).unwrap();
    let error = check_on_chain(&good, node, world.manager).await.unwrap_err();
    assert!(error.code() == "TSK-001" && !error.denies(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_about_an_answer_that_a_reorganisation_took_away_does_not_hold_on_chain() {
    let mut world = World::start().await;
    let watcher = start(&world).await;
    let (_, task) = world.verified(vec![vec![sample("fibonacci").forged()]]).await;
    watcher.done(task.id).await;
    let json = std::fs::read(&world.evidence()[0]).unwrap();
    let evidence = Evidence::from_json(&json).unwrap();
    world.reorganise(1).await;
    let error = check_on_chain(&evidence, world.node.clone(), world.manager).await.unwrap_err();
    assert!(["EVD-015", "EVD-016"].contains(&error.code()), "{error}");
    // The task is open again; answered again, it is another transaction's word.
    world.sign(&crate::world::announced(&evidence), evidence.answer.proving_systems).await;
    let error = check_on_chain(&evidence, world.node.clone(), world.manager).await.unwrap_err();
    assert!(["EVD-014", "EVD-016"].contains(&error.code()), "{error}");
}
