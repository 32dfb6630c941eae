//! What a command prints, and the exit status that goes with it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;
use serde_json::json;

use crate::error::{CliError, DOES_NOT_HOLD, ENVIRONMENT, USAGE};

/// A result that holds: as JSON, and as lines for people.
#[derive(Debug)]
pub(crate) struct Outcome {
    json: serde_json::Result<String>,
    text: String,
    exit_code: u8,
}

/// Lines of label and value.
pub(crate) type Rows = Vec<(&'static str, String)>;

impl Outcome {
    pub(crate) fn new(report: &impl Serialize, rows: Rows) -> Self {
        let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        let line = |(label, value): &(&str, String)| {
            if width == 0 { value.clone() } else { format!("{label:<width$}  {value}") }
        };
        Self::text(report, rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// The same with text of any form.
    pub(crate) fn text(report: &impl Serialize, text: String) -> Self {
        Self { json: serde_json::to_string_pretty(report), text, exit_code: 0 }
    }

    /// A result of several parts, of which some failed.
    pub(crate) fn with_exit_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }
}

/// Says what is being done, on stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    quiet: bool,
}

impl Progress {
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            // Nobody is there to be told that stderr is closed.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Shows the help that was asked for, or how the command was used wrongly: to people on stderr, to a script as JSON, too.
pub(crate) fn not_started(error: &clap::Error, as_json: bool) -> ExitCode {
    // Nobody is there to be told that the stream is closed.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if as_json {
        let text = error.render().to_string();
        let usage = CliError::Usage(text.trim_start_matches("error: ").trim_end().to_owned());
        let _ = print(&failure(&usage).to_string());
    }
    ExitCode::from(USAGE)
}

/// Prints the result, and turns it into the exit status.
pub(crate) fn report(result: Result<Outcome, CliError>, as_json: bool) -> ExitCode {
    let (text, status) = match result {
        Ok(outcome) if as_json => match outcome.json {
            Ok(json) => (Some(json), outcome.exit_code),
            Err(error) => (Some(json!({"error": error.to_string()}).to_string()), ENVIRONMENT),
        },
        Ok(outcome) => (Some(outcome.text), outcome.exit_code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            (as_json.then(|| failure(&error).to_string()), error.exit_code())
        }
    };
    let printed = match text {
        Some(text) => print(&text),
        None => Ok(()),
    };
    match printed {
        // A reader that has seen enough, such as `head`, changes no answer.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(ENVIRONMENT),
        _ => ExitCode::from(status),
    }
}

/// A file of several with which something went wrong.
#[derive(Debug, Serialize)]
pub(crate) struct FailedFile {
    pub(crate) file: PathBuf,
    #[serde(flatten)]
    pub(crate) failure: serde_json::Value,
}

impl FailedFile {
    pub(crate) fn new(file: &Path, error: &CliError) -> Self {
        Self { file: file.to_owned(), failure: failure(error) }
    }
}

/// An error as JSON.
fn failure(error: &CliError) -> serde_json::Value {
    let (code, message) = (error.code(), error.to_string());
    if error.exit_code() == DOES_NOT_HOLD {
        json!({"holds": false, "code": code, "reason": message})
    } else {
        json!({"error": {"code": code, "message": message}})
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.trim_end().as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}
