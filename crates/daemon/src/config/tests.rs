//! What the settings promise: a whole example, names in errors, no secrets shown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use anyhow::Result;

use super::{Config, HardSettings, gateway::GatewayLimits, run::RunSettings};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/collimated.example.toml");

fn load(text: &str, set: &[&str]) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collimated.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file, &set.iter().map(|&s| s.to_owned()).collect::<Vec<_>>())
}

const LEAST: &str = "deployment = 'd.json'\n[chain]\nrpc_url = 'http://localhost:8545'\n";

#[test]
fn the_example_names_every_setting_with_its_default() {
    let example = Config::load(Path::new(EXAMPLE), &[]).unwrap();
    assert_eq!(
        example.aggregator.as_ref().unwrap().run.trigger().unwrap().fee.unwrap().gas,
        600_000
    );
    let mut run = example.aggregator.clone().unwrap().run;
    run.monthly_budget_eth = None;
    assert_eq!(run, RunSettings::default());
    assert_eq!(example.gateway.as_ref().unwrap().limits, GatewayLimits::default());
    let hard = example.aggregator.as_ref().unwrap().hard.as_ref();
    assert_eq!(hard, Some(&HardSettings::default()), "the section alone is enough");
    // Addresses are written in upper and lower case.
    let text = std::fs::read_to_string(EXAMPLE).unwrap().to_lowercase();
    let settings = serde_json::to_value(&example).unwrap();
    names(&settings, &mut |name| assert!(text.contains(name), "the example lacks {name}"));
}

fn names(value: &serde_json::Value, check: &mut impl FnMut(&str)) {
    for (name, value) in value.as_object().into_iter().flatten() {
        check(name);
        names(value, check);
    }
}

#[test]
fn amounts_come_as_text_and_as_numbers_and_keys_in_urls_are_not_shown() {
    let text = format!("{LEAST}[aggregator.key.environment]\nvariable = 'KEY'\n");
    let config = load(
        &text,
        &[
            "aggregator.max_cost_eth=0.25",
            "aggregator.run.monthly_budget_eth=2",
            "chain.rpc_url=https://user:pass@node.example:8545/v2/hunter2?key=hunter3",
        ],
    );
    let config = config.unwrap();
    let aggregator = config.aggregator.as_ref().unwrap();
    assert_eq!(aggregator.max_cost_eth, "0.25");
    assert_eq!(aggregator.run.monthly_budget_eth.as_deref(), Some("2"));
    let shown = serde_json::to_string(&config).unwrap();
    assert!(shown.contains("https://node.example:8545/…"), "{shown}");
    assert!(!shown.contains("hunter") && !shown.contains("pass"), "{shown}");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let config = load(LEAST, &["chain.confirmations=12", "payments.start_block=7"]).unwrap();
    assert_eq!((config.chain.confirmations, config.payments.start_block), (12, Some(7)));
    assert_eq!(load(LEAST, &[]).unwrap().chain.confirmations, 6);
}

#[test]
fn what_is_unknown_missing_or_malformed_is_named() {
    for (text, set, named) in [
        ("[chain]\nrpc_url = 'x'\n", vec![], "deployment"),
        (LEAST, vec!["chain.rpcurl=x"], "rpcurl"),
        (LEAST, vec!["chain.confirmations=many"], "confirmations"),
        (LEAST, vec!["chain"], "NAME=VALUE"),
        ("deployment = ", vec![], "TOML"),
    ] {
        let error = format!("{:#}", load(text, &set).unwrap_err());
        assert!(error.contains("[DMN-060]") && error.contains(named), "{error}");
    }
}

#[test]
fn a_circuit_key_is_meant_from_the_files_folder_and_has_to_be_there() {
    let text = format!(
        "{LEAST}[aggregator]\nkey.environment.variable = 'KEY'\n[aggregator.hard]\ncircuit_key = 'vk.bin'\n"
    );
    let hard = load(&text, &[]).unwrap().aggregator.unwrap().hard.unwrap();
    let file = hard.circuit_key.clone().unwrap();
    assert!(file.is_absolute() && file.ends_with("vk.bin"), "{}", file.display());
    assert!(hard.circuit().unwrap_err().to_string().contains("[DMN-024]"));
    assert!(HardSettings::default().circuit().is_ok(), "SP1's published key is known");
}

#[test]
fn the_databases_url_is_never_shown() {
    let text = format!("{LEAST}[database]\nurl = 'postgres://u:hunter2@h/d'\n");
    let config = load(&text, &[]).unwrap();
    assert!(config.database.url.is_some());
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn impossible_runs_are_refused() {
    assert!(RunSettings { count: 0, ..RunSettings::default() }.trigger().is_err());
    assert!(RunSettings { chunk_size: 3, ..RunSettings::default() }.plan().is_err());
    let budget = Some("much".to_owned());
    assert!(
        RunSettings { monthly_budget_eth: budget, ..RunSettings::default() }.trigger().is_err()
    );
}
