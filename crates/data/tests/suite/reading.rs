//! What anybody reads.

use reqwest::Method;

use crate::world::World;

#[tokio::test]
async fn an_object_is_headed_as_s3_does() {
    let world = World::start().await;
    let key = world.objects.put("0123456789").await.unwrap();
    for method in [Method::GET, Method::HEAD] {
        let answer = world.send(method.clone(), &world.url(&key)).await;
        assert_eq!(answer.status(), 200);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-length"), "10");
        assert_eq!(header("etag"), format!("\"{key}\""));
        assert_eq!(header("accept-ranges"), "bytes");
        assert!(header("cache-control").contains("immutable"));
        assert!(answer.headers().contains_key("last-modified"));
        let body = answer.text().await.unwrap();
        assert_eq!(body, if method == Method::GET { "0123456789" } else { "" });
    }
}

#[tokio::test]
async fn ranges_are_answered_and_those_outside_are_refused() {
    let world = World::start().await;
    let key = world.objects.put("0123456789").await.unwrap();
    let ask = |range: &'static str| {
        let request = world.client.get(world.url(&key)).header("range", range);
        async move { request.send().await.unwrap() }
    };
    for (range, part, heading) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-5", "2345", "bytes 2-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=7-100", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
    ] {
        let answer = ask(range).await;
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(answer.headers()["content-range"], heading);
        assert_eq!(answer.text().await.unwrap(), part, "{range}");
    }
    for range in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
        let answer = ask(range).await;
        assert_eq!(answer.status(), 416, "{range}");
        assert!(answer.text().await.unwrap().contains("InvalidRange"));
    }
    for range in ["bytes=5-2", "bytes=x", "lines=1-2"] {
        assert!(ask(range).await.status().is_client_error(), "{range}");
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let world = World::start().await;
    let key = world.objects.put("0123456789").await.unwrap();
    let tag = format!("\"{key}\"");
    let ask = |header: &'static str, tag: &str| {
        let request = world.client.get(world.url(&key)).header(header, tag);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask("if-none-match", &tag).await, 304);
    assert_eq!(ask("if-none-match", "\"other\"").await, 200);
    assert_eq!(ask("if-match", &tag).await, 200);
    assert_eq!(ask("if-match", "\"other\"").await, 412);
}

#[tokio::test]
async fn what_is_not_there_has_its_code() {
    let world = World::start().await;
    let key = collimate_objects::Key::of(b"nothing");
    let missing = (404, "NoSuchKey".to_owned());
    assert_eq!(world.refusal(Method::GET, &world.url(&key)).await, missing);
    assert_eq!(world.send(Method::HEAD, &world.url(&key)).await.status(), 404);
    let elsewhere = world.url(&key).replace("/batches/", "/others/");
    assert_eq!(world.refusal(Method::GET, &elsewhere).await, (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn health_is_the_folder_s_and_metrics_count() {
    let world = World::start().await;
    let health = format!("http://{}/healthz", world.address);
    assert_eq!(world.send(Method::GET, &health).await.status(), 200);
    let key = world.objects.put("0123456789").await.unwrap();
    world.send(Method::GET, &world.url(&key)).await;
    let metrics = format!("http://{}/metrics", world.address);
    let text = world.send(Method::GET, &metrics).await.text().await.unwrap();
    assert!(text.contains("collimate_data_sent_bytes_total 10"), "{text}");
    assert!(
        text.contains(r#"collimate_data_requests_total{method="GET",status="200"} 2"#),
        "{text}"
    );
    // A disk that is not mounted.
    std::fs::rename(&world.folder, world.folder.with_extension("away")).unwrap();
    assert_eq!(world.send(Method::GET, &health).await.status(), 503);
}
