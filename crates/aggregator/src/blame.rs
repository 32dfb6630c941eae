//! Finds the proofs that keep a job from being proven: natively, which costs milliseconds each, or by proving halves.
//!
//! A proof that fails alone in the engine is blamed only if the engine proved something else meanwhile: a broken machine fails on
//! everything, and that must not cost anybody a proof that was paid for.

use std::pin::Pin;

use collimate_objects::{Key, ObjectsError};
use collimate_prover_client::{Cause, JobStatus, ProverClientError};

use crate::{AggregatorError, Member, Plan, Proving};

/// A member that keeps its run from being proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMember {
    /// Its proof file.
    pub object: Key,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason.
    pub reason: String,
}

/// Whose fault it is that a job fails.
pub(crate) enum Blame {
    /// These members'.
    Members(Vec<BadMember>),
    /// These members', or the engine's, which fails on each and proved nothing.
    Suspects(Vec<BadMember>),
    /// No member's: each can be proven.
    Nobody,
}

/// The code of a member that only the engine refuses.
const ENGINE: &str = "AGG-010";

/// What proving halves found.
#[derive(Debug, Default)]
struct Halves {
    /// Those that fail alone on every machine.
    bad: Vec<BadMember>,
    /// Those that the engine fails on alone.
    suspects: Vec<BadMember>,
    /// Whether the engine proved anything meanwhile.
    engine_works: bool,
}

impl Proving {
    /// Whose fault it is that a job over `members` failed.
    pub(crate) async fn blame(
        &self,
        plan: &Plan,
        members: &[Member],
        cause: Cause,
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Blame, AggregatorError> {
        let mut bad = vec![];
        for member in members {
            bad.extend(self.native_verdict(member).await?);
        }
        if !bad.is_empty() {
            return Ok(Blame::Members(bad));
        }
        if cause == Cause::Object {
            return Ok(Blame::Nobody);
        }
        let mut halves = Halves::default();
        self.bisect(plan, members, on_status, &mut halves).await?;
        let Halves { mut bad, suspects, engine_works } = halves;
        if engine_works {
            bad.extend(suspects);
        } else if bad.is_empty() && !suspects.is_empty() {
            return Ok(Blame::Suspects(suspects));
        }
        Ok(if bad.is_empty() { Blame::Nobody } else { Blame::Members(bad) })
    }

    /// Whether the engine proves one of these, which it, or one like it, has aggregated before. False also if none of them is
    /// left that it was not asked for already.
    pub(crate) async fn engine_works(
        &self,
        plan: &Plan,
        controls: &[Member],
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<bool, AggregatorError> {
        for control in controls {
            let job = plan.chunk_job(std::slice::from_ref(control))?;
            // What was proven before shows nothing about now.
            let Some(_turn) = self.turn(job.id()).await? else { continue };
            match self.prover.prove(&job, on_status).await {
                Ok(_) => return Ok(true),
                Err(error) => match error.cause() {
                    Cause::Engine => return Ok(false),
                    Cause::Input | Cause::Object => {}
                    Cause::Elsewhere => return Err(error.into()),
                },
            }
        }
        Ok(false)
    }

    /// What is wrong with a member, if it can be found without proving anything.
    async fn native_verdict(&self, member: &Member) -> Result<Option<BadMember>, AggregatorError> {
        let bad = |code, reason| Some(BadMember { object: member.object, code, reason });
        let values = Some(member.public_values.clone());
        match self.verify(&member.object, member.program_id, values).await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(error)) => Ok(bad(error.code(), error.to_string())),
            Err(AggregatorError::Objects(
                error @ (ObjectsError::NotFound { .. } | ObjectsError::Corrupt { .. }),
            )) => {
                // A store that is away lacks everything.
                self.objects.check_identity().await?;
                Ok(bad(error.code(), error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Proves each half of `members`, which together failed, and goes on in the half that fails.
    fn bisect<'a>(
        &'a self,
        plan: &'a Plan,
        members: &'a [Member],
        on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
        found: &'a mut Halves,
    ) -> Pin<Box<dyn Future<Output = Result<(), AggregatorError>> + Send + 'a>> {
        Box::pin(async move {
            let (left, right) = members.split_at(members.len() / 2);
            for half in [left, right] {
                if half.is_empty() {
                    continue;
                }
                let job = plan.chunk_job(half)?;
                let proven = match self.turn(job.id()).await? {
                    None => continue,
                    Some(_turn) => self.prover.prove(&job, on_status).await,
                };
                let error = match proven {
                    Ok(_) => {
                        found.engine_works = true;
                        continue;
                    }
                    Err(error) => error,
                };
                match (error.cause(), half) {
                    (Cause::Elsewhere | Cause::Object, _) => return Err(error.into()),
                    (Cause::Input, [member]) => found.bad.push(refused(member, &error)),
                    (Cause::Engine, [member]) => found.suspects.push(refused(member, &error)),
                    (Cause::Input | Cause::Engine, _) => {
                        self.bisect(plan, half, on_status, found).await?;
                    }
                }
            }
            Ok(())
        })
    }
}

fn refused(member: &Member, error: &ProverClientError) -> BadMember {
    let reason = format!("[{ENGINE}] cannot be aggregated: {error}");
    BadMember { object: member.object, code: ENGINE, reason }
}
