//! What a request's path names, with errors that are problems.

use alloy::primitives::{Address, B256};
use axum::{extract::FromRequestParts, http::request::Parts};
use collimate_http::path_part;

use crate::fault::Fault;

/// The group that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfGroup(pub(crate) B256);

/// The account that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfAccount(pub(crate) Address);

impl<S: Send + Sync> FromRequestParts<S> for OfGroup {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let unless = "the group's id in the path is not 0x and 64 hexadecimal digits";
        Ok(Self(path_part(parts, unless).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfAccount {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let unless = "the address in the path is not 0x and 40 hexadecimal digits";
        Ok(Self(path_part(parts, unless).await?))
    }
}
