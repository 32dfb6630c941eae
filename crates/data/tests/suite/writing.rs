//! What the key's holder may write, and how much.

use std::time::Duration;

use collimate_objects::Key;
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{KEY_ID, SECRET, World, code, files, refusal};

#[tokio::test]
async fn an_unsigned_request_writes_nothing() {
    let world = World::start().await;
    let key = Key::of(b"bytes");
    let put = world.client.put(world.url(&key)).body("bytes").send().await.unwrap();
    assert_eq!(refusal(put).await, (403, "AccessDenied".to_owned()));
    // An older signature is no signature.
    let put = world.client.put(world.url(&key)).body("bytes");
    let put = put.header("authorization", format!("AWS {KEY_ID}:c2lnbmF0dXJl"));
    assert_eq!(refusal(put.send().await.unwrap()).await, (403, "AccessDenied".to_owned()));
    assert!(files(&world.folder).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_those_of_the_name_are_refused() {
    let world = World::start().await;
    let name = format!("/batches/objects/{}", Key::of(b"other"));
    let put = signed(&world, &name, b"bytes", KEY_ID, SECRET).await;
    assert_eq!(refusal(put).await, (400, "BadDigest".to_owned()));
    for name in ["/batches/objects/abc", "/batches/outputs/00", "/batches/public", "/batches/x"] {
        let put = signed(&world, name, b"bytes", KEY_ID, SECRET).await;
        assert_eq!(refusal(put).await, (403, "AccessDenied".to_owned()), "{name}");
    }
    let put = signed(&world, "/batches/identity", b"bytes", KEY_ID, SECRET).await;
    assert_eq!(refusal(put).await, (412, "PreconditionFailed".to_owned()));
    let good = format!("/batches/objects/{}", Key::of(b"bytes"));
    let put = signed(&world, &good, b"bytes", KEY_ID, "not the secret at all").await;
    assert_eq!(refusal(put).await, (403, "SignatureDoesNotMatch".to_owned()));
    let put = signed(&world, &good, b"bytes", "somebody", SECRET).await;
    assert_eq!(refusal(put).await, (403, "InvalidAccessKeyId".to_owned()));
    assert!(files(&world.folder).is_empty());
    assert_eq!(signed(&world, &good, b"bytes", KEY_ID, SECRET).await.status(), StatusCode::OK);
    assert_eq!(files(&world.folder), [Key::of(b"bytes").to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_says_which_bytes_it_is_for() {
    let world = World::start().await;
    let name = format!("/batches/objects/{}", Key::of(b"bytes"));
    // The head of an honest request, with another body of the same length.
    let head = sign(&world, &name, b"bytes", KEY_ID, SECRET);
    let put = world.client.put(format!("http://{}{name}", world.address)).headers(head);
    let (status, _) = refusal(put.body("BYTES").send().await.unwrap()).await;
    assert_eq!(status, 400);
    // Or under another name.
    let head = sign(&world, &name, b"bytes", KEY_ID, SECRET);
    let put = world.client.put(world.url(&Key::of(b"x"))).headers(head).body("bytes");
    let refused = refusal(put.send().await.unwrap()).await;
    assert_eq!(refused, (403, "SignatureDoesNotMatch".to_owned()));
    assert!(files(&world.folder).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_an_object_is_refused_and_several_share_the_memory() {
    let world = World::with(|config| {
        config.max_object_bytes = 4 << 10;
        config.upload_memory_bytes = 4 << 10;
    })
    .await;
    let batcher = world.s3(KEY_ID, SECRET);
    let refused = batcher.put(vec![1; (4 << 10) + 1]).await.unwrap_err();
    assert!(refused.to_string().contains("EntityTooLarge"), "{refused}");
    assert!(files(&world.folder).is_empty());
    // Each needs all of the memory: they wait for one another, and all of them are taken.
    let batcher = &batcher;
    let uploads = (0..8).map(|byte| async move { batcher.put(vec![byte; 4 << 10]).await });
    for stored in futures::future::join_all(uploads).await {
        stored.unwrap();
    }
    assert_eq!(files(&world.folder).len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_this_side_s_fault_and_nothing_is_told_of_it() {
    let world = World::start().await;
    std::fs::rename(&world.folder, world.folder.with_extension("away")).unwrap();
    let name = format!("/batches/objects/{}", Key::of(b"bytes"));
    let put = signed(&world, &name, b"bytes", KEY_ID, SECRET).await;
    assert_eq!(put.status(), 503);
    let text = put.text().await.unwrap();
    assert!(text.contains("ServiceUnavailable") && !text.contains("identity"), "{text}");
    std::fs::rename(world.folder.with_extension("away"), &world.folder).unwrap();
    assert_eq!(signed(&world, &name, b"bytes", KEY_ID, SECRET).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_s_name_is_given_once() {
    let world = World::start().await;
    let name = world.s3(KEY_ID, SECRET).name().await.unwrap();
    assert_eq!(world.s3(KEY_ID, SECRET).name().await.unwrap(), name);
    let read = world.send(Method::GET, &format!("{}/identity", world.mirror)).await;
    assert_eq!(read.text().await.unwrap(), name);
    let refused = world.s3(KEY_ID, "not the secret at all").name().await.unwrap_err();
    assert_eq!(code(&refused), "OBJ-006");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_stall_are_cut_off_and_give_their_memory_back() {
    let world = World::with(|config| {
        config.max_object_bytes = 4 << 10;
        config.upload_memory_bytes = 4 << 10;
        config.connections.request_timeout = Some(Duration::from_millis(500));
    })
    .await;
    let (batcher, body) = (world.s3(KEY_ID, SECRET), vec![7; 4 << 10]);
    let path = format!("/batches/objects/{}", Key::of(&body));
    let headers = sign(&world, &path, &body, KEY_ID, SECRET);
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect();
    let head = |signed: &str| {
        let host = world.address;
        format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\n{signed}content-length: 4096\r\n\r\nfew")
    };
    // An unsigned one never gets as far as the memory.
    let mut unsigned = TcpStream::connect(world.address).await.unwrap();
    unsigned.write_all(head("").as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    unsigned.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 403", "before its body is there");
    // A signed one holds all of it, for a while.
    let mut stalled = TcpStream::connect(world.address).await.unwrap();
    stalled.write_all(head(&headers).as_bytes()).await.unwrap();
    batcher.put(vec![1; 4 << 10]).await.unwrap();
    stalled.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    assert_eq!(files(&world.folder), [Key::of(&[1; 4 << 10]).to_string()]);
}

/// A request that the key's holder signs, with the object store's own signer.
async fn signed(
    world: &World,
    path: &str,
    body: &'static [u8],
    id: &str,
    secret: &str,
) -> reqwest::Response {
    let head = sign(world, path, body, id, secret);
    let put = world.client.put(format!("http://{}{path}", world.address)).headers(head);
    put.body(body).send().await.unwrap()
}

/// Headers of a PUT, by AWS signature version 4 as Amazon documents it, written down here once more so that client and service
/// cannot be wrong in the same way.
fn sign(
    world: &World,
    path: &str,
    body: &[u8],
    id: &str,
    secret: &str,
) -> reqwest::header::HeaderMap {
    use hmac::{Hmac, Mac};
    use sha2::{Digest, Sha256};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keyed = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let time = now.replace(['-', ':'], "");
    let (day, host) = (&time[..8], world.address.to_string());
    let payload = hex(&Sha256::digest(body));
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "PUT\n{path}\n\nhost:{host}\nx-amz-content-sha256:{payload}\nx-amz-date:{time}\n\n{names}\n{payload}"
    );
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let digest = hex(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    let key = [day, "us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, word| keyed(&key, word));
    let signature = hex(&keyed(&key, &text));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    let headers = [
        ("x-amz-content-sha256", payload),
        ("x-amz-date", time.clone()),
        ("authorization", authorization),
    ];
    headers
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}
