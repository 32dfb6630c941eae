//! Batches without a batcher, on the real contracts: stored, paid for, answered, checked and reclaimed.

use std::time::Duration;

use alloy::primitives::{U256, aliases::U96};
use collimate_batch::Pointer;
use collimate_objects::{Key, Objects};
use collimate_sdk::{
    DirectBatch, FastError, GatewaySettings, SdkError, SignatureAggregator,
    fast::{TaskStatus, Url, Wei},
};

use super::{described, sample};
use crate::fast_network::{ALICE, FEE_LIMIT, FastNetwork, RESPONSE_BLOCKS, account, signer};

const LIMIT: Duration = Duration::from_secs(30);

async fn stored(network: &FastNetwork, batch: &DirectBatch) -> Pointer {
    let objects = Objects::open(&network.store()).unwrap();
    let manifest = batch.store(&objects, &mut |_, _| ()).await.unwrap();
    Pointer::new(manifest, network.client().data_services().unwrap()).unwrap()
}

#[tokio::test]
async fn a_batch_of_ones_own_is_stored_paid_for_verified_and_the_rest_reclaimed() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let alice = account(ALICE);
    let names = ["fibonacci", "sha256_preimage", "merkle_membership"];
    let batch = DirectBatch::new(names.map(|name| sample(name, alice)).to_vec()).unwrap();
    let (mut told, objects) = (vec![], Objects::open(&network.store()).unwrap());
    let manifest = batch.store(&objects, &mut |done, of| told.push((done, of))).await.unwrap();
    assert_eq!((told.first(), told.last()), (Some(&(0, 7)), Some(&(7, 7))));
    assert_eq!(batch.store(&objects, &mut |_, _| ()).await.unwrap(), manifest, "again");
    let pointer = Pointer::new(manifest, client.data_services().unwrap()).unwrap();
    batch.check_mirrors(&pointer, LIMIT).await.unwrap();

    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    let task = payer.create_task(&batch, &pointer, FEE_LIMIT).await.unwrap();
    assert_eq!((task.sender, task.batch_root), (alice, batch.root()));
    assert_eq!(task.fee_limit_wei, Wei(FEE_LIMIT));
    let contracts = client.fast_contracts().await.unwrap();
    assert_eq!(contracts.task_status(task.task_id).await.unwrap().0, TaskStatus::Open);
    let bundles = batch.bundles(&task).unwrap();
    for bundle in &bundles {
        let error = contracts.verify(bundle).await.unwrap_err();
        assert!(matches!(error, SdkError::Fast(FastError::NotVerified { .. })), "{error}");
    }
    let open = payer.reclaim(&task).await.unwrap_err();
    assert_eq!(open.code(), "SDK-053", "{open}");

    let systems = U96::from(batch.manifest().proving_systems());
    network.answer(&task.to_contract(), systems, &[0, 1, 3]).await;
    contracts.wait_task(task.task_id, LIMIT).await.unwrap();
    for bundle in &bundles {
        let block = contracts.wait_verified(bundle, 1, LIMIT).await.unwrap();
        assert_eq!(Some(block), contracts.verified_in(batch.root(), alice).await.unwrap());
    }
    // Whoever alters a bundle so that it is consistent names a batch that nobody verified.
    let mut forged = bundles[0].clone();
    forged.path.clear();
    forged.public_inputs = vec![1, 2, 3].into();
    let claim = DirectBatch::new(vec![described(9)]).unwrap();
    let other = claim.bundles(&{
        let mut task = task.clone();
        task.batch_root = claim.root();
        task
    });
    let error = contracts.verify(&other.unwrap()[0]).await.unwrap_err();
    assert_eq!(error.code(), "SDK-057", "{error}");
    assert_eq!(contracts.verify(&forged).await.unwrap_err().code(), "SDK-055");
    // By another sender the same batch is another one.
    let mut elsewhere = bundles[0].clone();
    elsewhere.sender = account(1);
    assert_eq!(contracts.verify(&elsewhere).await.unwrap_err().code(), "SDK-057");
    let mut chain = bundles[0].clone();
    chain.chain_id = 1;
    assert_eq!(contracts.verify(&chain).await.unwrap_err().code(), "SDK-056");

    // A verification counts once it has its confirmations.
    let block = contracts.verified_in(batch.root(), alice).await.unwrap().unwrap();
    let early = contracts.wait_verified(&bundles[0], 1_000, Duration::ZERO).await.unwrap_err();
    assert_eq!(early.code(), "SDK-057");
    network.mine(2).await;
    assert_eq!(contracts.wait_verified(&bundles[0], 3, LIMIT).await.unwrap(), block);

    let found = contracts.tasks_of(batch.root(), alice, 0).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&task), "the chain has what the file had");
    assert!(contracts.tasks_of(batch.root(), account(1), 0).await.unwrap().is_empty());
    let (_, unspent) = contracts.task_status(task.task_id).await.unwrap();
    let reclaimed = payer.reclaim(&found[0]).await.unwrap();
    assert!(reclaimed.verified && reclaimed.amount_wei.0 > 0 && reclaimed.amount_wei.0 < FEE_LIMIT);
    assert_eq!(U256::from(reclaimed.amount_wei.0), unspent);
    assert_eq!(payer.reclaim(&task).await.unwrap_err().code(), "SDK-053");
    payer.stop().await;
    let stranger = client.fast_payer(signer(1), &network.journal(1)).await.unwrap();
    assert_eq!(stranger.reclaim(&task).await.unwrap_err().code(), "SDK-053");
}

#[tokio::test]
async fn a_task_that_nobody_answers_expires_and_gives_everything_back() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let batch = DirectBatch::new(vec![described(1)]).unwrap();
    let pointer = stored(&network, &batch).await;
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    let task = payer.create_task(&batch, &pointer, FEE_LIMIT).await.unwrap();
    let contracts = client.fast_contracts().await.unwrap();
    let early = contracts.wait_task(task.task_id, Duration::ZERO).await.unwrap_err();
    assert_eq!(early.code(), "SDK-062", "{early}");
    network.mine(u64::from(RESPONSE_BLOCKS) + 1).await;
    let expired = contracts.wait_task(task.task_id, LIMIT).await.unwrap_err();
    assert_eq!(expired.code(), "SDK-061", "{expired}");
    let bundle = &batch.bundles(&task).unwrap()[0];
    let error = contracts.wait_verified(bundle, 1, LIMIT).await.unwrap_err();
    assert_eq!(error.code(), "SDK-061", "it need not be waited for: {error}");
    let reclaimed = payer.reclaim(&task).await.unwrap();
    assert_eq!((reclaimed.verified, reclaimed.amount_wei), (false, Wei(FEE_LIMIT)));
    let unknown = contracts.task_status(batch.root()).await.unwrap_err();
    assert_eq!(unknown.code(), "SDK-060");
    payer.stop().await;
}

#[tokio::test]
async fn a_task_survives_an_interruption_and_is_created_once() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let batch = DirectBatch::new(vec![described(1)]).unwrap();
    let pointer = stored(&network, &batch).await;
    let set = |method: &'static str, value: bool| {
        use alloy::providers::Provider;
        network.provider.raw_request::<_, serde_json::Value>(method.into(), (value,))
    };
    set("evm_setAutomine", false).await.unwrap();
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    let creation = payer.create_task(&batch, &pointer, FEE_LIMIT);
    assert!(tokio::time::timeout(Duration::from_secs(3), creation).await.is_err(), "not mined");
    payer.stop().await;
    drop(payer);
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    set("evm_setAutomine", true).await.unwrap();
    network.mine(1).await;
    let task = payer.create_task(&batch, &pointer, FEE_LIMIT).await.unwrap();
    let contracts = client.fast_contracts().await.unwrap();
    assert_eq!(contracts.tasks_of(batch.root(), account(ALICE), 0).await.unwrap(), [task]);
    payer.stop().await;
}

#[tokio::test]
async fn mirrors_that_do_not_serve_the_batch_are_found_before_anything_is_paid() {
    let network = FastNetwork::start().await;
    let batch = DirectBatch::new(vec![described(1), described(2)]).unwrap();
    let pointer = stored(&network, &batch).await;
    batch.check_mirrors(&pointer, LIMIT).await.unwrap();
    let code = async |pointer: &Pointer| {
        let error = batch.check_mirrors(pointer, Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, FastError::NotServed { .. }), "{error}");
        error.to_string()
    };
    // A mirror that is away, beside one that is not.
    let dead: Url = "http://127.0.0.1:9".parse().unwrap();
    let both = vec![pointer.mirrors()[0].clone(), dead];
    let text = code(&Pointer::new(*pointer.manifest(), both).unwrap()).await;
    assert!(text.contains("127.0.0.1:9"), "{text}");
    // Another batch's manifest, a file that is gone, and one that is damaged.
    let other = DirectBatch::new(vec![described(3)]).unwrap();
    let others = stored(&network, &other).await;
    assert!(code(&others).await.contains("BAT-004"));
    let file = |key: &Key| std::path::PathBuf::from(network.store()).join(format!("objects/{key}"));
    let part = batch.manifest().items().next().unwrap().proof.key();
    let bytes = std::fs::read(file(&part)).unwrap();
    std::fs::write(file(&part), b"other bytes").unwrap();
    assert!(code(&pointer).await.contains("BAT-006"));
    std::fs::remove_file(file(&part)).unwrap();
    assert!(code(&pointer).await.contains("BAT-006"));
    std::fs::write(file(&part), bytes).unwrap();
    batch.check_mirrors(&pointer, LIMIT).await.unwrap();
}

#[tokio::test]
async fn anyone_responds_with_what_a_real_aggregator_gives_away() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let aggregator_url = network.start_aggregator().await;
    let settings = GatewaySettings { patience: Duration::ZERO, ..GatewaySettings::default() };
    let aggregator = SignatureAggregator::new(&aggregator_url, &settings).unwrap();
    let batch = DirectBatch::new(vec![sample("fibonacci", account(ALICE))]).unwrap();
    let pointer = stored(&network, &batch).await;
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    // It pays nothing for its response, so the aggregator does not send it.
    let task = payer.create_task(&batch, &pointer, 0).await.unwrap();
    let none = aggregator.response(batch.root()).await.unwrap_err();
    assert_eq!(none.code(), "SDK-063", "no such task: {none}");
    let systems = U96::from(batch.manifest().proving_systems());
    network.send_signatures(&aggregator_url, &task.to_contract(), systems, &[0, 1]).await;
    let few = aggregator.response(task.task_id).await.unwrap_err();
    assert!(matches!(few, FastError::NoResponse { .. }) && few.is_retryable(), "{few}");
    assert!(few.to_string().contains("2000000 wei of stake"), "{few}");
    network.send_signatures(&aggregator_url, &task.to_contract(), systems, &[3]).await;
    let response = aggregator.response(task.task_id).await.unwrap();
    assert_eq!((response.task_id(), response.absent()), (task.task_id, &[2][..]));
    assert_eq!(response.systems(), systems);

    let responded = payer.respond(&response, None).await.unwrap();
    assert_eq!((responded.task_id, responded.fee_wei), (task.task_id, Wei(0)));
    let contracts = client.fast_contracts().await.unwrap();
    contracts.verify(&batch.bundles(&task).unwrap()[0]).await.unwrap();
    let again = payer.respond(&response, None).await.unwrap_err();
    assert_eq!(again.code(), "CHN-030", "nothing is sent twice: {again}");
    assert!(again.to_string().contains("TaskNotOpen"), "{again}");
    payer.stop().await;
}

#[tokio::test]
async fn a_response_is_paid_and_has_the_gas_for_its_own_payment() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let batch = DirectBatch::new(vec![described(1)]).unwrap();
    let pointer = stored(&network, &batch).await;
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
    let task = payer.create_task(&batch, &pointer, FEE_LIMIT).await.unwrap();
    payer.stop().await;
    // An aggregator whose account is empty: somebody else has to send.
    let aggregator_url = network.start_aggregator().await;
    use alloy::providers::ext::AnvilApi;
    let broke = account(crate::fast_network::AGGREGATOR);
    network.provider.anvil_set_balance(broke, U256::ZERO).await.unwrap();
    let systems = U96::from(batch.manifest().proving_systems());
    network.send_signatures(&aggregator_url, &task.to_contract(), systems, &[0, 1, 2, 3]).await;
    let aggregator =
        SignatureAggregator::new(&aggregator_url, &GatewaySettings::default()).unwrap();
    let response = aggregator.response(task.task_id).await.unwrap();
    assert!(response.absent().is_empty());
    let friend = client.fast_payer(signer(5), &network.journal(5)).await.unwrap();
    let responded = friend.respond(&response, None).await.unwrap();
    assert!(responded.fee_wei.0 > 0, "the task paid for it");
    friend.stop().await;
}

#[tokio::test]
async fn an_aggregator_that_lies_is_not_believed() {
    use crate::fake_gateway::{Answer, FakeGateway};
    use alloy::sol_types::SolCall;
    use collimate_contracts::{AlignedLayerServiceManager::respondToTaskV2Call, fast_mode};

    let task = fast_mode::Task {
        batchMerkleRoot: [1; 32].into(),
        senderAddress: account(1),
        taskCreatedBlock: 5,
        batchDataPointerHash: [2; 32].into(),
        respondToTaskFeeLimit: U256::from(3),
    };
    let id = fast_mode::task_id(&task);
    let signature = network_free_signature();
    let call = |task: fast_mode::Task| respondToTaskV2Call {
        task,
        provingSystems: U96::from(1),
        signature: signature.into(),
        absent: vec![2],
    };
    let view = |id: alloy::primitives::B256, response: Vec<u8>| {
        Answer::json(&serde_json::json!({
            "taskId": id, "status": "open", "totalStake": "0x4", "neededStake": "0x3",
            "answers": [{"provingSystems": "0x1", "signedStake": "0x3", "signatures": []}],
            "response": alloy::hex::encode_prefixed(response),
        }))
    };
    let other = fast_mode::Task { taskCreatedBlock: 6, ..task.clone() };
    let honest = call(task.clone()).abi_encode();
    let mut cut = honest.clone();
    cut.truncate(100);
    let cases = [
        (view(id, honest.clone()), None),
        (view(fast_mode::task_id(&other), honest.clone()), Some("another task")),
        (view(id, call(other).abi_encode()), Some("another task")),
        (view(id, cut), Some("no call of respondToTaskV2")),
        (view(id, vec![1, 2, 3]), Some("no call of respondToTaskV2")),
    ];
    for (answer, lie) in cases {
        let fake = FakeGateway::start().await;
        fake.always(&format!("/v1/tasks/{id}/signatures"), answer);
        let aggregator = SignatureAggregator::new(&fake.url, &GatewaySettings::default()).unwrap();
        match (aggregator.response(id).await, lie) {
            (Ok(response), None) => assert_eq!(response.call().to_vec(), honest),
            (Err(error), Some(lie)) => {
                assert_eq!(error.code(), "SDK-063", "{error}");
                assert!(error.to_string().contains(lie), "{error}");
            }
            (found, lie) => panic!("{found:?}, expected {lie:?}"),
        }
    }
}

/// Any point of the group.
fn network_free_signature() -> collimate_contracts::G1Point {
    let key = collimate_attestation::SecretKey::from_seed(&[1; 32]).unwrap();
    key.sign([9; 32].into()).to_point()
}
