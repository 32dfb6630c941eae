//! Mirrors that lie, stall, send without end or send one elsewhere.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use axum::{
    Router,
    body::Body,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::get,
};
use collimate_batch::{BatchError, DownloadSettings, Downloader, Group, Manifest, Part, Pointer};
use collimate_objects::{Key, Objects};
use futures::{StreamExt, stream};
use reqwest::Url;
use tokio::net::TcpListener;

use crate::{item, proof};

async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/b", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// A data service that has these objects.
async fn honest(objects: Objects) -> Url {
    let object = move |Path(key): Path<String>| {
        let objects = objects.clone();
        async move {
            let key: Key = key.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
            objects.get(&key, u64::MAX).await.map_err(|_| StatusCode::NOT_FOUND)
        }
    };
    serve(Router::new().route("/b/objects/{key}", get(object))).await
}

async fn answering<R: IntoResponse + Send + 'static>(
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> Url {
    let answer = move || {
        let answer = answer();
        async move { answer }
    };
    serve(Router::new().route("/b/objects/{key}", get(answer))).await
}

fn settings() -> DownloadSettings {
    DownloadSettings {
        allow_private: true,
        patience: Duration::from_millis(300),
        object_timeout: Duration::from_secs(1),
        ..DownloadSettings::default()
    }
}

struct Batch {
    objects: Objects,
    manifest: Manifest,
    key: Key,
    _folder: tempfile::TempDir,
}

impl Batch {
    async fn of_three() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::folder(folder.path()).unwrap();
        let manifest = Manifest::new(vec![Group { items: (0..3).map(item).collect() }]).unwrap();
        for number in 0..3 {
            objects.put(proof(number)).await.unwrap();
        }
        let key = objects.put(manifest.to_bytes().unwrap()).await.unwrap();
        Self { objects, manifest, key, _folder: folder }
    }

    fn root(&self) -> [u8; 32] {
        self.manifest.tree().unwrap().root()
    }

    fn at(&self, mirrors: Vec<Url>) -> Pointer {
        Pointer::new(self.key, mirrors).unwrap()
    }
}

#[tokio::test]
async fn an_honest_mirror_gives_manifest_and_files() {
    let batch = Batch::of_three().await;
    let pointer = batch.at(vec![honest(batch.objects.clone()).await]);
    let downloader = Downloader::new(settings()).unwrap();
    let manifest = downloader.manifest(&pointer, &batch.root()).await.unwrap();
    assert_eq!(manifest, batch.manifest);
    for (number, item) in (0..).zip(manifest.items()) {
        assert_eq!(downloader.part(&pointer, &item.proof).await.unwrap(), proof(number));
    }
}

#[tokio::test]
async fn bad_mirrors_cost_time_and_nothing_else() {
    let batch = Batch::of_three().await;
    let endless =
        || Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(vec![0u8; 1 << 16])));
    let stalling = || {
        let first = stream::iter([Ok::<_, Infallible>(vec![b'{'])]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let bad = vec![
        answering(|| "other bytes").await,
        answering(endless).await,
        answering(stalling).await,
        answering(|| StatusCode::INTERNAL_SERVER_ERROR).await,
        "http://127.0.0.1:1/nobody".parse().unwrap(),
    ];
    let downloader = Downloader::new(settings()).unwrap();
    let error = downloader.manifest(&batch.at(bad.clone()), &batch.root()).await.unwrap_err();
    assert_eq!(error.code(), "BAT-006");
    assert!(error.is_retryable());
    for reason in ["other bytes", "more than the 4194304 bytes", "500 Internal"] {
        assert!(error.to_string().contains(reason), "{reason} is not in {error}");
    }

    let mut mirrors = bad;
    mirrors.push(honest(batch.objects.clone()).await);
    let pointer = batch.at(mirrors);
    downloader.manifest(&pointer, &batch.root()).await.unwrap();
    // From now on the one that helped is asked first: nobody waits for the one that stalls again.
    let started = Instant::now();
    for item in batch.manifest.items() {
        downloader.part(&pointer, &item.proof).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn a_trickle_ends_with_the_object_s_time() {
    let batch = Batch::of_three().await;
    let trickle = || {
        let bytes = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, Infallible>(vec![0u8]), ()))
        });
        Body::from_stream(bytes)
    };
    let pointer = batch.at(vec![answering(trickle).await]);
    let part = &batch.manifest.groups()[0].items[0].proof;
    let started = Instant::now();
    let downloader = Downloader::new(settings()).unwrap();
    let error = downloader.part(&pointer, part).await.unwrap_err();
    assert!(error.to_string().contains("took longer than 1 s"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn the_wrong_manifest_of_an_honest_mirror_is_no_batch() {
    let batch = Batch::of_three().await;
    let pointer = batch.at(vec![honest(batch.objects.clone()).await]);
    let downloader = Downloader::new(settings()).unwrap();
    let error = downloader.manifest(&pointer, &[1; 32]).await.unwrap_err();
    assert_eq!(error.code(), "BAT-004");
    assert!(!error.is_retryable());

    // A manifest that promises other hashes of bytes that are there.
    let mut part = Part::of(&proof(0));
    part.keccak256 = B256::ZERO;
    let error = downloader.part(&pointer, &part).await.unwrap_err();
    assert_eq!(error, BatchError::WrongPart { what: "keccak256" });
}

#[tokio::test]
async fn nobody_makes_it_talk_to_its_own_network() {
    let batch = Batch::of_three().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let secret = answering(move || {
        count.fetch_add(1, Ordering::SeqCst);
        "secret"
    })
    .await;
    let port = secret.port().unwrap();
    let strict = DownloadSettings { allow_private: false, ..settings() };
    let downloader = Downloader::new(strict.clone()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"]
    {
        let mirror: Url = format!("http://{host}:{port}/b").parse().unwrap();
        let error = downloader.manifest(&batch.at(vec![mirror]), &batch.root()).await.unwrap_err();
        // A name can have another address tomorrow.
        assert_eq!(error.is_retryable(), host == "localhost", "{host}: {error}");
    }
    // Nor by a redirect.
    let target = format!("{secret}/objects/x");
    let elsewhere = answering(move || Redirect::temporary(&target)).await;
    let own = DownloadSettings { mirrors: vec![elsewhere], ..strict.clone() };
    let nowhere = batch.at(vec!["http://127.0.0.1:1/".parse().unwrap()]);
    Downloader::new(own).unwrap().manifest(&nowhere, &batch.root()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    // The owner's own mirrors may be anywhere.
    let own = DownloadSettings { mirrors: vec![honest(batch.objects.clone()).await], ..strict };
    Downloader::new(own).unwrap().manifest(&nowhere, &batch.root()).await.unwrap();
}
