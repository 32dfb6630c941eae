//! Whoever is woken by a code finds it in docs/operations.md.

use std::{collections::BTreeSet, fs};

use crate::common::root;

/// Codes that are found on a user's side, or that a proof is refused with: their texts are all that there is to say.
const OF_USERS: [&str; 6] = ["CLI", "SDK", "EVD", "VER", "COR", "CON"];

/// Codes of services that wake nobody, in the page's own form.
const QUIET: &[&str] = &[
    // Told to who sent a request.
    "GTW-001` to `GTW-013, GTW-018` to `GTW-020, BTC-001` to `BTC-015, BTC-020` to `BTC-023",
    "SIG-001, SIG-002, SIG-004, SIG-007` to `SIG-009, OPR-013, ATT-012, ATT-013, WAT-011, OBJ-007, STO-016, STO-017",
    // Why a group ended, told to its user.
    "BTC-060` to `BTC-065",
    // A task that there is nothing to do for.
    "OPR-008, OPR-009",
    // Stopped because it was told to.
    "ATT-017, CHN-011, OPR-014, SIG-013, WAT-012, DMN-040",
    // Told to who runs a command, or reads blobs.
    "CHN-041` to `CHN-043, DMN-003, DMN-090` to `DMN-093",
    // A devnet, the demo.
    "CHN-070` to `CHN-072, DMN-001, DMN-002, DMN-010` to `DMN-013, DMN-020, DMN-030` to `DMN-033, DMN-041` to `DMN-048",
    "DMN-050` to `DMN-052, DMN-074` to `DMN-076, DMN-085",
];

fn is_code(part: &[u8]) -> bool {
    part[..3].iter().all(u8::is_ascii_uppercase)
        && part[3] == b'-'
        && part[4..].iter().all(u8::is_ascii_digit)
}

fn is_of_users(code: &str) -> bool {
    OF_USERS.iter().any(|family| code.starts_with(family))
}

/// Where codes such as `PAY-003` stand in a text.
fn codes(text: &str) -> Vec<(usize, &str)> {
    let parts = text.as_bytes().windows(7).enumerate().filter(|(_, part)| is_code(part));
    parts.map(|(at, _)| (at, &text[at..at + 7])).collect()
}

/// The codes that a page lists, also as "`PAY-001` to `PAY-003`".
fn listed(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut before: Option<(usize, &str)> = None;
    for (at, code) in codes(text) {
        if let Some((end, first)) = before
            && &text[end..at] == "` to `"
        {
            let (family, from) = first.split_once('-').unwrap();
            let (last_family, to) = code.split_once('-').unwrap();
            assert_eq!(family, last_family, "{first} to {code}");
            let numbers = from.parse::<u16>().unwrap()..=to.parse().unwrap();
            all.extend(numbers.map(|number| format!("{family}-{number:03}")));
        }
        all.insert(code.to_owned());
        before = Some((at + 7, code));
    }
    all
}

/// The codes that the program can say: those in brackets or quotes in its sources.
fn said() -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    let mut folders: Vec<_> =
        ["crates", "prover/src", "prover/engine/src"].map(|folder| root().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !["tests", "benches", "examples", "target"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let marked = codes(&text).into_iter().filter(|(at, _)| {
                    let around = (text[..*at].chars().next_back(), text[at + 7..].chars().next());
                    matches!(around, (Some('['), Some(']')) | (Some('"'), Some('"')))
                });
                said.extend(marked.map(|(_, code)| code.to_owned()));
            }
        }
    }
    // A hash.
    said.remove("SHA-256");
    said
}

#[test]
fn every_code_that_can_wake_someone_has_its_page() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (page, quiet, said) = (listed(&page), listed(&QUIET.join(", ")), said());
    let missing: Vec<_> = said
        .iter()
        .filter(|code| !is_of_users(code) && !page.contains(*code) && !quiet.contains(*code))
        .collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
    let stale: Vec<_> = page.union(&quiet).filter(|code| !said.contains(*code)).collect();
    assert!(stale.is_empty(), "nothing says {stale:?}");
    let both: Vec<_> = page.intersection(&quiet).collect();
    assert!(both.is_empty(), "{both:?} have a page, and are said to need none");
}
