//! The collimated command.
fn main() {}
