//! Which groups make a batch, and what each proof of it costs: no clock, no I/O.
//!
//! Everybody in a batch pays the same price for a proof, so it is at most the least that one of its groups offers for a proof, and all
//! together must cover the batch's costs. For each offer there is one batch that could be made at it: the groups that
//! offer as much or more and that pay, at this price, at least the gas that they take themselves, as many as there is room for,
//! those that offer most first, then those that wait longest. A group that is carried by others would make them wait for it.
//!
//! Of the batches that cover their costs the one is made that has the group which waits longest of all that are in any of them;
//! so nothing that a batch could have waits for ever behind others. Of several such batches it is the one with the most groups,
//! and then the cheapest. What it costs is divided by its proofs, which can only lower the price that it was made at.
//!
//! A user's groups are charged in the order of their nonces, so one offers no more than those before it, and is never taken
//! without them.
//!
//! | a group is left out | because |
//! |---|---|
//! | it offers too little | at its offer no batch covers its costs, or it would not pay its own gas |
//! | there was no room | groups that offer more took it, or as much and wait longer |
//! | another group has one of its proofs | a manifest has no proof twice; the other one comes first by the same rule |
//! | one of its user's before it is left out | nonces are charged in order |

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use alloy::primitives::Address;

use crate::price::Costs;

/// A group that could be in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who pays.
    pub user: Address,
    /// Nonce of its first proof. The user's groups follow each other without gaps.
    pub first_nonce: u64,
    /// How many proofs it has, at least one.
    pub proofs: u32,
    /// Most wei that it may cost.
    pub max_fee: u128,
    /// Gas that it takes.
    pub gas: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether a wallet signed, or signed one of its user's before it.
    pub by_wallet: bool,
    /// Its place in the order of acceptance.
    pub sequence: i64,
    /// Fast commitments of its proofs.
    pub commitments: Vec<[u8; 32]>,
}

impl Candidate {
    /// Wei that it offers for a proof.
    #[must_use]
    pub fn offer(&self) -> u128 {
        self.max_fee.checked_div(u128::from(self.proofs)).unwrap_or(0)
    }
}

/// What a batch may have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Proofs.
    pub proofs: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Gas of groups.
    pub gas: u64,
    /// Groups that a wallet signed, each of which can be verified at the batcher's expense.
    pub wallets: u32,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Places of its groups among the candidates, in the batch's order.
    pub groups: Vec<usize>,
    /// Wei that each proof costs.
    pub fee_per_proof: u128,
}

/// The batch that these candidates make, if there is one whose price they pay. Its time grows with the square of their number.
#[must_use]
pub fn choose(candidates: &[Candidate], room: &Room, costs: &Costs) -> Option<Choice> {
    let ranked = in_order(candidates);
    let repeated = repeated(candidates);
    let mut offers: Vec<u128> = ranked.iter().map(|ranked| ranked.offer).collect();
    offers.dedup();
    let batches = offers.into_iter().filter_map(|offer| {
        let among = ranked.iter().take_while(|ranked| ranked.offer >= offer);
        let among = among.filter_map(|ranked| Some((ranked.place, candidates.get(ranked.place)?)));
        made_at(offer, among, &repeated, room, costs)
    });
    let best = batches.min_by_key(|batch| {
        (batch.oldest, Reverse(batch.choice.groups.len()), batch.choice.fee_per_proof)
    });
    best.map(|batch| batch.choice)
}

/// A batch that covers its costs.
struct Possible {
    choice: Choice,
    /// Place in the order of acceptance of the group that waits longest.
    oldest: i64,
}

/// The batch that is made at this offer, if it covers its costs.
fn made_at<'a>(
    offer: u128,
    among: impl Iterator<Item = (usize, &'a Candidate)>,
    repeated: &HashSet<&[u8; 32]>,
    room: &Room,
    costs: &Costs,
) -> Option<Possible> {
    let (mut left, mut gas, mut proofs, mut oldest) = (*room, 0_u64, 0_u64, i64::MAX);
    let (mut blocked, mut taken, mut groups) =
        (HashSet::new(), HashSet::<&[u8; 32]>::new(), vec![]);
    for (place, candidate) in among {
        if blocked.contains(&candidate.user) {
            continue;
        }
        let own_gas = costs.gas_price.saturating_mul(u128::from(candidate.gas));
        let pays = offer.saturating_mul(u128::from(candidate.proofs)) >= own_gas;
        let shared = || candidate.commitments.iter().filter(|proof| repeated.contains(proof));
        let fits = match pays && !shared().any(|proof| taken.contains(proof)) {
            true => left.without(candidate),
            false => None,
        };
        let Some(rest) = fits else {
            blocked.insert(candidate.user);
            continue;
        };
        left = rest;
        taken.extend(shared());
        groups.push(place);
        gas = gas.saturating_add(candidate.gas);
        proofs = proofs.saturating_add(candidate.proofs.into());
        oldest = oldest.min(candidate.sequence);
    }
    let (cost, proofs) = (costs.of(gas), u128::from(proofs));
    if proofs == 0 || offer.saturating_mul(proofs) < cost {
        return None;
    }
    let fee_per_proof = cost.div_ceil(proofs).max(1);
    Some(Possible { choice: Choice { groups, fee_per_proof }, oldest })
}

/// Proofs that several candidates have.
fn repeated(candidates: &[Candidate]) -> HashSet<&[u8; 32]> {
    let mut seen = HashSet::new();
    let all = candidates.iter().flat_map(|candidate| &candidate.commitments);
    all.filter(|proof| !seen.insert(*proof)).collect()
}

impl Room {
    /// What is left beside this group; `None` if there is too little room for it.
    fn without(self, group: &Candidate) -> Option<Self> {
        Some(Self {
            proofs: self.proofs.checked_sub(group.proofs.into())?,
            bytes: self.bytes.checked_sub(group.bytes)?,
            gas: self.gas.checked_sub(group.gas)?,
            wallets: self.wallets.checked_sub(group.by_wallet.into())?,
        })
    }
}

/// A candidate with what it is worth behind its user's others.
struct Ranked {
    place: usize,
    offer: u128,
    waits: i64,
}

/// The candidates in the order in which they are taken, each user's by their nonces.
fn in_order(candidates: &[Candidate]) -> Vec<Ranked> {
    let mut users: HashMap<Address, Vec<usize>> = HashMap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        users.entry(candidate.user).or_default().push(place);
    }
    let nonce = |place: &usize| candidates.get(*place).map(|candidate| candidate.first_nonce);
    let mut ranked = Vec::with_capacity(candidates.len());
    for places in users.values_mut() {
        places.sort_by_key(nonce);
        let (mut offer, mut waits, mut next) = (u128::MAX, i64::MIN, None);
        for place in places {
            let Some(candidate) = candidates.get(*place) else { continue };
            // Behind a gap nothing can be charged.
            if next.is_some_and(|next| next != candidate.first_nonce) || candidate.proofs == 0 {
                break;
            }
            next = candidate.first_nonce.checked_add(candidate.proofs.into());
            offer = offer.min(candidate.offer());
            waits = waits.max(candidate.sequence);
            ranked.push(Ranked { place: *place, offer, waits });
        }
    }
    ranked.sort_by_key(|ranked| {
        let user = candidates.get(ranked.place).map(|candidate| candidate.user);
        (Reverse(ranked.offer), ranked.waits, user, nonce(&ranked.place))
    });
    ranked
}
