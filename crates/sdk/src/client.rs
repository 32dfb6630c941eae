//! Everything of one network in one place.

use std::path::Path;

use alloy::{
    primitives::{B256, Bytes, TxHash},
    providers::DynProvider,
};
use collimate_api::{Inclusion, ProofId};
use collimate_chain::{
    blobs::{AnvilBlobs, BeaconBlobs, BlobReader, BlobSource},
    provider::{Timeouts, connect},
    signer::Signer,
};
use collimate_core::{Commitment, ProgramId};
use tokio::sync::OnceCell;

use crate::{
    Aggregation, BatcherClient, Expected, ExpectedBatcher, FastContracts, GatewayClient,
    GatewaySettings, InclusionBundle, NetworkProfile, Payer, Payments, Run, SdkError, TxJournal,
    root_of_path,
};

/// A client of one network: its gateway, its contracts and its blobs, as a [`NetworkProfile`] names them.
///
/// It connects to each of them when it is needed first, so the gateway can be used while the node is away and the other way
/// round.
#[derive(Debug)]
pub struct Client {
    profile: NetworkProfile,
    pub(crate) provider: DynProvider,
    gateway: Option<GatewayClient>,
    aggregation: OnceCell<Aggregation>,
    payments: OnceCell<Payments>,
    pub(crate) settings: GatewaySettings,
    pub(crate) batcher: Option<BatcherClient>,
    pub(crate) fast_contracts: OnceCell<FastContracts>,
}

/// Which run covers a proof, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunHint {
    /// Nothing: all runs since the profile's first block are searched, newest first.
    #[default]
    Unknown,
    /// All runs since this block are searched, newest first.
    Since(u64),
    /// The run with this root.
    Root(B256),
    /// The run that this transaction registered.
    Transaction(TxHash),
}

impl Client {
    /// A client. Asks nothing yet.
    ///
    /// # Errors
    /// [`SdkError::Chain`], [`SdkError::Gateway`] and [`SdkError::Fast`] for URLs that cannot be used.
    pub fn new(profile: NetworkProfile, settings: GatewaySettings) -> Result<Self, SdkError> {
        let provider = connect(&profile.rpc_url, Timeouts::default())?;
        let gateway = profile.gateway_url.as_deref();
        let gateway = gateway
            .map(|url| GatewayClient::new(url, Expected::from(&profile), settings.clone()))
            .transpose()?;
        let batcher_url = profile.fast_mode.as_ref().and_then(|fast| fast.batcher_url.as_deref());
        let batcher = batcher_url
            .zip(ExpectedBatcher::of(&profile))
            .map(|(url, expected)| BatcherClient::new(url, expected, settings.clone()))
            .transpose()?;
        Ok(Self {
            profile,
            provider,
            gateway,
            aggregation: OnceCell::new(),
            payments: OnceCell::new(),
            settings,
            batcher,
            fast_contracts: OnceCell::new(),
        })
    }

    /// The network.
    #[must_use]
    pub fn profile(&self) -> &NetworkProfile {
        &self.profile
    }

    /// The gateway.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`] if the profile names none.
    pub fn gateway(&self) -> Result<&GatewayClient, SdkError> {
        self.gateway.as_ref().ok_or_else(|| self.lacks("gateway_url"))
    }

    /// The aggregation service's contract, after checking chain and contract. Connects once.
    ///
    /// # Errors
    /// Those of [`Aggregation::connect`].
    pub async fn aggregation(&self) -> Result<&Aggregation, SdkError> {
        let (contract, chain) = (self.profile.aggregation_service, self.profile.chain_id);
        self.aggregation
            .get_or_try_init(|| Aggregation::connect(self.provider.clone(), contract, Some(chain)))
            .await
    }

    /// The payment service's contract, after checking chain and contract. Connects once.
    ///
    /// # Errors
    /// [`SdkError::ProfileLacks`], and those of [`Payments::connect`].
    pub async fn payments(&self) -> Result<&Payments, SdkError> {
        let contract = self.profile.payment_service;
        let contract = contract.ok_or_else(|| self.lacks("payment_service"))?;
        let chain = Some(self.profile.chain_id);
        self.payments
            .get_or_try_init(|| Payments::connect(self.provider.clone(), contract, chain))
            .await
    }

    /// Who deposits with this key. `journal` is a folder in which transactions on their way are remembered.
    ///
    /// # Errors
    /// Those of [`payments`](Self::payments) and [`TxJournal::open`].
    pub async fn payer(&self, signer: Signer, journal: &Path) -> Result<Payer, SdkError> {
        let payments = self.payments().await?;
        let journal = TxJournal::open(journal)?;
        Ok(Payer::new(self.provider.clone(), signer, journal, payments))
    }

    /// Where blobs are read.
    ///
    /// # Errors
    /// [`SdkError::Chain`] for a URL that cannot be used.
    pub fn blobs(&self) -> Result<BlobReader, SdkError> {
        let source: Box<dyn BlobSource> = match &self.profile.beacon_url {
            Some(url) => Box::new(BeaconBlobs::new(url)?),
            None => Box::new(AnvilBlobs::new(self.provider.clone())),
        };
        Ok(BlobReader::new(vec![source]))
    }

    /// Fetches a proof's inclusion from the gateway and verifies it: offline, and against the contract of the profile, which
    /// must confirm the proof and deny two forgeries of it. What comes back can be relied on, whoever runs the gateway.
    ///
    /// `expected` is the proof's commitment as its owner knows it, so that the gateway cannot show another proof's
    /// inclusion.
    ///
    /// # Errors
    /// Those of [`GatewayClient::inclusion`] and [`Aggregation::verify_bundle`]; [`SdkError::OtherCommitment`];
    /// [`SdkError::AcceptsForgery`].
    pub async fn inclusion(
        &self,
        id: &ProofId,
        expected: Option<&Commitment>,
    ) -> Result<(Inclusion<InclusionBundle>, Run), SdkError> {
        let inclusion = self.gateway()?.inclusion(id).await?;
        let run = self.verify(&inclusion.bundle, expected).await?;
        Ok((inclusion, run))
    }

    /// Finds a proof's inclusion without any service: from the chain and the run's blobs alone, rebuilding the run's tree. For when
    /// the service is gone; blobs are kept by beacon nodes for about 18 days, and by archives for longer.
    ///
    /// # Errors
    /// Those of [`Aggregation::find`], [`Aggregation::aggregation`] and [`Aggregation::content`].
    pub async fn rebuild_inclusion(
        &self,
        program_id: ProgramId,
        public_values: Bytes,
        hint: RunHint,
    ) -> Result<(InclusionBundle, Run), SdkError> {
        let aggregation = self.aggregation().await?;
        let blobs = self.blobs()?;
        let commitment = Commitment::new(&public_values, &program_id);
        let run = match hint {
            RunHint::Root(root) => Some(aggregation.aggregation(root).await?),
            RunHint::Transaction(transaction) => {
                Some(aggregation.run_of_transaction(transaction).await?)
            }
            RunHint::Unknown | RunHint::Since(_) => None,
        };
        let (run, content) = match run {
            Some(run) => {
                let content = aggregation.content(&run, &blobs).await?;
                (run, content)
            }
            None => {
                let since = match hint {
                    RunHint::Since(block) => block,
                    _ => self.profile.first_block,
                };
                aggregation.find(&commitment, since, None, &blobs).await?
            }
        };
        let path = content.path(&commitment)?;
        let bundle = InclusionBundle::new(&run, program_id, public_values, &path)?;
        self.verify(&bundle, Some(&commitment)).await?;
        Ok((bundle, run))
    }

    /// Verifies a bundle: offline, and against the contract of the profile.
    ///
    /// # Errors
    /// Those of [`inclusion`](Self::inclusion).
    pub async fn verify(
        &self,
        bundle: &InclusionBundle,
        expected: Option<&Commitment>,
    ) -> Result<Run, SdkError> {
        if let Some(expected) = expected.filter(|expected| **expected != bundle.commitment) {
            return Err(SdkError::OtherCommitment {
                expected: *expected,
                found: bundle.commitment,
            });
        }
        let aggregation = self.aggregation().await?;
        let run = aggregation.verify_bundle(bundle).await?;
        debug_assert_eq!(root_of_path(&bundle.commitment, &bundle.path), run.root);
        let check = aggregation
            .check_inclusion(&bundle.path, &bundle.program_id, &bundle.public_values)
            .await?;
        if !check.holds() {
            let contract = aggregation.contract();
            return Err(SdkError::AcceptsForgery { contract });
        }
        Ok(run)
    }

    pub(crate) fn lacks(&self, field: &'static str) -> SdkError {
        SdkError::ProfileLacks { name: self.profile.name.clone(), field }
    }
}
