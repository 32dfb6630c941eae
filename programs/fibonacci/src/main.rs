//! Fibonacci: from `n` (4 bytes, little-endian) to the n-th and the next Fibonacci number, both
//! modulo 2^64. Public values, as ABI words: `(uint256 n, uint256 a, uint256 b)`.

#![no_main]
sp1_zkvm::entrypoint!(main);

fn main() {
    let input = sp1_zkvm::io::read_vec();
    let n = u32::from_le_bytes(input.as_slice().try_into().expect("input is n, 4 bytes"));

    let (mut a, mut b) = (0_u64, 1_u64);
    for _ in 0..n {
        (a, b) = (b, a.wrapping_add(b));
    }

    let mut public_values = [0; 96];
    public_values[28..32].copy_from_slice(&n.to_be_bytes());
    public_values[56..64].copy_from_slice(&a.to_be_bytes());
    public_values[88..96].copy_from_slice(&b.to_be_bytes());
    sp1_zkvm::io::commit_slice(&public_values);
}
