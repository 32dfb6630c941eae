//! The commands in the documentation are commands.

use clap::Parser;

use crate::args::Cli;

const PAGES: [&str; 2] =
    [include_str!("../../../docs/quickstart.md"), include_str!("../../../docs/quickstart-fast.md")];

/// What stands for something of the reader's own, and what may stand there.
const EXAMPLES: [(&str, &str); 2] = [
    ("ID", "0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e"),
    ("GROUP", "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
];

/// The words of a line of a shell that starts the command, as far as the command gets them.
fn words(line: &str) -> Option<Vec<String>> {
    let mut line = line.split(" #").next().unwrap_or_default().to_owned();
    // What another command prints is an id.
    while let (Some(start), Some(end)) = (line.find("\"$("), line.find(")\"")) {
        line.replace_range(start..end + 2, "ID");
    }
    let mut words = line.split_whitespace().skip_while(|word| is_assignment(word));
    if words.next()? != "collimate" {
        return None;
    }
    let own = words.take_while(|word| ![">", "|", "||", "&&"].contains(word)).map(|word| {
        let example = EXAMPLES.iter().find(|(name, _)| *name == word);
        example.map_or(word, |(_, example)| *example).to_owned()
    });
    Some(std::iter::once("collimate".to_owned()).chain(own).collect())
}

/// A variable that is set for one command.
fn is_assignment(word: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

#[test]
fn lines_of_a_shell_are_read_as_a_shell_does() {
    let words = |line| words(line).map(|words| words.join(" "));
    assert_eq!(words("KEY=0x12 collimate quota  # mine"), Some("collimate quota".to_owned()));
    assert_eq!(
        words("collimate submit a --json > b || exit").unwrap(),
        "collimate submit a --json"
    );
    let (_, id) = EXAMPLES[0];
    let of_another = "collimate watch \"$(jq -r '.accepted[0].id' answer.json)\" --quiet";
    assert_eq!(words(of_another).unwrap(), format!("collimate watch {id} --quiet"));
    assert_eq!(words("collimated devnet"), None);
    assert_eq!(words(""), None);
}

#[test]
fn the_quick_starts_commands_are_understood() {
    for page in PAGES {
        let blocks = page.split("```sh\n").skip(1);
        let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
        let commands: Vec<_> = lines.filter_map(words).collect();
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(&command) {
                panic!("{}: {error}", command.join(" "));
            }
        }
    }
}
