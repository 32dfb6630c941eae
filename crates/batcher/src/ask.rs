//! Parts of a request's head, with errors that are problems.

use alloy::primitives::{Address, B256};
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// The query.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

/// The group that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfGroup(pub(crate) B256);

/// The account that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfAccount(pub(crate) Address);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|rejection| Fault::malformed(rejection.body_text()))?;
        Ok(Self(query))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfGroup {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let id = path_text(parts, state).await?;
        let id = id.parse().map_err(|_| {
            Fault::malformed("the group's id in the path is not 0x and 64 hexadecimal digits")
        })?;
        Ok(Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfAccount {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let address = path_text(parts, state).await?;
        let address = address.parse().map_err(|_| {
            Fault::malformed("the address in the path is not 0x and 40 hexadecimal digits")
        })?;
        Ok(Self(address))
    }
}

async fn path_text<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Fault> {
    let path = Path::<String>::from_request_parts(parts, state).await;
    path.map(|Path(text)| text).map_err(|rejection| Fault::malformed(rejection.body_text()))
}

/// How many a page has at most.
pub(crate) fn page_limit(asked: Option<u32>, default: u32) -> Result<u32, Fault> {
    let limit = asked.unwrap_or(default);
    if !(1..=100).contains(&limit) {
        return Err(Fault::malformed("limit is a number from 1 to 100"));
    }
    Ok(limit)
}
