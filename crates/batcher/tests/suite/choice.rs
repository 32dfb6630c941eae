//! Which groups make a batch: cases by hand, and what holds for every crowd.

use std::collections::{HashMap, HashSet};

use alloy::primitives::Address;
use collimate_batcher::{Candidate, Choice, Costs, Room, choose};
use proptest::{collection::vec, prelude::*};

const ROOM: Room = Room { proofs: 1_000, bytes: 1_000_000, gas: 1_000_000, wallets: 4 };
/// A batch costs 100 and 1 for each gas.
const COSTS: Costs = Costs { fixed: 100, gas_price: 1 };

fn group(user: u8, first_nonce: u64, proofs: u32, max_fee: u128, sequence: i64) -> Candidate {
    let name = |proof: u32| {
        let mut name = [user; 32];
        name[..8].copy_from_slice(&(first_nonce + u64::from(proof)).to_be_bytes());
        name
    };
    Candidate {
        user: Address::repeat_byte(user),
        first_nonce,
        proofs,
        max_fee,
        gas: 10,
        bytes: 100,
        by_wallet: false,
        sequence,
        commitments: (0..proofs).map(name).collect(),
    }
}

fn chosen(candidates: &[Candidate]) -> Option<Choice> {
    choose(candidates, &ROOM, &COSTS)
}

#[test]
fn one_group_pays_for_a_batch_of_its_own_or_waits() {
    let choice = chosen(&[group(1, 0, 1, 110, 0)]).unwrap();
    assert_eq!(choice, Choice { groups: vec![0], fee_per_proof: 110 });
    assert_eq!(chosen(&[group(1, 0, 1, 109, 0)]), None);
    assert_eq!(chosen(&[]), None);
}

#[test]
fn everybody_pays_the_same_lower_price() {
    let crowd: Vec<_> = (0..10).map(|user| group(user, 0, 1, 1_000, user.into())).collect();
    let choice = chosen(&crowd).unwrap();
    assert_eq!(choice.fee_per_proof, 20, "(100 + 10 × 10) / 10");
    assert_eq!(choice.groups, (0..10).collect::<Vec<_>>(), "in the order of acceptance");
}

#[test]
fn who_offers_less_than_the_price_is_left_out_and_who_offers_enough_is_not() {
    let crowd = [
        group(1, 0, 1, 30, 0),
        group(2, 0, 1, 60, 1),
        group(3, 0, 1, 60, 2),
        group(4, 0, 1, 60, 3),
    ];
    // Three pay (100 + 30) / 3 = 44; with the first it would be 35, above its 30.
    let choice = chosen(&crowd).unwrap();
    assert_eq!(choice, Choice { groups: vec![1, 2, 3], fee_per_proof: 44 });
}

#[test]
fn a_price_that_is_met_only_by_a_larger_batch_is_found() {
    // The two that offer most cannot pay alone: 60 each; all four can: 35 each.
    let crowd = [
        group(1, 0, 1, 50, 0),
        group(2, 0, 1, 50, 1),
        group(3, 0, 1, 40, 2),
        group(4, 0, 1, 40, 3),
    ];
    let choice = chosen(&crowd).unwrap();
    assert_eq!(choice.groups.len(), 4);
    assert_eq!(choice.fee_per_proof, 35);
}

#[test]
fn a_users_groups_are_in_the_order_of_their_nonces_also_if_a_later_one_offers_more() {
    let crowd = [group(1, 1, 1, 9_000, 1), group(1, 0, 1, 200, 0), group(2, 0, 1, 300, 2)];
    assert_eq!(chosen(&crowd).unwrap().groups, vec![2, 1, 0]);
    // Behind one that offers too little, none of that user's is taken.
    let crowd = [group(1, 1, 1, 9_000, 1), group(1, 0, 1, 2, 0), group(2, 0, 1, 300, 2)];
    assert_eq!(chosen(&crowd).unwrap().groups, vec![2]);
    // Nor behind a gap.
    let crowd = [group(1, 3, 1, 9_000, 1), group(1, 0, 1, 200, 0), group(2, 0, 1, 300, 2)];
    assert_eq!(chosen(&crowd).unwrap().groups, vec![2, 1]);
}

#[test]
fn what_does_not_fit_waits_and_smaller_ones_go_on() {
    let mut large = group(1, 0, 1, 900, 0);
    large.bytes = ROOM.bytes + 1;
    let crowd = [large, group(1, 1, 1, 900, 1), group(2, 0, 1, 300, 2)];
    assert_eq!(chosen(&crowd).unwrap().groups, vec![2], "its user's next does not overtake it");
    let room = Room { proofs: 2, ..ROOM };
    let crowd = [group(1, 0, 1, 300, 2), group(2, 0, 1, 300, 0), group(3, 0, 1, 300, 1)];
    let choice = choose(&crowd, &room, &COSTS).unwrap();
    assert_eq!(choice.groups, vec![1, 2], "who waits longer is first");
}

#[test]
fn wallets_are_limited_and_proofs_are_not_repeated() {
    let wallets: Vec<_> = (0..8)
        .map(|user| Candidate { by_wallet: true, ..group(user, 0, 1, 900, user.into()) })
        .collect();
    assert_eq!(chosen(&wallets).unwrap().groups.len(), 4);
    let copy = Candidate { user: Address::repeat_byte(9), ..group(1, 0, 2, 900, 5) };
    let crowd = [group(1, 0, 2, 900, 0), copy, group(3, 0, 1, 900, 6)];
    assert_eq!(chosen(&crowd).unwrap().groups, vec![2, 0]);
}

fn any_group() -> impl Strategy<Value = Candidate> {
    (0..6_u8, 1..4_u32, 0..400_u128, 1..40_u64, 1..50_u64, any::<bool>(), 0..60_u8).prop_map(
        |(user, proofs, max_fee, gas, bytes, by_wallet, name)| Candidate {
            user: Address::repeat_byte(user),
            first_nonce: 0,
            proofs,
            max_fee,
            gas,
            bytes,
            by_wallet,
            sequence: 0,
            commitments: (0..proofs as u8).map(|proof| [name.wrapping_add(proof); 32]).collect(),
        },
    )
}

/// Users whose groups follow each other, in the order of acceptance; one in eight has a gap.
fn crowd() -> impl Strategy<Value = Vec<Candidate>> {
    vec((any_group(), any::<u8>()), 0..24).prop_map(|groups| {
        let mut nonces: HashMap<Address, u64> = HashMap::new();
        let numbered = groups.into_iter().enumerate().map(|(place, (mut group, gap))| {
            let nonce = nonces.entry(group.user).or_insert(7);
            *nonce += u64::from(gap % 8 == 0);
            group.first_nonce = *nonce;
            *nonce += u64::from(group.proofs);
            group.sequence = place as i64;
            group
        });
        numbered.collect()
    })
}

/// What a candidate is worth behind its user's others, computed another way.
fn worth(candidates: &[Candidate], place: usize) -> u128 {
    let of = &candidates[place];
    let before = candidates
        .iter()
        .filter(|other| other.user == of.user && other.first_nonce <= of.first_nonce);
    before.map(Candidate::offer).min().unwrap()
}

/// With proofs of its own.
fn unlike_others(place: usize, mut group: Candidate) -> Candidate {
    let name = |proof: u8| {
        let mut name = [place as u8; 32];
        name[0] = proof;
        name
    };
    group.commitments = (0..group.proofs as u8).map(name).collect();
    group
}

/// Who offers this price and pays its own gas at it, and so do all of its user before it, without a gap.
fn paying(candidates: &[Candidate], price: u128, costs: &Costs) -> Vec<usize> {
    let pays = |group: &Candidate| {
        price * u128::from(group.proofs) >= costs.gas_price * u128::from(group.gas)
    };
    let all = (0..candidates.len()).filter(|place| {
        let of = &candidates[*place];
        let mut own: Vec<_> = candidates
            .iter()
            .filter(|other| other.user == of.user && other.first_nonce <= of.first_nonce)
            .collect();
        own.sort_by_key(|other| other.first_nonce);
        let joined = own
            .windows(2)
            .all(|pair| pair[1].first_nonce == pair[0].first_nonce + u64::from(pair[0].proofs));
        joined && worth(candidates, *place) >= price && own.into_iter().all(pays)
    });
    all.collect()
}

proptest! {
    #[test]
    fn nobody_pays_more_than_signed_and_the_costs_are_covered(crowd in crowd(), fixed in 1..500_u128) {
        let costs = Costs { fixed, gas_price: 2 };
        let room = Room { proofs: 20, bytes: 300, gas: 200, wallets: 2 };
        let Some(choice) = choose(&crowd, &room, &costs) else { return Ok(()) };
        let groups: Vec<_> = choice.groups.iter().map(|place| &crowd[*place]).collect();
        prop_assert!(!groups.is_empty());
        let proofs: u64 = groups.iter().map(|group| u64::from(group.proofs)).sum();
        let gas: u64 = groups.iter().map(|group| group.gas).sum();
        prop_assert!(choice.fee_per_proof * u128::from(proofs) >= costs.of(gas));
        prop_assert!((choice.fee_per_proof - 1) * u128::from(proofs) < costs.of(gas), "no more than that");
        for group in &groups {
            prop_assert!(choice.fee_per_proof * u128::from(group.proofs) <= group.max_fee);
        }
        prop_assert!(proofs <= room.proofs && gas <= room.gas);
        prop_assert!(groups.iter().map(|group| group.bytes).sum::<u64>() <= room.bytes);
        prop_assert!(groups.iter().filter(|group| group.by_wallet).count() <= 2);
        let names: Vec<_> = groups.iter().flat_map(|group| &group.commitments).collect();
        prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        // Nonces of each user without gaps, from the first that waits.
        let mut next: HashMap<Address, u64> = HashMap::new();
        for group in &groups {
            let first = crowd.iter().filter(|other| other.user == group.user);
            let first = first.map(|other| other.first_nonce).min().unwrap();
            let nonce = next.entry(group.user).or_insert(first);
            prop_assert_eq!(*nonce, group.first_nonce);
            *nonce += u64::from(group.proofs);
        }
    }

    #[test]
    fn who_waits_longest_is_served_and_nobody_who_pays_is_left_out(crowd in crowd(), fixed in 1..500_u128) {
        let costs = Costs { fixed, gas_price: 2 };
        let room = Room { proofs: 1_000, bytes: 100_000, gas: 100_000, wallets: 1_000 };
        let distinct: Vec<_> = crowd.into_iter().enumerate().map(|(place, group)| unlike_others(place, group)).collect();
        let mut sets = vec![];
        for place in 0..distinct.len() {
            let price = worth(&distinct, place);
            let set = paying(&distinct, price, &costs);
            let proofs: u64 = set.iter().map(|place| u64::from(distinct[*place].proofs)).sum();
            let gas: u64 = set.iter().map(|place| distinct[*place].gas).sum();
            if proofs > 0 && price * u128::from(proofs) >= costs.of(gas) {
                sets.push(set);
            }
        }
        let choice = choose(&distinct, &room, &costs);
        prop_assert_eq!(choice.is_some(), !sets.is_empty(), "whoever can pay is not made to wait");
        let Some(choice) = choice else { return Ok(()) };
        let oldest = sets.iter().flatten().min().unwrap();
        prop_assert!(choice.groups.contains(oldest), "{oldest} waits longest");
        let least = choice.groups.iter().map(|place| worth(&distinct, *place)).min().unwrap();
        for place in paying(&distinct, least, &costs) {
            prop_assert!(choice.groups.contains(&place), "{place} pays as much");
        }
    }

    #[test]
    fn the_order_in_which_candidates_are_given_changes_nothing(
        (crowd, shuffled) in crowd().prop_flat_map(|crowd| (Just(crowd.clone()), Just(crowd).prop_shuffle()))
    ) {
        let names = |candidates: &[Candidate]| {
            choose(candidates, &ROOM, &COSTS).map(|choice| {
                let groups = choice.groups.iter().map(|place| candidates[*place].clone());
                (choice.fee_per_proof, groups.collect::<Vec<_>>())
            })
        };
        prop_assert_eq!(names(&crowd), names(&shuffled));
    }
}
