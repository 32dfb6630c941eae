//! The OpenAPI document, made from the types that are taken and given, and its rendered page.

mod operations;

use collimate_api::paths;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

/// Where the rendered document is.
const DOCS: &str = "/docs";

/// The document, and the page that shows it without the Internet.
pub(crate) fn pages() -> SwaggerUi {
    SwaggerUi::new(DOCS).url(paths::OPENAPI, Document::openapi())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Collimate batcher",
        description = "Takes groups of zero-knowledge proofs for fast mode: verified by operators, known to contracts seconds later. \
            Bytes, hashes and addresses are 0x hexadecimal, amounts of wei are decimal strings, times are seconds since 1970, \
            errors follow RFC 9457 with stable codes.",
    ),
    paths(
        operations::submit,
        operations::group,
        operations::events,
        operations::account,
        operations::batches,
        operations::fees,
        operations::info,
        operations::health,
        operations::ready,
        operations::metrics,
    ),
    tags(
        (name = "groups", description = "Submission, status, what contracts are asked with"),
        (name = "accounts", description = "Nonces and balances"),
        (name = "batches", description = "Batches and what proofs cost in them"),
        (name = "service", description = "Contracts, proof systems, limits, health"),
    ),
)]
struct Document;
