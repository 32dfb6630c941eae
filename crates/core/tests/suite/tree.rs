//! The tree's properties that guests and contract rely on.

use collimate_core::{
    Commitment, Error, Hash, MAX_PROOFS_PER_RUN, keccak256,
    tree::{self, MerkleTree},
};
use proptest::prelude::*;

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|i| Commitment(keccak256(&[&i.to_be_bytes()])).leaf()).collect()
}

/// The tree as its definition reads, top down: the left subtree is the largest complete one.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let left = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(left);
    let mut pair = [root_by_definition(left), root_by_definition(right)];
    pair.sort_unstable();
    keccak256(&[&pair.concat()])
}

fn assert_chunks_make_the_same_root(leaves: &[Hash], chunk_sizes: impl Iterator<Item = usize>) {
    let whole = tree::root(leaves).unwrap();
    for size in chunk_sizes {
        let chunk_roots: Vec<Hash> =
            leaves.chunks(size).map(|chunk| tree::root(chunk).unwrap()).collect();
        let over_chunks = tree::root(&chunk_roots).unwrap();
        assert_eq!(over_chunks, whole, "{} leaves in chunks of {size}", leaves.len());
    }
}

fn chunk_sizes() -> impl Iterator<Item = usize> {
    (0..=14).map(|log2| 1 << log2)
}

#[test]
fn a_tree_needs_a_leaf() {
    assert_eq!(tree::root(&[]), Err(Error::EmptyTree));
    assert_eq!(MerkleTree::new(Vec::new()), Err(Error::EmptyTree));
}

#[test]
fn the_root_of_one_leaf_is_the_leaf() {
    let [leaf] = leaves(1).try_into().unwrap();
    assert_eq!(tree::root(&[leaf]), Ok(leaf));
}

#[test]
fn levels_from_below_and_definition_from_above_agree() {
    let all = leaves(300);
    for count in 1..=all.len() {
        let root = root_by_definition(&all[..count]);
        assert_eq!(tree::root(&all[..count]), Ok(root));
        assert_eq!(MerkleTree::new(all[..count].to_vec()).unwrap().root(), root);
    }
}

#[test]
fn the_tree_over_chunk_roots_is_the_tree_over_all_leaves_for_every_small_count() {
    let all = leaves(520);
    for count in 1..=all.len() {
        assert_chunks_make_the_same_root(&all[..count], chunk_sizes().take(10));
    }
}

#[test]
fn the_tree_over_chunk_roots_is_the_tree_over_all_leaves_around_every_power_of_two() {
    let all = leaves(MAX_PROOFS_PER_RUN);
    for power in 10..=14 {
        for count in [(1 << power) - 1, 1 << power, (1 << power) + 1] {
            assert_chunks_make_the_same_root(&all[..count], chunk_sizes());
        }
    }
    assert_chunks_make_the_same_root(&all, chunk_sizes());
}

#[test]
fn every_path_leads_to_the_root_and_no_path_verifies_another_leaf() {
    let all = leaves(40);
    for count in 1..=all.len() {
        let tree = MerkleTree::new(all[..count].to_vec()).unwrap();
        for index in 0..count {
            let path = tree.path(index).unwrap();
            for (other, leaf) in all.iter().enumerate() {
                assert_eq!(tree::verify_path(&tree.root(), leaf, &path), other == index);
            }
        }
        assert_eq!(tree.path(count), Err(Error::NoSuchLeaf { index: count, count }));
        assert_eq!(tree.path(usize::MAX), Err(Error::NoSuchLeaf { index: usize::MAX, count }));
    }
}

#[test]
fn no_node_passes_as_a_commitment() {
    let tree = MerkleTree::new(leaves(8)).unwrap();
    let (a, b) = (tree.leaves()[0], tree.leaves()[1]);
    let inner = tree::node(&a, &b);
    let path_above = &tree.path(0).unwrap()[1..];
    assert!(tree::verify_path(&tree.root(), &inner, path_above), "as a raw node it is in the tree");
    assert!(!tree::verify_path(&tree.root(), &Commitment(inner).leaf(), path_above));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_tree_over_chunk_roots_is_the_tree_over_all_leaves(count in 1..=MAX_PROOFS_PER_RUN) {
        assert_chunks_make_the_same_root(&leaves(count), chunk_sizes());
    }

    #[test]
    fn a_path_holds_for_its_leaf_alone(
        count in 2..=MAX_PROOFS_PER_RUN,
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        bit in 0..256_usize,
        at in any::<prop::sample::Index>(),
    ) {
        let all = leaves(count);
        let tree = MerkleTree::new(all.clone()).unwrap();
        let (index, other) = (index.index(count), other.index(count));
        let path = tree.path(index).unwrap();
        prop_assert!(tree::verify_path(&tree.root(), &all[index], &path));
        prop_assert_eq!(tree::verify_path(&tree.root(), &all[other], &path), index == other);

        let mut bent = path.clone();
        bent[at.index(path.len())][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!tree::verify_path(&tree.root(), &all[index], &bent));
        prop_assert!(!tree::verify_path(&tree.root(), &all[index], &path[1..]));
    }
}
