//! How long shrinking and wrapping take, each on its own, from the engine's tracing spans.

use std::time::Instant;

use tracing::{Subscriber, span};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Says on standard error when one of the two is done.
pub struct WrapClock;

impl WrapClock {
    /// The target whose spans this needs, at level info.
    pub const TARGET: &str = "sp1_prover::worker::prover::recursion";
}

struct Began(Instant);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for WrapClock {
    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(Began(Instant::now()));
        }
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let what = match span.name() {
            "prove shrink" => "shrunk",
            "prove wrap" => "wrapped",
            _ => return,
        };
        if let Some(Began(began)) = span.extensions().get::<Began>() {
            eprintln!("{what} in {:.1} s", began.elapsed().as_secs_f64());
        }
    }
}
