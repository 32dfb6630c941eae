//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use collimate_prover_client::{JobProgress, JobState, JobStatus, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// What one step of the engine takes on two cores, for the estimate before the first one is done.
const USUAL_STEP: Duration = Duration::from_secs(25);
/// What a wrap takes on two cores.
const USUAL_WRAP: Duration = Duration::from_secs(20 * 60);

/// The phases of one command, with their times.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    terminal: bool,
    phases: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    times: Vec<(String, Instant)>,
    last_line: Option<Instant>,
}

impl Progress {
    /// Progress over this many phases.
    pub(crate) fn new(phases: u32) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("      {spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let state = Mutex::new(State { times: vec![], last_line: None });
        Self { bar, terminal, phases, state }
    }

    /// Begins the next phase.
    pub(crate) fn phase(&self, title: &str) {
        let number = {
            let mut state = self.state();
            state.times.push((title.to_owned(), Instant::now()));
            state.last_line = None;
            state.times.len()
        };
        self.bar.reset_elapsed();
        self.bar.set_message("");
        self.line(&format!("[{number}/{}] {title}", self.phases));
    }

    /// A fact worth keeping.
    pub(crate) fn say(&self, text: &str) {
        self.line(&format!("      {text}"));
    }

    /// What is going on right now; replaces the text before.
    pub(crate) fn now(&self, text: &str) {
        if self.terminal {
            self.bar.set_message(text.to_owned());
            return;
        }
        let due = {
            let mut state = self.state();
            let due = state.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
            if due {
                state.last_line = Some(Instant::now());
            }
            due
        };
        if due {
            self.line(&format!("      {text}"));
        }
    }

    /// What a proving job is doing.
    pub(crate) fn job(&self, status: &JobStatus) {
        self.now(&job_text(status));
    }

    /// The phases so far, with the seconds that each took.
    pub(crate) fn times(&self) -> Vec<(String, f64)> {
        let state = self.state();
        let ends = state.times.iter().skip(1).map(|(_, start)| *start).chain([Instant::now()]);
        state
            .times
            .iter()
            .zip(ends)
            .map(|((title, start), end)| (title.clone(), (end - *start).as_secs_f64()))
            .collect()
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn job_text(status: &JobStatus) -> String {
    match (status.state, status.progress) {
        (JobState::Queued, _) => match &status.reason {
            Some(reason) if status.attempts > 0 => {
                format!("proving is repeated, attempt {}: {reason}", status.attempts + 1)
            }
            Some(reason) => reason.clone(),
            None => "waiting for the proving engine, which loads for about a minute".to_owned(),
        },
        (_, Some(progress)) => progress_text(&progress),
        _ => "proving".to_owned(),
    }
}

fn progress_text(progress: &JobProgress) -> String {
    let elapsed = Duration::from_secs_f64(progress.elapsed_s.max(0.0));
    let wrapping = |what| {
        let usual = USUAL_WRAP.as_secs() / 60;
        format!(
            "{what}: {} elapsed, the wrap takes about {usual} minutes on two cores",
            clock(elapsed)
        )
    };
    let what = match progress.phase {
        Phase::Starting => return "the proving engine loads".to_owned(),
        Phase::Checking => return "checking proofs and executing the program".to_owned(),
        Phase::Storing => return "verifying the proof natively".to_owned(),
        Phase::Core => "proving the program",
        Phase::Recursion => "recursion",
        Phase::Wrapping => return wrapping("shrinking and wrapping the proof"),
        Phase::Circuit => return wrapping("proving the circuit"),
    };
    let (done, total) = (progress.steps_done, progress.steps_total);
    let step = elapsed.checked_div(done).unwrap_or(USUAL_STEP);
    let left = step.saturating_mul(total.saturating_sub(done));
    format!(
        "{what}: {done} of about {total} steps, {} elapsed, about {} left",
        clock(elapsed),
        clock(left)
    )
}

fn clock(duration: Duration) -> String {
    format!("{}:{:02}", duration.as_secs() / 60, duration.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_phase_steps_time_and_estimate() {
        let progress =
            JobProgress { phase: Phase::Recursion, steps_done: 3, steps_total: 9, elapsed_s: 90.0 };
        assert_eq!(
            progress_text(&progress),
            "recursion: 3 of about 9 steps, 1:30 elapsed, about 3:00 left"
        );
    }

    #[test]
    fn a_wrap_names_its_stage_and_its_usual_time() {
        let progress = JobProgress {
            phase: Phase::Circuit,
            steps_done: 1,
            steps_total: 2,
            elapsed_s: 1_000.0,
        };
        assert_eq!(
            progress_text(&progress),
            "proving the circuit: 16:40 elapsed, the wrap takes about 20 minutes on two cores"
        );
    }

    #[test]
    fn there_is_an_estimate_before_the_first_step() {
        let progress =
            JobProgress { phase: Phase::Core, steps_done: 0, steps_total: 9, elapsed_s: 4.0 };
        assert!(progress_text(&progress).ends_with("about 3:45 left"));
    }
}
