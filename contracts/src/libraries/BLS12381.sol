// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title BLS signatures over BLS12-381
/// @notice Signatures in G1, public keys in G2 (minimal-signature-size), over the precompiles of EIP-2537.
/// @dev Points have the encoding of EIP-2537: each coordinate takes 64 bytes, of which the first 16 are zero, and an element
/// of Fp2 is its real part followed by its imaginary part. The precompiles refuse coordinates that are not below the field's
/// modulus and points off their curve, so a point has one encoding. Only the pairing checks that points lie in the subgroup
/// of prime order: additions do not. A public key must therefore have passed `verify`, with its proof of possession, before it
/// is added to others; sums of such keys stay in the subgroup.
library BLS12381 {
    /// @notice A point of G1; infinity is all zero.
    struct G1Point {
        uint256 xHi;
        uint256 xLo;
        uint256 yHi;
        uint256 yLo;
    }

    /// @notice A point of G2; infinity is all zero. Coordinate `x0` is the real part of `x`, `x1` the imaginary one.
    struct G2Point {
        uint256 x0Hi;
        uint256 x0Lo;
        uint256 x1Hi;
        uint256 x1Lo;
        uint256 y0Hi;
        uint256 y0Lo;
        uint256 y1Hi;
        uint256 y1Lo;
    }

    /// @dev The base field's modulus, upper and lower part.
    uint256 internal constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 internal constant P_LO = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    // Addresses of the precompiles of EIP-198 and EIP-2537. Malformed input burns all gas that a precompile is given, so each
    // is given twice its price of today (500, 375, 600, 37,700 + 2 · 32,600, 5,500): some room should prices change.
    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1_ADD = 0x0b;
    uint256 private constant G2_ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_FP_TO_G1 = 0x10;
    uint256 private constant MODEXP_GAS_LIMIT = 1_000;
    uint256 private constant G1_ADD_GAS_LIMIT = 750;
    uint256 private constant G2_ADD_GAS_LIMIT = 1_200;
    uint256 private constant PAIRING_GAS_LIMIT = 205_800;
    uint256 private constant MAP_FP_TO_G1_GAS_LIMIT = 11_000;

    /// @notice A precompile refused its input, or the chain lacks it.
    error PrecompileFailed(uint256 precompile);

    /// @notice Whether a signature over `message` is that of the key's owner.
    /// @dev False as well if the signature or the key is not a point of its subgroup. The key at infinity, under which the
    /// signature at infinity verifies, is false too.
    /// @param publicKey The signer's key, or the sum of the signers' keys.
    /// @param message The 32 bytes that were signed.
    /// @param domain The domain separation tag, at most 255 bytes.
    /// @param signature The signature, or the sum of the signers' signatures.
    function verify(G2Point memory publicKey, bytes32 message, bytes memory domain, G1Point memory signature)
        internal
        view
        returns (bool valid)
    {
        if (isInfinity(publicKey)) return false;
        G1Point memory hashed = hashToG1(abi.encodePacked(message), domain);
        // e(signature, -generator) · e(hash, key) = 1
        bytes memory input = abi.encode(signature, negatedGenerator(), hashed, publicKey);
        assembly ("memory-safe") {
            let ok := staticcall(PAIRING_GAS_LIMIT, PAIRING, add(input, 0x20), mload(input), 0x00, 0x20)
            valid := and(and(ok, eq(returndatasize(), 0x20)), eq(mload(0x00), 1))
        }
    }

    /// @notice Hashes a message to G1: `hash_to_curve` of RFC 9380 with the suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    function hashToG1(bytes memory message, bytes memory domain) internal view returns (G1Point memory) {
        bytes32[4] memory uniform = expandMessage(message, domain);
        // The precompile's map clears the cofactor; doing so before instead of after the addition gives the same point.
        return addG1(_mapToG1(uniform[0], uniform[1]), _mapToG1(uniform[2], uniform[3]));
    }

    /// @notice `expand_message_xmd` of RFC 9380, 5.3.1, with SHA-256 and 128 bytes of output.
    function expandMessage(bytes memory message, bytes memory domain)
        internal
        pure
        returns (bytes32[4] memory uniform)
    {
        bytes memory suffix = abi.encodePacked(domain, uint8(domain.length));
        // 64 zero bytes (one block of SHA-256), the message, the output's length in two bytes, a zero byte, the domain.
        bytes32 first =
            sha256(abi.encodePacked(bytes32(0), bytes32(0), message, uint16(128), uint8(0), suffix));
        uniform[0] = sha256(abi.encodePacked(first, uint8(1), suffix));
        for (uint256 i = 1; i < 4; ++i) {
            uniform[i] = sha256(abi.encodePacked(first ^ uniform[i - 1], uint8(i + 1), suffix));
        }
    }

    /// @notice The sum of two points of the curve that holds G1.
    function addG1(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        bytes memory input = abi.encode(a, b);
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(G1_ADD_GAS_LIMIT, G1_ADD, add(input, 0x20), 0x100, sum, 0x80)
            ok := and(ok, eq(returndatasize(), 0x80))
        }
        require(ok, PrecompileFailed(G1_ADD));
    }

    /// @notice The sum of two points of the curve that holds G2.
    function addG2(G2Point memory a, G2Point memory b) internal view returns (G2Point memory sum) {
        bytes memory input = abi.encode(a, b);
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(G2_ADD_GAS_LIMIT, G2_ADD, add(input, 0x20), 0x200, sum, 0x100)
            ok := and(ok, eq(returndatasize(), 0x100))
        }
        require(ok, PrecompileFailed(G2_ADD));
    }

    /// @notice The inverse of a point: the coordinates must be below the modulus.
    function negate(G2Point memory a) internal pure returns (G2Point memory) {
        (uint256 y0Hi, uint256 y0Lo) = _negate(a.y0Hi, a.y0Lo);
        (uint256 y1Hi, uint256 y1Lo) = _negate(a.y1Hi, a.y1Lo);
        return G2Point(a.x0Hi, a.x0Lo, a.x1Hi, a.x1Lo, y0Hi, y0Lo, y1Hi, y1Lo);
    }

    /// @notice Whether a point is the neutral element.
    function isInfinity(G2Point memory a) internal pure returns (bool) {
        return (a.x0Hi | a.x0Lo | a.x1Hi | a.x1Lo | a.y0Hi | a.y0Lo | a.y1Hi | a.y1Lo) == 0;
    }

    /// @notice The inverse of G2's generator.
    function negatedGenerator() internal pure returns (G2Point memory) {
        return G2Point({
            x0Hi: 0x024aa2b2f08f0a91260805272dc51051,
            x0Lo: 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8,
            x1Hi: 0x13e02b6052719f607dacd3a088274f65,
            x1Lo: 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
            y0Hi: 0x0d1b3cc2c7027888be51d9ef691d77bc,
            y0Lo: 0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa,
            y1Hi: 0x13fa4d4a0ad8b1ce186ed5061789213d,
            y1Lo: 0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed
        });
    }

    /// @dev `p - a`, and 0 for 0.
    function _negate(uint256 hi, uint256 lo) private pure returns (uint256, uint256) {
        if (hi == 0 && lo == 0) return (0, 0);
        unchecked {
            return (P_HI - hi - (lo > P_LO ? 1 : 0), P_LO - lo);
        }
    }

    /// @dev Reduces 64 uniform bytes to an element of the base field and maps it to G1.
    function _mapToG1(bytes32 hi, bytes32 lo) private view returns (G1Point memory point) {
        // Raising to the power of 1 is a reduction. Lengths: base 64, exponent 1, modulus 64 bytes.
        bytes memory input =
            abi.encodePacked(uint256(64), uint256(1), uint256(64), hi, lo, uint8(1), P_HI, P_LO);
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(MODEXP_GAS_LIMIT, MODEXP, add(input, 0x20), mload(input), 0x00, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
            if ok {
                ok := staticcall(MAP_FP_TO_G1_GAS_LIMIT, MAP_FP_TO_G1, 0x00, 0x40, point, 0x80)
                ok := and(ok, eq(returndatasize(), 0x80))
            }
        }
        require(ok, PrecompileFailed(MAP_FP_TO_G1));
    }
}
