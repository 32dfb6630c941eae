//! Those who try to read what is not theirs, or to keep others out.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::World;

#[tokio::test]
async fn no_path_leads_out_of_the_objects() {
    let world = World::start().await;
    std::fs::write(world.folder.join("secret"), "treasure").unwrap();
    std::fs::create_dir_all(world.folder.join("outputs")).unwrap();
    std::fs::write(world.folder.join("outputs/treasure"), "treasure").unwrap();
    std::fs::write(world.folder.parent().unwrap().join("treasure"), "treasure").unwrap();
    let key = world.objects.put("an object").await.unwrap();
    // What a killed writer leaves beside an object.
    std::fs::write(world.folder.join(format!("objects/{key}#1")), "treasure").unwrap();
    for path in [
        "/".to_owned(),
        "/batches".to_owned(),
        "/batches/".to_owned(),
        "/batches/secret".to_owned(),
        "/batches/public".to_owned(),
        "/batches/objects/../secret".to_owned(),
        "/batches/objects/%2e%2e/secret".to_owned(),
        "/batches/objects/..%2fsecret".to_owned(),
        "/batches/objects/%2e%2e%2f%2e%2e%2ftreasure".to_owned(),
        "/batches/../../../../../../etc/passwd".to_owned(),
        "/batches//etc/passwd".to_owned(),
        "/batches/outputs/treasure".to_owned(),
        "/../batches/secret".to_owned(),
        format!("/batches/objects/{key}%231"),
        format!("/batches/objects/{key}%00"),
        format!("/batches/objects/{key}/../../secret"),
        format!("/batches/objects/{}", key.to_string().to_uppercase()),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = world.raw(&request).await;
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"),
            "{path}: {answer}"
        );
        assert!(!answer.contains("treasure") && !answer.contains("root:"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_folder_is_no_object() {
    let world = World::start().await;
    let key = collimate_objects::Key::of(b"nothing");
    std::fs::create_dir_all(world.folder.join(format!("objects/{key}"))).unwrap();
    let missing = (404, "NoSuchKey".to_owned());
    assert_eq!(world.refusal(Method::GET, &world.url(&key)).await, missing);
}

#[tokio::test]
async fn other_operations_of_s3_do_not_exist_here() {
    let world = World::start().await;
    let key = world.objects.put("an object").await.unwrap();
    let url = world.url(&key);
    for method in [Method::DELETE, Method::POST, Method::PATCH, Method::OPTIONS] {
        let refused = world.refusal(method.clone(), &url).await;
        assert_eq!(refused, (405, "MethodNotAllowed".to_owned()), "{method}");
    }
    for query in ["list-type=2", "acl", "uploads", "versionId=1", "response-content-type=text/html"]
    {
        let refused = world.refusal(Method::GET, &format!("{url}?{query}")).await;
        assert_eq!(refused, (501, "NotImplemented".to_owned()), "{query}");
    }
    assert_eq!(world.refusal(Method::GET, &world.mirror).await.0, 403, "no listing");
    let root = format!("http://{}/", world.address);
    assert_eq!(world.refusal(Method::GET, &root).await.0, 403, "no list of buckets");
    let presigned = format!("{url}?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256");
    assert_eq!(world.refusal(Method::PUT, &presigned).await.0, 501);
    assert!(world.objects.exists(&key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_head_or_reads_nothing_is_dropped_and_others_are_served() {
    let world = World::with(|config| {
        config.connections.header_timeout = Duration::from_millis(300);
        config.connections.connection_time = Some(Duration::from_millis(400));
    })
    .await;
    let large = world.objects.put(vec![7; 32 << 20]).await.unwrap();
    let small = world.objects.put("small").await.unwrap();
    // One says nothing, one never ends its head, one asks for 32 MiB and reads none of them.
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    let mut endless = TcpStream::connect(world.address).await.unwrap();
    endless.write_all(b"GET /batches HTTP/1.1\r\nhost:").await.unwrap();
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let request = format!("GET /batches/objects/{large} HTTP/1.1\r\nhost: x\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let answer = reqwest::get(world.url(&small)).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "small");
    // Each ends by itself; without limits these reads would never return.
    let started = Instant::now();
    for stream in [&mut silent, &mut endless] {
        let mut rest = vec![];
        let _ = stream.read_to_end(&mut rest).await;
    }
    until_connections(&world, 0).await;
    let mut received = vec![];
    let _ = idle.read_to_end(&mut received).await;
    assert!(received.len() < 32 << 20, "it was cut off");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_does_not_take_all_connections() {
    let world = World::with(|config| {
        config.connections.max_per_client = 2;
    })
    .await;
    let _first = TcpStream::connect(world.address).await.unwrap();
    let _second = TcpStream::connect(world.address).await.unwrap();
    let mut third = TcpStream::connect(world.address).await.unwrap();
    let mut rest = vec![];
    let closed = third.read_to_end(&mut rest).await;
    assert!(closed.is_err() || rest.is_empty(), "closed at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_nobody_longer_than_it_may() {
    let world = World::start().await;
    let large = world.objects.put(vec![7; 32 << 20]).await.unwrap();
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let request = format!("GET /batches/objects/{large} HTTP/1.1\r\nhost: x\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut some = vec![0; 1024];
    idle.read_exact(&mut some).await.unwrap();
    world.stop().await;
}

/// Waits until so many connections are open, besides the one that asks.
async fn until_connections(world: &World, count: u32) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let expected = format!("collimate_data_connections {}\n", count + 1);
    loop {
        let url = format!("http://{}/metrics", world.address);
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy();
        let text = client.build().unwrap().get(url).send().await.unwrap().text().await.unwrap();
        if text.contains(&expected) {
            return;
        }
        assert!(Instant::now() < deadline, "in vain: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
