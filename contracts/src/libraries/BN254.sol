// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The curve BN254
/// @notice Group operations and the pairing over the precompiles of EIP-196 and EIP-197, which refuse coordinates that are
/// not below the modulus and points off their curve or outside their subgroup.
library BN254 {
    /// @notice A point of G1; infinity is all zero.
    struct G1Point {
        uint256 x;
        uint256 y;
    }

    /// @notice A point of G2 in EIP-197's order: imaginary before real parts. Infinity is all zero.
    struct G2Point {
        uint256 x1;
        uint256 x0;
        uint256 y1;
        uint256 y0;
    }

    /// @notice Order of the scalar field.
    uint256 internal constant SCALAR_ORDER =
        0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @notice Modulus of the base field.
    uint256 internal constant FIELD_MODULUS =
        0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    uint256 private constant EC_ADD = 0x06;
    uint256 private constant EC_MUL = 0x07;
    uint256 private constant EC_PAIRING = 0x08;
    // Malformed input burns all gas that a precompile is given, so each is given twice its price
    // of today (EIP-1108: 150, 6,000, 45,000 + 4 · 34,000).
    uint256 private constant EC_ADD_GAS_LIMIT = 300;
    uint256 private constant EC_MUL_GAS_LIMIT = 12_000;
    uint256 private constant EC_PAIRING_GAS_LIMIT = 362_000;

    /// @notice A precompile refused its input.
    error PrecompileFailed(uint256 precompile);

    /// @notice The sum of two points.
    function add(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        bytes memory input = abi.encode(a, b);
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(EC_ADD_GAS_LIMIT, EC_ADD, add(input, 0x20), 0x80, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        require(ok, PrecompileFailed(EC_ADD));
    }

    /// @notice A point times a scalar.
    function multiply(G1Point memory a, uint256 scalar) internal view returns (G1Point memory product) {
        bytes memory input = abi.encode(a, scalar);
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(EC_MUL_GAS_LIMIT, EC_MUL, add(input, 0x20), 0x60, product, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        require(ok, PrecompileFailed(EC_MUL));
    }

    /// @notice The inverse of a point. A `y` that is not below the modulus gives a point that the precompiles refuse.
    function negate(G1Point memory a) internal pure returns (G1Point memory) {
        if (a.y == 0 || a.y >= FIELD_MODULUS) return a;
        return G1Point(a.x, FIELD_MODULUS - a.y);
    }

    /// @notice Whether the product of four pairings is one; false if any point is malformed.
    /// @param pairs Four times a point of G1 and one of G2, encoded back to back.
    function pairingOfFourIsOne(bytes memory pairs) internal view returns (bool valid) {
        assembly ("memory-safe") {
            let ok := staticcall(EC_PAIRING_GAS_LIMIT, EC_PAIRING, add(pairs, 0x20), mload(pairs), 0x00, 0x20)
            valid := and(and(ok, eq(returndatasize(), 0x20)), eq(mload(0x00), 1))
        }
    }
}
