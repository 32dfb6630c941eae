//! BLS12-381 signatures with public keys in G2 and signatures in G1, as `QuorumSP1Verifier` checks them.
//!
//! On the wire and in files points have their compressed form (96 bytes a key, 48 a signature); for the contracts they
//! convert to [`G2Point`] and [`G1Point`], which have EIP-2537's encoding. Every point that comes from outside is checked to be on the curve, in the right group and not at infinity before it
//! is used. Keys are aggregated by contracts that demand a proof of possession, so rogue keys do not get in.

use std::fmt;

use alloy::primitives::{Address, B256};
use blst::{BLST_ERROR, min_sig};
use collimate_contracts::{
    ContractsError, G1Point, G2Point,
    signing::{POP_DOMAIN, SIGNATURE_DOMAIN, proof_of_possession_message},
};
use zeroize::Zeroizing;

use crate::AttestationError;

/// A secret key. It is wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct SecretKey(min_sig::SecretKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public_key())
    }
}

impl SecretKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn generate() -> Result<Self, AttestationError> {
        use rand::TryRngCore;
        let mut seed = Zeroizing::new([0_u8; 32]);
        rand::rngs::OsRng.try_fill_bytes(seed.as_mut()).map_err(|error| AttestationError::Key {
            place: "the operating system's randomness".to_owned(),
            reason: error.to_string(),
        })?;
        Self::from_seed(&seed)
    }

    /// The key that 32 secret bytes derive (KeyGen of draft-irtf-cfrg-bls-signature).
    ///
    /// # Errors
    /// Never for 32 bytes; blst's signature has one.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, AttestationError> {
        min_sig::SecretKey::key_gen(seed, &[]).map(Self).map_err(|_| AttestationError::Key {
            place: "seed".to_owned(),
            reason: "not usable".to_owned(),
        })
    }

    /// Reads a key: 32 bytes, big-endian, not zero and below the group's order.
    ///
    /// # Errors
    /// [`AttestationError::Key`], without the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AttestationError> {
        min_sig::SecretKey::from_bytes(bytes).map(Self).map_err(|_| AttestationError::Key {
            place: "secret key".to_owned(),
            reason: "not 32 bytes of a number from 1 to the group's order".to_owned(),
        })
    }

    /// The key's 32 bytes, wiped after use.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.sk_to_pk())
    }

    /// Signs the 32 bytes of a [`crate::SigningContext::message`].
    pub fn sign(&self, message: B256) -> Signature {
        Signature(self.0.sign(message.as_slice(), SIGNATURE_DOMAIN, &[]))
    }

    /// Proves to a registry that whoever registers this public key holds its secret key.
    pub fn prove_possession(&self, registration: &Registration) -> Signature {
        let message = registration.message(&self.public_key());
        Signature(self.0.sign(message.as_slice(), POP_DOMAIN, &[]))
    }
}

/// What a proof of possession is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// Chain of the registry.
    pub chain_id: u64,
    /// The `OperatorRegistry` contract.
    pub registry: Address,
    /// The account that registers.
    pub operator: Address,
}

impl Registration {
    fn message(&self, key: &PublicKey) -> B256 {
        let Self { chain_id, registry, operator } = *self;
        proof_of_possession_message(chain_id, registry, operator, key.to_point())
    }
}

/// A public key, always a point of G2 other than infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(min_sig::PublicKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.to_bytes()))
    }
}

impl PublicKey {
    /// Reads the 96 bytes of a compressed key.
    ///
    /// # Errors
    /// [`AttestationError::Point`] unless it is a point of the group other than infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AttestationError> {
        Self::checked(min_sig::PublicKey::uncompress(bytes))
    }

    /// The 96 bytes of the compressed key.
    pub fn to_bytes(&self) -> [u8; 96] {
        self.0.compress()
    }

    /// Reads a key of the registry.
    ///
    /// # Errors
    /// [`AttestationError::Point`] unless it is a point of the group other than infinity.
    pub fn from_point(point: G2Point) -> Result<Self, AttestationError> {
        Self::checked(min_sig::PublicKey::deserialize(&point.to_uncompressed()))
    }

    /// The key as the contracts take it.
    pub fn to_point(&self) -> G2Point {
        finite(G2Point::from_uncompressed(self.0.serialize()))
    }

    fn checked(key: Result<min_sig::PublicKey, BLST_ERROR>) -> Result<Self, AttestationError> {
        let key = key.and_then(|key| key.validate().map(|()| key)).map_err(point("public key"))?;
        Ok(Self(key))
    }

    /// Whether the proof of possession is this key's for this registration.
    pub fn possesses(&self, registration: &Registration, proof: &Signature) -> bool {
        let message = registration.message(self);
        proof.0.verify(true, message.as_slice(), POP_DOMAIN, &[], &self.0, true)
            == BLST_ERROR::BLST_SUCCESS
    }

    /// The sum of keys, which verifies the sum of their signatures over one message; none for an empty list.
    pub fn aggregate(keys: &[Self]) -> Option<Self> {
        let keys: Vec<_> = keys.iter().map(|key| &key.0).collect();
        let sum = min_sig::AggregatePublicKey::aggregate(&keys, false).ok()?.to_public_key();
        sum.validate().is_ok().then_some(Self(sum))
    }
}

/// A signature or a sum of them, always a point of G1 other than infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(min_sig::Signature);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.to_bytes()))
    }
}

impl Signature {
    /// Reads the 48 bytes of a compressed signature.
    ///
    /// # Errors
    /// [`AttestationError::Point`] unless it is a point of the group other than infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AttestationError> {
        let signature = min_sig::Signature::uncompress(bytes).map_err(point("signature"))?;
        signature.validate(true).map_err(point("signature"))?;
        Ok(Self(signature))
    }

    /// The 48 bytes of the compressed signature.
    pub fn to_bytes(&self) -> [u8; 48] {
        self.0.compress()
    }

    /// The signature as the contracts take it.
    pub fn to_point(&self) -> G1Point {
        finite(G1Point::from_uncompressed(self.0.serialize()))
    }

    /// Whether this is the signature of `key` (or the sum of signatures for a sum of keys) over `message`.
    pub fn verify(&self, message: B256, key: &PublicKey) -> bool {
        self.0.verify(true, message.as_slice(), SIGNATURE_DOMAIN, &[], &key.0, true)
            == BLST_ERROR::BLST_SUCCESS
    }

    /// The sum of signatures; none for an empty list.
    pub fn aggregate(signatures: &[Self]) -> Option<Self> {
        let signatures: Vec<_> = signatures.iter().map(|signature| &signature.0).collect();
        let sum = min_sig::AggregateSignature::aggregate(&signatures, false).ok()?.to_signature();
        sum.validate(true).is_ok().then_some(Self(sum))
    }
}

/// Unwraps a conversion that fails for the point at infinity alone, which keys and signatures never are.
#[expect(clippy::expect_used, reason = "excluded by every constructor of a key or signature")]
fn finite<P>(point: Result<P, ContractsError>) -> P {
    point.expect("not the point at infinity")
}

fn point(what: &'static str) -> impl FnOnce(BLST_ERROR) -> AttestationError {
    move |error| AttestationError::Point {
        what,
        reason: match error {
            BLST_ERROR::BLST_POINT_NOT_ON_CURVE => "not on the curve",
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP => "not in the group",
            BLST_ERROR::BLST_PK_IS_INFINITY => "the point at infinity",
            _ => "not its compressed encoding",
        },
    }
}
