//! The way through a batcher, with the real contracts: what the client signs is charged, what the batcher says is checked, and the chain
//! has the last word. The batcher itself is a fake, whose part of the chain the tests play.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{B256, aliases::U96};
use collimate_api::fast::{
    BatcherProblem, BatcherProblemCode, GroupAnswer, GroupStatus, Wei, group,
};
use collimate_contracts::fast_mode::{Authorization, Task};
use collimate_sdk::{
    Client, ExpectedBatcher, FastError, FastProof, GatewaySettings, ProofGroup, SdkError,
    SignedGroup,
    fast::{KeptGroups, Submission, UploadProgress},
};

use super::{
    bundles::{Batch, batch_of},
    described,
    fake_batcher::{FakeBatcher, GROUPS, answer, refusal, refused},
};
use crate::{
    fake_gateway::Answer,
    fast_network::{ALICE, BATCHER, FastNetwork, RESPONSE_BLOCKS, account, on_chain, signer},
};

const LIMIT: Duration = Duration::from_secs(30);
const MAX_FEE: u128 = 3_000_000_000_000_000;
const PRICE: u128 = 1_000_000_000_000_000;

struct World {
    network: FastNetwork,
    fake: FakeBatcher,
    client: Client,
}

impl World {
    /// Alice has an account with the batcher.
    async fn start() -> Self {
        let mut network = FastNetwork::start().await;
        let expected = ExpectedBatcher::of(&network.profile).unwrap();
        let fake = FakeBatcher::of(expected, signer(BATCHER)).await;
        network.profile.fast_mode.as_mut().unwrap().batcher_url = Some(fake.server.url.clone());
        let client = network.client();
        let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();
        payer.deposit(account(BATCHER), account(ALICE), 10 * MAX_FEE).await.unwrap();
        payer.stop().await;
        fake.tell_account(account(ALICE), 0);
        Self { network, fake, client }
    }

    fn kept(&self) -> KeptGroups {
        KeptGroups::new(&self.network.folder.path().join("groups"))
    }

    async fn submit(&self, kept: Option<&KeptGroups>) -> Result<Submission, SdkError> {
        self.submit_for(MAX_FEE, kept).await
    }

    async fn submit_for(
        &self,
        max_fee: u128,
        kept: Option<&KeptGroups>,
    ) -> Result<Submission, SdkError> {
        let progress: UploadProgress = Arc::new(|_, _| ());
        let alice = signer(ALICE);
        self.client.submit_group(our_group(), max_fee, &alice, kept, &progress).await
    }

    /// What the client signs now, without sending it.
    async fn signs(&self) -> SignedGroup {
        self.client.authorize_group(our_group(), MAX_FEE, &signer(ALICE)).await.unwrap()
    }

    /// Charges groups on chain, as a batcher does, in this order.
    async fn charge(&self, root: B256, authorizations: Vec<Authorization>) -> Task {
        self.network.charge(root, PRICE, authorizations).await
    }

    async fn nonce(&self) -> u64 {
        let contracts = self.client.fast_contracts().await.unwrap();
        contracts.account(account(BATCHER), account(ALICE)).await.unwrap().nonce
    }
}

fn our_proofs() -> Vec<FastProof> {
    (0..3).map(described).collect()
}

fn our_group() -> ProofGroup {
    ProofGroup::new(our_proofs()).unwrap()
}

/// Somebody else's part of the batch: an authorisation that holds for nothing, so its user pays nothing.
fn others_authorization() -> Authorization {
    let group = ProofGroup::new((100..103).map(described).collect()).unwrap();
    Authorization {
        user: account(1),
        proofsRoot: group.root(),
        proofCount: 3,
        firstNonce: 0,
        maxFee: MAX_FEE,
        deadline: u64::MAX,
        signature: vec![0; 65].into(),
    }
}

#[tokio::test]
async fn what_is_signed_is_charged_once_and_what_is_answered_is_confirmed_by_the_chain() {
    let world = World::start().await;
    let expected = world.signs().await;
    world.fake.server.always(GROUPS, Answer::json(&world.fake.accept(&expected)));
    let Submission { signed, accepted, resumed } = world.submit(None).await.unwrap();
    assert!(!resumed);
    assert_eq!(accepted.id, signed.id());
    assert_eq!(signed.authorization().max_fee, Wei(MAX_FEE));

    // What came over the wire is what the contract takes, in a batch with others.
    let sent = world.fake.sent().remove(0);
    let batch = batch_of(our_proofs(), world.network.payments());
    let authorizations = vec![others_authorization(), on_chain(&sent)];
    let task = world.charge(batch.answer.root, authorizations).await;
    assert_eq!(world.nonce().await, 3, "three proofs took three nonces");
    assert!(world.client.is_past(&signed).await.unwrap());

    let tell = |batch: &Batch, status| {
        let told = GroupAnswer {
            batch: Some(batch.answer.clone()),
            proofs: batch.data.clone(),
            ..answer(&signed, status, 5)
        };
        world.fake.server.always(&group(&signed.id()), Answer::json(&told));
    };
    // The batcher says that it is verified; the chain does not.
    let mut honest = batch;
    honest.answer.task_id = Some(collimate_contracts::fast_mode::task_id(&task));
    tell(&honest, GroupStatus::Verified);
    let id = signed.id();
    let waited = world.client.batcher().unwrap();
    waited.wait(&id, GroupStatus::Verified, LIMIT, &mut |_| ()).await.unwrap();
    let bundles = world.client.verification_bundles(&id, &our_proofs()).await.unwrap();
    let contracts = world.client.fast_contracts().await.unwrap();
    let error = contracts.verify(&bundles[0]).await.unwrap_err();
    assert_eq!(error.code(), "SDK-057", "the batcher's word is not taken for it: {error}");

    world.network.answer(&task, U96::from(1 << 5), &[0, 1, 2]).await;
    for bundle in &bundles {
        contracts.wait_verified(bundle, 1, LIMIT).await.unwrap();
    }
    // Other proofs, or ours in another order, are not what the group was.
    let mut swapped = our_proofs();
    swapped.swap(0, 1);
    for proofs in [swapped, (4..7).map(described).collect(), our_proofs()[..2].to_vec()] {
        let error = world.client.verification_bundles(&id, &proofs).await.unwrap_err();
        assert!(matches!(error.code(), "SDK-056" | "SDK-074"), "{error}");
        assert!(error.denies());
    }
}

#[tokio::test]
async fn a_submission_that_was_interrupted_is_the_same_group_also_in_another_process() {
    let world = World::start().await;
    // The answer to the first gets lost, and so does its process.
    world.fake.server.always(GROUPS, Answer::text(200, "the connection is cut"));
    let lost = world.submit(Some(&world.kept())).await.unwrap_err();
    assert_eq!(lost.code(), "SDK-071", "{lost}");
    let first = world.fake.sent().remove(0);
    world.network.pass(5).await;
    let signed = SignedGroup::resume(
        our_group(),
        first.clone(),
        world.network.profile.chain_id,
        world.network.payments(),
    );
    world.fake.server.instead(GROUPS, Answer::json(&world.fake.accept(&signed.unwrap())));
    let again = world.submit(Some(&world.kept())).await.unwrap();
    assert!(again.resumed);
    assert_eq!(world.fake.sent(), [first.clone(), first.clone()], "nothing else was signed");
    // The same proofs, once more: still the same group.
    assert!(world.submit(Some(&world.kept())).await.unwrap().resumed);
    assert_eq!(world.fake.sent().len(), 3);
    let parties = world.client.group_parties(account(ALICE)).await.unwrap();
    world.kept().forget(&parties, &our_group()).unwrap();
    assert!(world.kept().find(&parties, &our_group()).unwrap().is_none());
}

/// What a batcher says whose next nonce is another.
fn wants_nonce(nonce: u64) -> Answer {
    let problem = BatcherProblem {
        expected_nonce: Some(nonce),
        ..BatcherProblem::new(BatcherProblemCode::WrongNonce, "another group was faster")
    };
    refused(&problem)
}

#[tokio::test]
async fn a_batcher_that_collects_signatures_gets_one() {
    let world = World::start().await;
    world.fake.tell_account(account(ALICE), 5);
    world.fake.server.always(GROUPS, wants_nonce(5));
    let error = world.submit(Some(&world.kept())).await.unwrap_err();
    assert!(
        matches!(error, SdkError::Fast(FastError::NonceTaken { signed: 0, expected: 5 })),
        "{error}"
    );
    assert_eq!(world.fake.sent().len(), 1, "nonce 0 can still be charged");
}

#[tokio::test]
async fn a_nonce_that_the_chain_is_past_is_signed_anew() {
    let world = World::start().await;
    // Another group of the account, sent by another process, is charged while this one is on its way.
    let other = ProofGroup::new(vec![described(50)]).unwrap();
    let other = world.client.authorize_group(other, MAX_FEE, &signer(ALICE)).await.unwrap();
    let root = other.group().root();
    let first = world.signs().await;
    world.kept().keep(&world.client.group_parties(account(ALICE)).await.unwrap(), &first).unwrap();
    world.charge(root, vec![on_chain(other.authorization())]).await;
    assert_eq!(world.nonce().await, 1);
    world.fake.server.always(GROUPS, wants_nonce(1));
    // Not known before: it is signed for nonce 1.
    let accepts = |signed: &SignedGroup| Answer::json(&world.fake.accept(signed));
    let next = world.signs().await;
    assert_eq!(next.authorization().first_nonce, 1);
    world.fake.server.always(GROUPS, accepts(&next));
    let sent = world.submit(Some(&world.kept())).await.unwrap();
    assert!(!sent.resumed);
    let nonces: Vec<_> = world.fake.sent().iter().map(|sent| sent.first_nonce).collect();
    assert_eq!(nonces, [0, 1]);
}

#[tokio::test]
async fn a_group_that_ended_is_signed_anew_only_at_the_same_nonce() {
    let world = World::start().await;
    let first = world.signs().await;
    let parties = world.client.group_parties(account(ALICE)).await.unwrap();
    world.kept().keep(&parties, &first).unwrap();
    // Rejected: never charged, its nonces are free. Both signatures are for nonce 0, so one of them can be charged.
    world.network.pass(2).await;
    let second = world.signs().await;
    assert_ne!(first.id(), second.id(), "another deadline");
    world.fake.server.always(GROUPS, refusal(BatcherProblemCode::AlreadyEnded));
    world.fake.server.always(GROUPS, Answer::json(&world.fake.accept(&second)));
    let sent = world.submit(Some(&world.kept())).await.unwrap();
    assert_eq!((sent.signed.id(), sent.resumed), (second.id(), false));
    // A batcher that says so of a group whose nonce it could charge still, and wants another one, gets none.
    world.fake.tell_account_instead(account(ALICE), 9);
    world.fake.server.instead(GROUPS, refusal(BatcherProblemCode::AlreadyEnded));
    let error = world.submit(Some(&world.kept())).await.unwrap_err();
    assert_eq!(error.code(), "SDK-077", "{error}");
}

#[tokio::test]
async fn nothing_is_signed_that_could_not_be_charged() {
    let world = World::start().await;
    let error = world.submit_for(100 * MAX_FEE, None).await.unwrap_err();
    assert_eq!(error.code(), "SDK-053", "{error}");
    assert!(error.to_string().contains("deposit"), "{error}");
    let payer =
        world.client.fast_payer(signer(ALICE), &world.network.journal(ALICE)).await.unwrap();
    payer.unlock(account(BATCHER)).await.unwrap();
    payer.stop().await;
    world.network.pass(crate::fast_network::UNLOCK_DELAY + 1).await;
    let error = world.submit(None).await.unwrap_err();
    assert_eq!(error.code(), "SDK-053", "{error}");
    assert!(error.to_string().contains("unlocked"), "{error}");
    assert!(world.fake.sent().is_empty());
}

#[tokio::test]
async fn a_deadline_is_by_the_chains_clock_and_one_that_the_batcher_takes() {
    let world = World::start().await;
    // The chain is a day ahead of this machine.
    world.network.pass(86_400).await;
    let contracts = world.client.fast_contracts().await.unwrap();
    let now = contracts.chain_time().await.unwrap();
    let deadline = world.signs().await.authorization().deadline;
    assert!((now + 3_600..now + 3_660).contains(&deadline), "{deadline} at {now}");
    let settings = GatewaySettings {
        authorisation_lifetime: Duration::from_secs(1_000_000),
        ..GatewaySettings::default()
    };
    let patient = Client::new(world.network.profile.clone(), settings).unwrap();
    let signed = patient.authorize_group(our_group(), MAX_FEE, &signer(ALICE)).await.unwrap();
    assert!(signed.authorization().deadline <= now + 7_200, "what the batcher takes");
}

#[tokio::test]
async fn whoever_asks_gives_users_back_what_a_batcher_that_is_gone_charged_for_nothing() {
    let world = World::start().await;
    let (alice, signed) = (account(ALICE), world.signs().await);
    let authorization = signed.authorization();
    let root = authorization.proofs_root;
    world.charge(root, vec![on_chain(authorization)]).await;
    let client = &world.client;
    let contracts = client.fast_contracts().await.unwrap();
    let balance = async || contracts.account(account(BATCHER), alice).await.unwrap().balance_wei.0;
    assert_eq!(balance().await, 10 * MAX_FEE - 3 * PRICE);
    let tasks = contracts.tasks_of(root, contracts.batcher_payments(), 0).await.unwrap();
    let payer = client.fast_payer(signer(ALICE), &world.network.journal(ALICE)).await.unwrap();
    assert_eq!(payer.refund(&tasks[0]).await.unwrap_err().code(), "SDK-053", "it is open");
    world.network.mine(u64::from(RESPONSE_BLOCKS) + 1).await;
    assert_eq!(payer.reclaim(&tasks[0]).await.unwrap_err().code(), "SDK-053", "not hers alone");
    let refunded = payer.refund(&tasks[0]).await.unwrap();
    assert_eq!((refunded.batcher, refunded.amount_wei), (account(BATCHER), Wei(3 * PRICE)));
    assert_eq!(balance().await, 10 * MAX_FEE);
    assert!(payer.refund(&tasks[0]).await.is_err(), "once");
    payer.stop().await;
}
