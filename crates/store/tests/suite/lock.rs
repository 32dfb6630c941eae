//! One aggregator for each contract.

use std::time::Duration;

use crate::support::{DEPLOYMENT, empty_database};
use collimate_store::{Deployment, Store};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn one_aggregator_works_and_the_other_is_told_to_wait() {
    let url = empty_database().await;
    let (a, b) = (Store::connect(&url).await.unwrap(), Store::connect(&url).await.unwrap());
    let lock = a.try_lock_aggregator(&DEPLOYMENT).await.unwrap().expect("it is free");
    assert!(lock.is_held());
    assert!(b.try_lock_aggregator(&DEPLOYMENT).await.unwrap().is_none());
    assert!(a.try_lock_aggregator(&DEPLOYMENT).await.unwrap().is_none());
    let other = Deployment { contract: [1; 20], ..DEPLOYMENT };
    assert!(b.try_lock_aggregator(&other).await.unwrap().is_some(), "another contract is free");

    lock.release().await;
    let lock = b.try_lock_aggregator(&DEPLOYMENT).await.unwrap().expect("it was released");
    drop(lock);
    let freed = async {
        while a.try_lock_aggregator(&DEPLOYMENT).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, freed).await.expect("dropping frees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_learns_that_its_connection_is_gone() {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    let lock = store.try_lock_aggregator(&DEPLOYMENT).await.unwrap().unwrap();
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND d.datname = current_database()",
    )
    .execute(&database)
    .await
    .unwrap();
    tokio::time::timeout(SOON, lock.lost()).await.expect("it is told");
    assert!(!lock.is_held());
    assert!(store.try_lock_aggregator(&DEPLOYMENT).await.unwrap().is_some());
}
