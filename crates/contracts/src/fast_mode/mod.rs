//! Fast mode: tasks and authorisations byte for byte as the contracts name and hash them, and deployment of those contracts.

mod authorizations;
mod deployment;
mod tasks;

pub use authorizations::{Authorization, Charge, Payment, ProofAuthorization};
pub use deployment::{FastModeConfig, FastModeDeployment, deploy_fast_mode};
pub use tasks::{Task, response_message, task_id};
