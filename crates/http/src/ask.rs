//! Parts of a request's head, with errors that are problems.

use std::{str::FromStr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::{fault::Refused, respond::Service};

/// The query.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<S: Service, T: DeserializeOwned> FromRequestParts<Arc<S>> for Asked<T> {
    type Rejection = S::Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<S>) -> Result<Self, S::Fault> {
        match Query::<T>::from_request_parts(parts, &()).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Refused::Malformed(rejection.body_text()).into()),
        }
    }
}

/// The one variable part of the path.
///
/// # Errors
/// [`Refused::Malformed`], with these words if the part is nothing that can be read so.
pub async fn path_part<T: FromStr>(parts: &mut Parts, unless: &'static str) -> Result<T, Refused> {
    let path = Path::<String>::from_request_parts(parts, &()).await;
    let Path(text) = path.map_err(|rejection| Refused::Malformed(rejection.body_text()))?;
    text.parse().map_err(|_| Refused::Malformed(unless.to_owned()))
}

/// How many a page has at most.
///
/// # Errors
/// [`Refused::Malformed`]: not from 1 to 100.
pub fn page_limit(asked: Option<u32>, default: u32) -> Result<u32, Refused> {
    let limit = asked.unwrap_or(default);
    if !(1..=100).contains(&limit) {
        return Err(Refused::Malformed("limit is a number from 1 to 100".to_owned()));
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_from_one_to_a_hundred() {
        assert_eq!(page_limit(None, 20), Ok(20));
        assert_eq!((page_limit(Some(1), 20), page_limit(Some(100), 20)), (Ok(1), Ok(100)));
        for wrong in [0, 101] {
            assert!(matches!(page_limit(Some(wrong), 20), Err(Refused::Malformed(_))), "{wrong}");
        }
    }
}
