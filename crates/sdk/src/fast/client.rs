//! Fast mode of the network that a [`Client`] is for.

use std::{path::Path, time::Duration};

use alloy::primitives::Address;
use collimate_api::fast::{BatcherLimits, BatcherProblemCode, FeesAnswer, GroupAccepted, GroupId};
use collimate_chain::signer::Signer;
use reqwest::Url;

use super::{
    BatchPlace, BatcherClient, FastContracts, FastError, FastPayer, FastProof, GroupParties,
    GroupTerms, KeptGroups, LockState, ProofGroup, SignatureAggregator, SignedGroup,
    UploadProgress, VerificationBundle,
    error::answered,
    limits::{MAX_LIFETIME, NONCE_ATTEMPTS},
};
use crate::{Authorise, Client, FastModeProfile, SdkError, TxJournal};

/// A group that a batcher accepted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What was signed.
    pub signed: SignedGroup,
    /// The batcher's answer, checked.
    pub accepted: GroupAccepted,
    /// Whether it was signed before, by a submission that may have been interrupted.
    pub resumed: bool,
}

impl Client {
    /// Fast mode, as the profile has it.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`].
    pub fn fast_profile(&self) -> Result<&FastModeProfile, SdkError> {
        self.profile().fast_mode.as_ref().ok_or_else(|| self.lacks("fast_mode"))
    }

    /// Fast mode's contracts, after checking chain and contracts. Connects once.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`], and those of [`FastContracts::connect`].
    pub async fn fast_contracts(&self) -> Result<&FastContracts, SdkError> {
        let (profile, chain) = (self.fast_profile()?, Some(self.profile().chain_id));
        self.fast_contracts
            .get_or_try_init(|| FastContracts::connect(self.provider.clone(), profile, chain))
            .await
    }

    /// The batcher.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`] if the profile names none.
    pub fn batcher(&self) -> Result<&BatcherClient, SdkError> {
        self.fast_profile()?;
        self.batcher.as_ref().ok_or_else(|| self.lacks("fast_mode.batcher_url"))
    }

    /// The batcher's account: the profile's, or else the one that the batcher itself names.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`] if the profile names neither account nor URL, and those of [`BatcherClient::info`].
    pub async fn batcher_address(&self) -> Result<Address, SdkError> {
        match self.fast_profile()?.batcher {
            Some(batcher) => Ok(batcher),
            None => Ok(self.batcher()?.info().await?.batcher),
        }
    }

    /// Who sends fast mode's transactions with this key. `journal` is a folder in which transactions on their way are remembered.
    ///
    /// # Errors
    /// Those of [`fast_contracts`](Self::fast_contracts) and [`TxJournal::open`].
    pub async fn fast_payer(&self, signer: Signer, journal: &Path) -> Result<FastPayer, SdkError> {
        let contracts = self.fast_contracts().await?;
        let journal = TxJournal::open(journal)?;
        Ok(FastPayer::new(self.provider.clone(), signer, journal, contracts))
    }

    /// The profile's signature aggregators.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`] if it names none; [`FastError::BadUrl`].
    pub fn signature_aggregators(&self) -> Result<Vec<SignatureAggregator>, SdkError> {
        let urls = &self.fast_profile()?.signature_aggregators;
        if urls.is_empty() {
            return Err(self.lacks("fast_mode.signature_aggregators"));
        }
        let aggregators = urls.iter().map(|url| SignatureAggregator::new(url, &self.settings));
        Ok(aggregators.collect::<Result<_, _>>()?)
    }

    /// The profile's data services.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`] if it names none; [`FastError::BadUrl`].
    pub fn data_services(&self) -> Result<Vec<Url>, SdkError> {
        let urls = &self.fast_profile()?.data_services;
        if urls.is_empty() {
            return Err(self.lacks("fast_mode.data_services"));
        }
        let parsed = urls.iter().map(|url| {
            url.parse::<Url>().map_err(|error| FastError::BadUrl { reason: error.to_string() })
        });
        Ok(parsed.collect::<Result<_, FastError>>()?)
    }

    /// A `max_fee` with which a group need not wait for others: see [`sufficient_fee`].
    ///
    /// # Errors
    /// Those of [`BatcherClient::fees`].
    pub async fn sufficient_fee(&self) -> Result<u128, SdkError> {
        Ok(sufficient_fee(&self.batcher()?.fees().await?))
    }

    /// Signs for a group: with the account's next nonce, and a deadline by the chain's clock that the batcher takes.
    ///
    /// # Errors
    /// [`FastError::CannotSend`] if the account has less than `max_fee`, or is unlocked; [`FastError::Signing`]; those of the node and
    /// of the batcher.
    pub async fn authorize_group(
        &self,
        group: ProofGroup,
        max_fee: u128,
        signer: &dyn Authorise,
    ) -> Result<SignedGroup, SdkError> {
        let (contracts, batcher) = (self.fast_contracts().await?, self.batcher()?);
        let (info, user) = (batcher.info().await?, signer.account());
        let on_chain = contracts.account(info.batcher, user).await?;
        let cannot = |reason: String| Err(FastError::CannotSend { reason }.into());
        if on_chain.state == LockState::Unlocked {
            return cannot(format!(
                "the account of {user} is unlocked; lock it, so that it can be charged"
            ));
        }
        if on_chain.balance_wei.0 < max_fee {
            return cannot(format!(
                "{user} has {} wei with batcher {}, and the proofs may cost {max_fee}; deposit, or sign a lower fee",
                on_chain.balance_wei, info.batcher
            ));
        }
        let account = batcher.account(user).await?;
        let lifetime = lifetime(self.settings.authorisation_lifetime, &info.limits);
        let terms = GroupTerms {
            chain_id: contracts.chain_id(),
            payment_service: contracts.batcher_payments(),
            batcher: info.batcher,
            // A batcher whose node is behind cannot charge what the chain is past.
            first_nonce: account.next_nonce.max(on_chain.nonce),
            max_fee,
            deadline: contracts.chain_time().await?.saturating_add(lifetime),
        };
        Ok(group.authorize(&terms, signer).await?)
    }

    /// Signs for a group and sends it. With `kept`, what is signed is kept before it is sent, and the same proofs sent again, also by
    /// another process after a crash, are the same group, paid once.
    ///
    /// What was signed before is signed anew only if both signatures cannot be charged: if the chain is past the old one's nonce or
    /// deadline, or if both take the same nonce.
    ///
    /// # Errors
    /// [`FastError::NonceTaken`]; [`SdkError::File`] if it cannot be kept; those of [`authorize_group`](Self::authorize_group) and
    /// [`BatcherClient::submit`].
    pub async fn submit_group(
        &self,
        group: ProofGroup,
        max_fee: u128,
        signer: &dyn Authorise,
        kept: Option<&KeptGroups>,
        progress: &UploadProgress,
    ) -> Result<Submission, SdkError> {
        let parties = self.group_parties(signer.account()).await?;
        let before = match kept {
            Some(kept) => kept.find(&parties, &group)?,
            None => None,
        };
        let mut resumed = before.is_some();
        let mut signed = match before {
            Some(signed) => signed,
            None => self.sign_and_keep(group, max_fee, signer, kept, &parties).await?,
        };
        for _ in 0..NONCE_ATTEMPTS {
            let error = match self.batcher()?.submit(&signed, progress).await {
                Ok(accepted) => return Ok(Submission { signed, accepted, resumed }),
                Err(error) => error,
            };
            let old = signed.authorization().clone();
            let is_stale = error.is(BatcherProblemCode::WrongNonce)
                || error.is(BatcherProblemCode::AlreadyEnded)
                || error.is(BatcherProblemCode::BadDeadline)
                || (error.is(BatcherProblemCode::FeeTooLow) && max_fee > old.max_fee.0);
            if !is_stale {
                return Err(error.into());
            }
            let was_resumed = std::mem::replace(&mut resumed, false);
            if !was_resumed && !error.is(BatcherProblemCode::WrongNonce) {
                // What was signed just now is refused: the same again would be, too.
                return Err(error.into());
            }
            let is_past = self.is_past(&signed).await?;
            let next = self.authorize_group(signed.into_group(), max_fee, signer).await?;
            let (was, now) = (old.first_nonce, next.authorization().first_nonce);
            if !is_past && was != now {
                return Err(FastError::NonceTaken { signed: was, expected: now }.into());
            }
            tracing::debug!(was, now, %error, "a group is signed anew");
            if let Some(kept) = kept {
                kept.keep(&parties, &next)?;
            }
            signed = next;
        }
        let nonce = signed.authorization().first_nonce;
        Err(FastError::NonceTaken { signed: nonce, expected: nonce }.into())
    }

    /// Who pays whom when a group of this user is sent to the profile's batcher.
    ///
    /// # Errors
    /// Those of [`batcher_address`](Self::batcher_address).
    pub async fn group_parties(&self, user: Address) -> Result<GroupParties, SdkError> {
        Ok(GroupParties {
            chain_id: self.profile().chain_id,
            payment_service: self.fast_profile()?.batcher_payments,
            batcher: self.batcher_address().await?,
            user,
        })
    }

    async fn sign_and_keep(
        &self,
        group: ProofGroup,
        max_fee: u128,
        signer: &dyn Authorise,
        kept: Option<&KeptGroups>,
        parties: &GroupParties,
    ) -> Result<SignedGroup, SdkError> {
        let signed = self.authorize_group(group, max_fee, signer).await?;
        if let Some(kept) = kept {
            kept.keep(parties, &signed)?;
        }
        Ok(signed)
    }

    /// Whether a signature can never be charged: the chain is past its nonce or its deadline.
    ///
    /// # Errors
    /// The node's.
    pub async fn is_past(&self, signed: &SignedGroup) -> Result<bool, SdkError> {
        let (contracts, authorization) = (self.fast_contracts().await?, signed.authorization());
        let account = contracts.account(authorization.batcher, authorization.user).await?;
        if account.nonce > authorization.first_nonce {
            return Ok(true);
        }
        Ok(contracts.chain_time().await? > authorization.deadline)
    }

    /// Fetches the verification data of a group, which must be these proofs in this order, and checks all of it against them. What comes
    /// back belongs together, whoever runs the batcher; whether the operators verified it, [`FastContracts::verify`] asks the chain.
    ///
    /// # Errors
    /// [`FastError::GroupNotYet`] until the group is in a batch; [`FastError::OtherAnswer`], [`FastError::OtherProof`] and
    /// [`FastError::BundleInconsistent`] for data of something else; those of [`BatcherClient::group`].
    pub async fn verification_bundles(
        &self,
        id: &GroupId,
        proofs: &[FastProof],
    ) -> Result<Vec<VerificationBundle>, SdkError> {
        let answer = self.batcher()?.group(id).await?;
        let Some(batch) = &answer.batch else {
            let (id, status, waited) = (*id, answer.status, Duration::ZERO);
            return Err(FastError::GroupNotYet { id, status, waited }.into());
        };
        answered("the number of proofs", &proofs.len(), &answer.proofs.len())?;
        let fast = self.fast_profile()?;
        let place = BatchPlace {
            chain_id: self.profile().chain_id,
            service_manager: fast.service_manager,
            sender: fast.batcher_payments,
            batch_root: batch.root,
            task_id: batch.task_id,
        };
        let pairs = proofs.iter().zip(&answer.proofs);
        let bundles =
            pairs.map(|(proof, data)| VerificationBundle::of_answer(proof, &place, batch, data));
        Ok(bundles.collect::<Result<_, _>>()?)
    }
}

/// A `max_fee` with which a group, of however many proofs, need not wait for others to share a batch's price: what a batch of its own
/// costs now, with some room. It is the most that the group may cost; the price is the batch's, the same for each proof in it.
#[must_use]
pub fn sufficient_fee(fees: &FeesAnswer) -> u128 {
    fees.instant_fee.0
}

/// Seconds that an authorisation holds: as wanted, within what the batcher takes, of whose limits a tenth is left for blocks that come
/// between. A batcher that wants signatures to hold for ever gets none that it takes.
fn lifetime(wanted: Duration, limits: &BatcherLimits) -> u64 {
    let longest = limits.max_deadline_seconds.saturating_sub(limits.max_deadline_seconds / 10);
    let shortest = limits.min_deadline_seconds.saturating_add(limits.min_deadline_seconds / 10);
    wanted.as_secs().max(shortest.min(MAX_LIFETIME.as_secs())).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorisation_holds_as_long_as_wanted_and_as_the_batcher_takes_and_never_for_ever() {
        let limits = |min_deadline_seconds, max_deadline_seconds| BatcherLimits {
            max_proofs: 1,
            max_group_bytes: 1,
            upload_seconds: 1,
            min_deadline_seconds,
            max_deadline_seconds,
            max_pending_groups: 1,
        };
        let hour = |limits| lifetime(Duration::from_secs(3_600), &limits);
        assert_eq!(hour(limits(60, 7_200)), 3_600);
        assert_eq!(hour(limits(10_000, 100_000)), 11_000);
        assert_eq!(hour(limits(60, 1_000)), 900);
        assert_eq!(hour(limits(u64::MAX, u64::MAX)), 86_400);
        assert_eq!(hour(limits(0, 0)), 0);
    }
}
