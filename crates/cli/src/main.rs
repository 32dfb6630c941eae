//! The collimate command.
fn main() {}
