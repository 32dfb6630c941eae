//! One whole batch: from many clients, all of whom send at once, to the operators' answer.

use std::time::{Duration, Instant, SystemTime};

use collimate_sdk::{
    FastProof, SignedGroup,
    api::fast::{GROUPS, field},
};
use reqwest::{
    Client as Http,
    multipart::{Form, Part},
};
use tokio::task::JoinSet;

use crate::{
    batcher::Batcher,
    network::{Network, closed_and_on_chain, signed, verified},
};

pub(crate) async fn run(network: &Network, name: &str, proofs: &[FastProof], clients: usize) {
    let batcher = Batcher::start(network, name, proofs.len()).await;
    let account = batcher.client.fast_profile().unwrap().batcher.unwrap();
    let users = network.users(account, clients).await;
    let mut groups = vec![];
    for (user, proofs) in users.iter().zip(proofs.chunks(proofs.len().div_ceil(clients))) {
        groups.push(signed(&batcher.client, user, proofs.to_vec()).await);
    }
    let idle_mib = batcher.peak_mib();

    let (http, began) = (Http::new(), Instant::now());
    let mut sending = JoinSet::new();
    for (number, group) in groups.iter().cloned().enumerate() {
        sending.spawn(send(http.clone(), batcher.url.clone(), number, group));
    }
    let slowest = sending.join_all().await.into_iter().max().unwrap();
    let accepted = SystemTime::now();
    let answer = verified(&batcher.client, &groups[0]).await;
    let (answered, all) = (SystemTime::now(), began.elapsed());
    let [closed, on_chain] = closed_and_on_chain(&batcher.ledger, &groups[0].id()).await;

    let batch = batcher.ledger.group(&groups[0].id().0).await.unwrap().unwrap().batch_id.unwrap();
    let batch = batcher.ledger.batch(batch).await.unwrap().unwrap();
    assert_eq!(batch.proof_count as usize, proofs.len(), "all are in one batch");
    let (count, mib) = (proofs.len(), batch.bytes >> 20);
    println!("\n| {count} proofs, {mib} MiB, in one batch from {} clients | |", groups.len());
    println!("|---|---|");
    let row = |what: &str, seconds: f64| println!("| {what} | {seconds:.2} s |");
    let between = |from: SystemTime, to: SystemTime| {
        // What is there before it is waited for takes no time.
        to.duration_since(from).unwrap_or_default().as_secs_f64()
    };
    row("all are accepted", slowest.as_secs_f64());
    for phase in ["upload", "verification", "storing"] {
        row(&format!("of it a group's {phase}, on average"), batcher.mean_seconds(phase).await);
    }
    row("chosen, asked for on chain, and closed", between(accepted, closed));
    row("task seen on chain", between(closed, on_chain));
    let publishing = batcher.mean_seconds("publishing").await;
    row("of it the tree, the manifest and the search for its files", publishing);
    match answer {
        Some(_) => row("verified by the operators: `isVerified`", between(on_chain, answered)),
        None => println!("| not verified before its task expired | |"),
    }
    row("all of it", all.as_secs_f64());
    println!("| memory of the batcher's process, at most | {} MiB |", batcher.peak_mib());
    println!("| and before the first upload | {idle_mib} MiB |");
}

/// Sends a group as a client with an address of its own. What the batcher's answer took.
async fn send(http: Http, batcher: String, number: usize, group: SignedGroup) -> Duration {
    let client = format!("10.0.{}.{}", number / 256, number % 256);
    let began = Instant::now();
    let request = http.post(format!("{batcher}{GROUPS}")).header("x-forwarded-for", client);
    let response = request.multipart(form(&group)).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{status}: {text}");
    began.elapsed()
}

fn form(group: &SignedGroup) -> Form {
    // The interface's form of an item is the manifest's.
    let items: Vec<_> = group.group().proofs().iter().map(FastProof::item).collect();
    let form = Form::new()
        .text(field::AUTHORIZATION, serde_json::to_string(group.authorization()).unwrap())
        .text(field::ITEMS, serde_json::to_string(&items).unwrap());
    group.group().files().into_iter().fold(form, |form, (hash, bytes)| {
        let length = bytes.len() as u64;
        let part = Part::stream_with_length(bytes, length).file_name("file");
        form.part(alloy::hex::encode(hash), part)
    })
}
