//! Slow, many and large: the gateway's share of the machine stays bounded, and others are still served.

use std::{fs, num::NonZeroUsize, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use collimate_api::{ProblemCode, paths, paths::field};
use collimate_gateway::{GatewayConfig, Rate};
use futures::{StreamExt, future::join_all, stream};
use reqwest::multipart::{Form, Part};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::support::{Running, Sample, World, problem, quick, sample, signed};

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(gateway: &Running) -> TcpStream {
    TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_ends_its_connection() {
    let config = GatewayConfig { header_timeout: Duration::from_millis(300), ..quick() };
    let world = World::start_with(config).await;
    for start in ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nX-Slow: "] {
        let mut stream = connect(&world.gateway).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{start:?}: the connection is closed");
    }
    // A kept connection is closed, too, when nothing follows.
    let mut stream = connect(&world.gateway).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_trickle_are_given_up_and_others_are_served_meanwhile() {
    let config = GatewayConfig {
        upload_timeout: Duration::from_secs(6),
        idle_timeout: Duration::from_secs(2),
        uploads_in_memory: NonZeroUsize::MIN,
        ..quick()
    };
    let world = World::start_with(config).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    // More than there are slots: each sends enough for one, then a byte now and then, or nothing.
    let mut streams = vec![];
    for _ in 0..40 {
        let mut stream = connect(&world.gateway).await;
        let head = "POST /v1/proofs HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\
                    Content-Type: multipart/form-data; boundary=b\r\n\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[7; 100_000]).await.unwrap();
        streams.push(stream);
    }
    let started = Instant::now();
    world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
    assert!(started.elapsed() < Duration::from_secs(5), "served while others trickle");
    let ends = join_all(streams.into_iter().enumerate().map(|(n, mut stream)| async move {
        let mut answer = Vec::new();
        if n % 2 == 0 {
            while started.elapsed() < Duration::from_secs(30) {
                if stream.write_all(&[7]).await.is_err() {
                    break;
                }
                let mut byte = [0; 4096];
                match timeout(Duration::from_millis(200), stream.read(&mut byte)).await {
                    Ok(Ok(0) | Err(_)) => break,
                    Ok(Ok(n)) => answer.extend_from_slice(&byte[..n]),
                    Err(_) => {}
                }
            }
        } else {
            let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        }
        (answer, started.elapsed())
    }))
    .await;
    for (answer, elapsed) in ends {
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("GTW-018"), "{answer:?}");
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    }
}

async fn free_slots(world: &World, slots: usize) {
    let line = format!("collimate_gateway_upload_slots_free {slots}\n");
    let reached = async {
        loop {
            let metrics = world.http.get(world.url(paths::METRICS)).send().await.unwrap();
            if metrics.text().await.unwrap().contains(&line) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_disk_that_takes_no_more_is_told_and_nothing_is_spent() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let spool = folder.path().join("spool");
    fs::create_dir(&spool).unwrap();
    let config = GatewayConfig {
        uploads_in_memory: NonZeroUsize::MIN,
        spool_dir: spool.clone(),
        upload_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(60),
        ..quick()
    };
    let world = World::start_with(config).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    // Somebody's upload has the one place in memory.
    let mut other = connect(&world.gateway).await;
    let head = "POST /v1/proofs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\
                Content-Type: multipart/form-data; boundary=b\r\n\r\n\
                --b\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\n";
    other.write_all(head.as_bytes()).await.unwrap();
    other.write_all(&[7; 100_000]).await.unwrap();
    free_slots(&world, 0).await;
    // A folder that is gone fails every write, whoever runs the test.
    fs::remove_dir(&spool).unwrap();
    let request = signed(&sample("fibonacci"), &alice, 0);
    let problem = world.refused(&request, ProblemCode::Busy).await;
    assert!(problem.retry_after.is_some() && problem.detail.contains("no room"), "{problem}");
    assert_eq!(world.purse(alice.address()).await, (1, 0));
    drop(other);
    free_slots(&world, 1).await;
    world.accepted(&request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_client_are_counted() {
    let config =
        GatewayConfig { max_connections_per_client: NonZeroUsize::new(3).unwrap(), ..quick() };
    let world = World::start_with(config).await;
    let mut held = vec![];
    for _ in 0..3 {
        held.push(connect(&world.gateway).await);
    }
    sleep(Duration::from_millis(100)).await;
    let mut refused = connect(&world.gateway).await;
    let closed = timeout(PATIENCE, refused.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "closed at once");
    drop(held);
    let served = async {
        while world.http.get(world.url(paths::HEALTH)).send().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_client_have_a_rate() {
    let client_rate = Some(Rate { per_second: 1, burst: 4 });
    let world = World::start_with(GatewayConfig { client_rate, ..quick() }).await;
    let mut limited = 0;
    for _ in 0..20 {
        let response = world.http.get(world.url(paths::INFO)).send().await.unwrap();
        if response.status() == 429 {
            problem(response, ProblemCode::RateLimited).await;
            limited += 1;
        }
    }
    assert!((10..=16).contains(&limited), "{limited}");
    // The operator's questions always get through.
    assert_eq!(world.http.get(world.url(paths::HEALTH)).send().await.unwrap().status(), 200);
    assert_eq!(world.http.get(world.url(paths::METRICS)).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_proofs_of_one_account_have_a_rate() {
    let account_rate = Some(Rate { per_second: 1, burst: 1 });
    let world = World::start_with(GatewayConfig { account_rate, ..quick() }).await;
    let (alice, bob) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    world.credit(alice.address(), 5).await;
    world.credit(bob.address(), 1).await;
    // Each is another forgery, so that none is refused from memory.
    let forgeries: Vec<_> = (1..=6_u8)
        .map(|n| {
            let mut forged = sample("fibonacci");
            let middle = forged.proof.len() / 2;
            forged.proof[middle] ^= n;
            signed(&forged, &alice, 0)
        })
        .collect();
    let answers = join_all(forgeries.iter().map(|forged| world.send(forged))).await;
    let limited = answers.iter().filter(|answer| answer.status() == 429).count();
    assert!((3..=5).contains(&limited), "{limited}");
    assert_eq!(world.purse(alice.address()).await, (5, 0));
    world.accepted(&signed(&sample("fibonacci"), &bob, 0)).await;
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// 200 clients upload the largest allowed proof at once: 800 MiB, of which memory sees a part.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_under_the_largest_uploads() {
    let uploads_in_memory = NonZeroUsize::new(8).unwrap();
    let config = GatewayConfig { uploads_in_memory, client_rate: None, ..quick() };
    let world = World::start_with(config).await;
    let (before, mut peak) = (resident_bytes(), 0);
    let chunk = bytes::Bytes::from(vec![9_u8; 64 << 10]);
    let vk = sample("fibonacci").vk;
    let uploads = stream::iter(0..200).map(|n| {
        // All of the clients' bytes are one and the same chunk, so that what grows is the gateway's.
        let (chunk, url, http) = (chunk.clone(), world.url(paths::PROOFS), world.http.clone());
        let vk = vk.clone();
        async move {
            let vary = bytes::Bytes::copy_from_slice(&[n as u8; 8]);
            let chunks = std::iter::once(vary).chain(std::iter::repeat_n(chunk, 63));
            let body = reqwest::Body::wrap_stream(stream::iter(
                chunks.map(Ok::<_, std::convert::Infallible>),
            ));
            let signer = PrivateKeySigner::random();
            let nothing = Sample { proof: vec![], vk };
            let request = signed(&nothing, &signer, 0);
            let mut form = Form::new();
            for (name, value) in &request.fields {
                form = form.text(*name, value.clone());
            }
            let form = form
                .part(field::VK, Part::bytes(request.sample.vk).file_name("vk"))
                .part(field::PROOF, Part::stream(body).file_name("proof"));
            http.post(url).multipart(form).send().await.unwrap().status().as_u16()
        }
    });
    let mut answers = uploads.buffer_unordered(200);
    let mut sampled = tokio::time::interval(Duration::from_millis(20));
    let mut count = 0;
    loop {
        tokio::select! {
            answer = answers.next() => match answer {
                Some(status) => { assert_eq!(status, 401); count += 1; }
                None => break,
            },
            _ = sampled.tick() => peak = peak.max(resident_bytes()),
        }
    }
    assert_eq!(count, 200);
    let grown = peak.saturating_sub(before) >> 20;
    println!("{grown} MiB for 800 MiB of uploads");
    assert!(grown < 300, "{grown} MiB for 800 MiB of uploads");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_client_are_limited_and_room_comes_back_when_one_ends() {
    let most = NonZeroUsize::new(2).unwrap();
    let config =
        GatewayConfig { max_event_streams_per_client: most, trusted_proxies: 1, ..quick() };
    let world = World::start_with(config).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let id = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await.id;
    let open = async |client: &str| {
        let get = world.http.get(world.url(&paths::events(&id)));
        get.header("X-Forwarded-For", client).send().await.unwrap()
    };
    let held = [open("192.0.2.1").await, open("192.0.2.1").await];
    assert!(held.iter().all(|stream| stream.status().is_success()));
    problem(open("192.0.2.1").await, ProblemCode::RateLimited).await;
    assert!(open("192.0.2.2").await.status().is_success(), "others are not shut out");
    drop(held);
    let deadline = Instant::now() + PATIENCE;
    while !open("192.0.2.1").await.status().is_success() {
        assert!(Instant::now() < deadline, "the closed streams still count");
        sleep(Duration::from_millis(50)).await;
    }
}
