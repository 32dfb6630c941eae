//! What a request's path names, with errors that are problems.

use alloy::primitives::Address;
use axum::{extract::FromRequestParts, http::request::Parts};
use collimate_api::ProofId;
use collimate_http::path_part;

use crate::fault::Fault;

/// The proof that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfProof(pub(crate) ProofId);

/// The account that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfAccount(pub(crate) Address);

impl<S: Send + Sync> FromRequestParts<S> for OfProof {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Ok(Self(path_part(parts, "the proof's id in the path is no UUID").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfAccount {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let unless = "the address in the path is not 0x and 40 hexadecimal digits";
        Ok(Self(path_part(parts, unless).await?))
    }
}
