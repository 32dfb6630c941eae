//! The commands in the documentation and in the units of systemd are commands.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use clap::{CommandFactory, Parser};

use super::Arguments;

const PAGES: [&str; 3] = ["docs/operations.md", "docs/quickstart.md", "docs/quickstart-fast.md"];
const UNITS: [&str; 2] =
    ["deploy/systemd/collimated.service", "deploy/systemd/collimate-operator.service"];

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(file)).unwrap()
}

fn understood(command: &str) {
    if let Err(error) = Arguments::try_parse_from(command.split_whitespace()) {
        panic!("{command}: {error}");
    }
}

#[test]
fn arguments_are_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn the_documentations_commands_are_understood() {
    let mut count = 0;
    for page in PAGES.map(read) {
        let lines = page.lines().filter(|line| line.starts_with("collimated "));
        for line in lines {
            understood(line.split(" #").next().unwrap_or_default());
            count += 1;
        }
        // In sentences, too.
        for code in
            page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("collimated "))
        {
            understood(code);
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn the_units_start_what_there_is() {
    for unit in UNITS.map(read) {
        let started = unit.lines().filter_map(|line| {
            line.strip_prefix("ExecStart=").or_else(|| line.strip_prefix("ExecStartPre=-"))
        });
        let started: Vec<_> = started.collect();
        assert!(!started.is_empty(), "{unit}");
        for command in started {
            assert!(command.starts_with("/usr/local/bin/collimated "), "{command}");
            understood(command);
        }
    }
}
