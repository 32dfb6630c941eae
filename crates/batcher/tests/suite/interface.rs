//! The OpenAPI document: that it says what the service does, and what a generator makes of it.

use collimate_api::{fast, paths};
use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    services::{hoarding, start_with},
    world::World,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_complete_and_rendered_without_the_internet() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let document: Value = world.get(&batcher, paths::OPENAPI).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let documented = document["paths"].as_object().unwrap();
    for path in [
        fast::GROUPS,
        "/v1/batcher/groups/{id}",
        "/v1/batcher/groups/{id}/events",
        "/v1/batcher/accounts/{address}",
        fast::BATCHES,
        fast::FEES,
        fast::INFO,
        paths::HEALTH,
        paths::READY,
        paths::METRICS,
    ] {
        assert!(documented.contains_key(path), "{path}");
    }
    // Whatever is documented is there: no path is unknown, and none takes other methods.
    for (path, operations) in documented {
        for method in operations.as_object().unwrap().keys() {
            let url =
                format!("{}{}", batcher.url, path.replace("{id}", "0x").replace("{address}", "0x"));
            let method = method.to_uppercase().parse().unwrap();
            let answer = world.http.request(method, url).send().await.unwrap();
            let status = answer.status();
            let known = ![StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status);
            assert!(known, "{path}: {status}");
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let query = &document["paths"][fast::BATCHES]["get"]["parameters"];
    let places: Vec<_> = query.as_array().unwrap().iter().map(|query| &query["in"]).collect();
    assert_eq!(places, ["query", "query"]);
    let page = world.http.get(format!("{}/docs/", batcher.url)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    let elsewhere = page.contains("http://") || page.contains("https://");
    assert!(!elsewhere, "assets from elsewhere: {page}");
}

/// Whatever a generator makes of the OpenAPI document, and of what contradicts it: no answer is a 5xx.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis and minutes: make test-api"]
async fn schemathesis_finds_no_server_error() {
    let world = World::start().await;
    let mut config = hoarding(&world);
    config.intake.client_rate = None;
    let batcher = start_with(&world, config).await;
    let program = std::env::var("COLLIMATE_SCHEMATHESIS").unwrap_or("schemathesis".to_owned());
    let document = format!("{}{}", batcher.url, paths::OPENAPI);
    let run = tokio::process::Command::new(&program)
        .args(["run", &document, "--checks", "not_a_server_error"])
        .args(["--max-examples", "50", "--request-timeout", "10", "--no-color"])
        .args(["--generation-database", "none"])
        // It leaves notes where it runs.
        .current_dir(world.folder.path())
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let report = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{report}");
    println!("{report}");
}
