//! The batcher's client against a fake that fails and lies: what is repeated, what is not, and what is believed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::primitives::{Address, B256};
use collimate_api::fast::{
    BatcherInfo, BatcherProblem, BatcherProblemCode, FeesAnswer, GroupAccepted, GroupAnswer,
    GroupEnd, GroupEvent, GroupStatus, PaidPrice, SignedGroupReceipt, Wei, group, group_events,
};
use collimate_sdk::{
    BatcherClient, ExpectedBatcher, FastError, GatewaySettings, ProofGroup, SignedGroup, Signer,
    fast::{GroupTerms, UploadProgress, sufficient_fee},
};

use super::{
    described,
    fake_batcher::{FakeBatcher, GROUPS, answer, refusal, refused},
};
use crate::fake_gateway::Answer;

const LIMIT: Duration = Duration::from_secs(20);

async fn signed_by(fake: &FakeBatcher, signer: &Signer) -> SignedGroup {
    let terms = GroupTerms {
        chain_id: fake.expected.chain_id,
        payment_service: fake.expected.payment_service,
        batcher: fake.signer.address(),
        first_nonce: 4,
        max_fee: 1_000,
        deadline: 2_000_000_000,
    };
    let group = ProofGroup::new((0..3).map(described).collect()).unwrap();
    group.authorize(&terms, signer).await.unwrap()
}

async fn signed(fake: &FakeBatcher) -> SignedGroup {
    signed_by(fake, &Signer::random()).await
}

fn silent() -> UploadProgress {
    Arc::new(|_, _| ())
}

#[tokio::test]
async fn what_is_sent_is_the_signed_group_with_each_file_once_and_progress_is_told() {
    let fake = FakeBatcher::start().await;
    let signed = signed(&fake).await;
    fake.server.always(GROUPS, Answer::json(&fake.accept(&signed)).with_status(202));
    let told = Arc::new(Mutex::new(vec![]));
    let hears = Arc::clone(&told);
    let progress: UploadProgress =
        Arc::new(move |sent, total| hears.lock().unwrap().push((sent, total)));
    let accepted = fake.client().submit(&signed, &progress).await.unwrap();
    assert_eq!(accepted, fake.accept(&signed));

    let authorization = signed.authorization();
    assert_eq!(fake.sent(), std::slice::from_ref(authorization));
    let asked = &fake.server.asked(GROUPS)[0];
    let items: Vec<collimate_batch::Item> = serde_json::from_str(&asked.field("items")).unwrap();
    assert!(items.iter().eq(signed.group().manifest().items()), "the manifest's own items");
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    for part in signed.group().manifest().parts() {
        let name = alloy::hex::encode(part.sha256);
        assert_eq!(body.matches(&format!("name=\"{name}\"")).count(), 1, "{name}");
    }
    let (first, files) = (body.find("\"authorization\"").unwrap(), body.find("filename").unwrap());
    assert!(first < body.find("\"items\"").unwrap() && body.find("\"items\"").unwrap() < files);
    let told = told.lock().unwrap();
    let total = signed.group().manifest().parts().map(|part| part.bytes).sum();
    assert_eq!((told.first(), told.last()), (Some(&(0, total)), Some(&(total, total))));
}

#[tokio::test]
async fn a_submission_is_repeated_and_is_the_same_every_time() {
    let fake = FakeBatcher::start().await;
    let signed = signed(&fake).await;
    for answer in [
        refusal(BatcherProblemCode::Busy),
        Answer::text(502, "<html>proxy</html>"),
        refusal(BatcherProblemCode::DatabaseAway),
        Answer::json(&fake.accept(&signed)),
    ] {
        fake.server.always(GROUPS, answer);
    }
    fake.client().submit(&signed, &silent()).await.unwrap();
    let sent = fake.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|authorization| authorization == signed.authorization()));
}

#[tokio::test]
async fn refusals_that_time_does_not_heal_are_not_repeated_and_carry_the_batchers_words() {
    let fake = FakeBatcher::start().await;
    let signed = signed(&fake).await;
    let problem = BatcherProblem {
        verifier_code: Some("VER-012".to_owned()),
        item: Some(1),
        ..BatcherProblem::new(BatcherProblemCode::ProofRejected, "proof 1 does not verify")
    };
    fake.server.always(GROUPS, refused(&problem));
    let error = fake.client().submit(&signed, &silent()).await.unwrap_err();
    assert_eq!(error.code(), "BTC-014");
    assert_eq!(error.to_string(), "[BTC-014] proof 1 does not verify");
    assert_eq!(error.problem(), Some(&problem));
    assert_eq!(fake.sent().len(), 1);
}

#[tokio::test]
async fn answers_about_something_else_and_worthless_receipts_are_refused() {
    type Lie = fn(&FakeBatcher, &mut GroupAccepted);
    fn resigned(fake: &FakeBatcher, answer: &mut GroupAccepted, lie: fn(&mut SignedGroupReceipt)) {
        lie(&mut answer.receipt);
        answer.receipt = fake.sign(answer.receipt.clone());
    }
    let lies: [(&str, Lie); 11] = [
        ("SDK-074", |_, answer| answer.id = B256::repeat_byte(1)),
        ("SDK-074", |_, answer| answer.commitments.swap(0, 1)),
        ("SDK-074", |_, answer| answer.commitments.truncate(2)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.group_id.0[0] ^= 1)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.user = Address::ZERO)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.proofs_root.0[0] ^= 1)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.proof_count += 1)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.first_nonce += 1)),
        ("SDK-073", |fake, answer| resigned(fake, answer, |r| r.deadline += 1)),
        // Signed, and altered afterwards; or signed by somebody else; or not at all.
        ("SDK-073", |_, answer| answer.receipt.accepted_at += 1),
        ("SDK-073", |_, answer| answer.receipt.signature = vec![1; 64].into()),
    ];
    for (number, (code, lie)) in lies.into_iter().enumerate() {
        let fake = FakeBatcher::start().await;
        let signed = signed(&fake).await;
        let mut answer = fake.accept(&signed);
        lie(&fake, &mut answer);
        fake.server.always(GROUPS, Answer::json(&answer));
        let error = fake.client().submit(&signed, &silent()).await.unwrap_err();
        assert_eq!(error.code(), code, "lie {number}: {error}");
        assert!(error.denies());
    }
}

#[tokio::test]
async fn the_batcher_of_another_deployment_is_refused() {
    let fake = FakeBatcher::start().await;
    fake.client().info().await.unwrap();
    let right = fake.expected;
    fake.client_with(ExpectedBatcher { batcher: None, ..right }).info().await.unwrap();
    let other = Address::repeat_byte(1);
    let wrong = [
        ExpectedBatcher { chain_id: 1, ..right },
        ExpectedBatcher { service_manager: other, ..right },
        ExpectedBatcher { payment_service: other, ..right },
        ExpectedBatcher { batcher: Some(other), ..right },
    ];
    for expected in wrong {
        let error = fake.client_with(expected).info().await.unwrap_err();
        assert_eq!(error.code(), "SDK-072", "{expected:?}");
    }
    let away = BatcherClient::new(
        "http://user:s3cret@127.0.0.1:9/s3cret",
        right,
        GatewaySettings { patience: Duration::ZERO, ..GatewaySettings::default() },
    );
    let away = away.unwrap();
    let error = away.info().await.unwrap_err();
    assert_eq!(error.code(), "SDK-070");
    assert!(!format!("{error} {error:?} {away:?}").contains("s3cret"), "{error:?}");
    let unusable = BatcherClient::new("ftp://host", right, GatewaySettings::default());
    assert_eq!(unusable.unwrap_err().code(), "SDK-075");
}

#[tokio::test]
async fn an_answer_about_another_account_or_group_is_refused() {
    let fake = FakeBatcher::start().await;
    let signed = signed(&fake).await;
    let (alice, bob) = (Address::repeat_byte(1), Address::repeat_byte(2));
    fake.tell_account(bob, 3);
    let path = collimate_api::fast::account(&bob);
    let told: collimate_api::fast::BatcherAccount = fake.client().account(bob).await.unwrap();
    assert_eq!(told.next_nonce, 3);
    fake.server.always(&collimate_api::fast::account(&alice), Answer::json(&told));
    assert_eq!(fake.client().account(alice).await.unwrap_err().code(), "SDK-074");
    assert_eq!(fake.server.asked(&path).len(), 1);
    let other = B256::repeat_byte(9);
    fake.server.always(&group(&other), Answer::json(&answer(&signed, GroupStatus::Accepted, 1)));
    assert_eq!(fake.client().group(&other).await.unwrap_err().code(), "SDK-074");
}

#[tokio::test]
async fn the_fee_that_is_signed_for_pays_for_a_batch_of_its_own() {
    let fake = FakeBatcher::start().await;
    let fees = FeesAnswer {
        min_fee_per_proof: Wei(10),
        instant_fee: Wei(u128::MAX),
        last: vec![PaidPrice { batch_id: 1, proof_count: 9, fee_per_proof: Wei(1), at: 1 }],
    };
    fake.server.always("/v1/batcher/fees", Answer::json(&fees));
    let told = fake.client().fees().await.unwrap();
    assert_eq!((sufficient_fee(&told), told), (u128::MAX, fees), "amounts survive JSON");
}

// --- watching

fn event(sequence: i64, status: GroupStatus, at: u64) -> String {
    let event = GroupEvent { sequence, status, code: None, reason: None, batch_id: Some(1), at };
    let json = serde_json::to_string(&event).unwrap();
    format!("id: {sequence}\nevent: status\ndata: {json}\n\n")
}

struct Watched {
    fake: FakeBatcher,
    signed: SignedGroup,
}

impl Watched {
    async fn start() -> Self {
        let fake = FakeBatcher::start().await;
        let signed = signed(&fake).await;
        Self { fake, signed }
    }

    fn answers(&self, status: GroupStatus, at: u64) {
        let answer = answer(&self.signed, status, at);
        self.fake.server.always(&group(&self.signed.id()), Answer::json(&answer));
    }

    fn streams(&self, stream: &str) {
        self.fake.server.always(&group_events(&self.signed.id()), Answer::events(stream));
    }

    async fn wait(&self) -> (Result<GroupAnswer, FastError>, Vec<GroupStatus>) {
        let mut seen = vec![];
        let mut hear = |event: &GroupEvent| seen.push(event.status);
        let client = self.fake.client();
        let id = self.signed.id();
        let waited = client.wait(&id, GroupStatus::Verified, LIMIT, &mut hear).await;
        (waited, seen)
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_taken_up_where_it_broke() {
    use GroupStatus::{Accepted, Batched, Open, Verified};
    let watched = Watched::start().await;
    for (status, at) in [(Accepted, 1), (Batched, 5), (Verified, 9)] {
        watched.answers(status, at);
    }
    // The first ends in the middle of an event, the second goes on after what was whole.
    let cut = event(3, Open, 6);
    watched.streams(
        &[&event(1, Accepted, 1), ": hello\n\n", &event(2, Batched, 5), &cut[..20]].concat(),
    );
    watched.streams(&[event(3, Open, 6), event(4, Verified, 9)].concat());
    let (answer, seen) = watched.wait().await;
    assert_eq!(answer.unwrap().status, Verified);
    assert_eq!(seen, [Accepted, Batched, Open, Verified]);
    let asked = watched.fake.server.asked(&group_events(&watched.signed.id()));
    let last = |at: usize| {
        asked[at].headers.get("last-event-id").map(|id| id.to_str().unwrap().to_owned())
    };
    assert_eq!((last(0), last(1)), (None, Some("2".to_owned())));
}

#[tokio::test]
async fn where_events_cannot_be_had_it_is_asked_again_and_again() {
    use GroupStatus::{Accepted, Open, Verified};
    let watched = Watched::start().await;
    let page = Answer::text(200, "<html>a proxy that keeps streams</html>");
    watched.fake.server.always(&group_events(&watched.signed.id()), page);
    for (status, at) in [(Accepted, 1), (Accepted, 1), (Open, 5), (Verified, 9)] {
        watched.answers(status, at);
    }
    let (answer, seen) = watched.wait().await;
    assert_eq!(answer.unwrap().status, Verified);
    assert_eq!(seen, [Accepted, Open, Verified]);
}

#[tokio::test]
async fn a_reorganisation_takes_a_step_back_and_is_told() {
    use GroupStatus::{Batched, Open, Verified};
    let watched = Watched::start().await;
    watched.answers(Open, 5);
    watched.answers(Verified, 9);
    watched.streams(
        &[event(1, Open, 5), event(2, Batched, 6), event(3, Open, 7), event(4, Verified, 9)]
            .concat(),
    );
    let (answer, seen) = watched.wait().await;
    assert_eq!(answer.unwrap().status, Verified);
    assert_eq!(seen, [Open, Batched, Open, Verified]);
}

#[tokio::test]
async fn the_end_of_a_group_has_the_batchers_code() {
    for (code, expected) in [("BTC-070", "BTC-070"), ("BTC-061", "BTC-061"), ("BTC-999", "SDK-078")]
    {
        let watched = Watched::start().await;
        let failed = GroupAnswer {
            code: Some(code.to_owned()),
            reason: Some("nobody answered".to_owned()),
            ..answer(&watched.signed, GroupStatus::Failed, 9)
        };
        watched.fake.server.always(&group(&watched.signed.id()), Answer::json(&failed));
        let (answer, _) = watched.wait().await;
        let error = answer.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.to_string().contains(code) && error.denies(), "{error}");
        let is_known = matches!(&error, FastError::Ended { end: Some(end), .. } if GroupEnd::ALL.contains(end));
        assert_eq!(is_known, expected == code);
    }
}

#[tokio::test]
async fn patience_ends_and_the_group_goes_on() {
    let watched = Watched::start().await;
    watched.answers(GroupStatus::Accepted, 1);
    // Says that it is done, again and again, which the answer denies.
    watched.streams(&event(1, GroupStatus::Verified, 2));
    let client = watched.fake.client();
    let (id, limit) = (watched.signed.id(), Duration::from_millis(300));
    let error = client.wait(&id, GroupStatus::Verified, limit, &mut |_| ()).await.unwrap_err();
    assert_eq!(error.code(), "SDK-076", "{error}");
    assert!(error.is_retryable());
    let asked = watched.fake.server.asked(&group(&id)).len();
    assert!(asked < 50, "asked {asked} times without a pause");
}

/// The batcher's own words for itself are compared, so that a test of the client is one of the interface, too.
#[tokio::test]
async fn what_the_batcher_says_of_itself_is_asked_once() {
    let fake = FakeBatcher::start().await;
    let client = fake.client();
    let info: &BatcherInfo = client.info().await.unwrap();
    assert_eq!(info, &fake.info());
    client.info().await.unwrap();
    assert_eq!(fake.server.asked("/v1/batcher/info").len(), 1);
}
