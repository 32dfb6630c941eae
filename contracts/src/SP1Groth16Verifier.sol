// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";
import {BN254} from "./libraries/BN254.sol";

/// @title Verifier of SP1's Groth16 proofs
/// @notice Verifies the wrapped proofs of SP1 6 under a verification key that is given at deployment. It does what Succinct's
/// deployed verifiers do, for chains that lack them, for development and for tests.
///
/// A Groth16 key is worth what its set-up is worth: whoever ran it alone could keep the trapdoor, and forge a proof of anything.
/// Every key but the one that SP1 published is taken for such a development key, and is refused on all chains but local ones.
/// @dev `proofBytes` has 356 bytes: the first four of `VERIFIER_HASH`, the exit code, the root of the recursion keys, a nonce,
/// and the points A, B, C in EIP-196 and EIP-197 form. The circuit's public inputs are the program id, SHA-256 of the public
/// values without its three upper bits, the exit code, the root and the nonce.
contract SP1Groth16Verifier is ISP1Verifier {
    /// @notice A Groth16 verification key with five public inputs.
    struct VerificationKey {
        BN254.G1Point alpha;
        BN254.G2Point beta;
        BN254.G2Point gamma;
        BN254.G2Point delta;
        /// Constant term, then one point for each public input.
        BN254.G1Point[6] ic;
    }

    /// @dev What follows the selector.
    struct Proof {
        uint256 exitCode;
        bytes32 vkRoot;
        uint256 nonce;
        BN254.G1Point a;
        BN254.G2Point b;
        BN254.G1Point c;
    }

    /// @dev The key as verification uses it: exit code (always zero) and recursion root are constants, so their terms are
    /// part of `constant_`.
    struct PreparedKey {
        BN254.G1Point alpha;
        BN254.G2Point beta;
        BN254.G2Point gamma;
        BN254.G2Point delta;
        BN254.G1Point constant_;
        BN254.G1Point programId;
        BN254.G1Point publicValuesHash;
        BN254.G1Point nonce;
    }

    /// @notice keccak256 of the constructor's encoded arguments for the key of SP1's circuit v6.1.0, as SP1 published it.
    bytes32 public constant PUBLISHED_KEY =
        0x6ebaf0fc62a18476e902d19a558f1ab11a1af6f65095c70df0310c01df383d6d;
    /// @dev Chain ids of local nodes: anvil and Hardhat, geth's `--dev`.
    uint256 private constant ANVIL = 31_337;
    uint256 private constant GETH_DEV = 1337;

    uint256 private constant PROOF_LENGTH = 4 + 3 * 32 + 8 * 32;
    /// @dev Bytes of an encoded `PreparedKey`: 3 points of G2 and 5 of G1.
    uint256 private constant PREPARED_LENGTH = 3 * 128 + 5 * 64;
    uint256 private constant HASH_MASK = (1 << 253) - 1;

    /// @notice Hash that SP1 gives the verification key; proofs begin with its first four bytes.
    bytes32 public immutable VERIFIER_HASH;
    /// @notice Root of the recursion keys that proofs must name.
    bytes32 public immutable VK_ROOT;
    /// @notice Whether the key is not SP1's published one: proofs under it are worth nothing to whoever did not run its set-up.
    bool public immutable IS_DEVELOPMENT_KEY;
    /// @dev Holds the prepared key as its code, which is read for a tenth of what as many storage slots cost.
    address private immutable PREPARED_KEY;

    /// @notice A key that is not SP1's published one, on a chain that is not local.
    error DevelopmentKeyRefused(uint256 chainId);
    /// @notice The prepared key could not be stored.
    error KeyNotStored();
    /// @notice The proof does not have 356 bytes.
    error InvalidProofLength(uint256 length);
    /// @notice The proof is for another verification key, thus of another version of SP1.
    error WrongVerifierSelector(bytes4 received, bytes4 expected);
    /// @notice The program ended with a failure.
    error ExitCodeNotZero(uint256 exitCode);
    /// @notice The proof was made with other recursion programs.
    error WrongVkRoot(bytes32 received, bytes32 expected);
    /// @notice A public input is not below the order of the scalar field.
    error InputNotInField(uint256 input);
    /// @notice The pairing does not hold, or a point is not on its curve.
    error InvalidProof();

    /// @param key The verification key.
    /// @param verifierHash Hash that SP1 gives this key: SHA-256 of the key's file.
    /// @param vkRoot Root of the recursion keys.
    constructor(VerificationKey memory key, bytes32 verifierHash, bytes32 vkRoot) {
        IS_DEVELOPMENT_KEY = keccak256(abi.encode(key, verifierHash, vkRoot)) != PUBLISHED_KEY;
        bool isLocal = block.chainid == ANVIL || block.chainid == GETH_DEV;
        require(isLocal || !IS_DEVELOPMENT_KEY, DevelopmentKeyRefused(block.chainid));
        VERIFIER_HASH = verifierHash;
        VK_ROOT = vkRoot;
        require(uint256(vkRoot) < BN254.SCALAR_ORDER, InputNotInField(uint256(vkRoot)));
        BN254.G1Point memory constant_ = BN254.add(key.ic[0], BN254.multiply(key.ic[4], uint256(vkRoot)));
        PREPARED_KEY = _storeAsCode(
            abi.encode(
                PreparedKey(
                    key.alpha, key.beta, key.gamma, key.delta, constant_, key.ic[1], key.ic[2], key.ic[5]
                )
            )
        );
    }

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        view
    {
        require(proofBytes.length == PROOF_LENGTH, InvalidProofLength(proofBytes.length));
        bytes4 selector = bytes4(proofBytes);
        require(selector == bytes4(VERIFIER_HASH), WrongVerifierSelector(selector, bytes4(VERIFIER_HASH)));
        Proof memory proof = abi.decode(proofBytes[4:], (Proof));
        require(proof.exitCode == 0, ExitCodeNotZero(proof.exitCode));
        require(proof.vkRoot == VK_ROOT, WrongVkRoot(proof.vkRoot, VK_ROOT));
        _requireInField(uint256(programVKey));
        _requireInField(proof.nonce);

        PreparedKey memory key = _loadKey();
        BN254.G1Point memory inputs = _term(key.constant_, key.programId, uint256(programVKey));
        inputs = _term(inputs, key.publicValuesHash, uint256(sha256(publicValues)) & HASH_MASK);
        inputs = _term(inputs, key.nonce, proof.nonce);

        // e(A, B) = e(alpha, beta) · e(inputs, gamma) · e(C, delta)
        bytes memory pairs = abi.encode(
            BN254.negate(proof.a), proof.b, key.alpha, key.beta, inputs, key.gamma, proof.c, key.delta
        );
        require(BN254.pairingOfFourIsOne(pairs), InvalidProof());
    }

    /// @dev `sum + point · scalar`.
    function _term(BN254.G1Point memory sum, BN254.G1Point memory point, uint256 scalar)
        private
        view
        returns (BN254.G1Point memory)
    {
        return BN254.add(sum, BN254.multiply(point, scalar));
    }

    function _requireInField(uint256 input) private pure {
        require(input < BN254.SCALAR_ORDER, InputNotInField(input));
    }

    /// @dev Deploys a contract whose code is a STOP, so that nobody can call into it, followed by `data`.
    function _storeAsCode(bytes memory data) private returns (address pointer) {
        // PUSH2 length DUP1 PUSH1 0x0a PUSH0 CODECOPY PUSH0 RETURN: returns what follows these ten bytes.
        bytes memory creation =
            abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a5f395ff3", hex"00", data);
        assembly ("memory-safe") {
            pointer := create(0, add(creation, 0x20), mload(creation))
        }
        require(pointer != address(0), KeyNotStored());
    }

    function _loadKey() private view returns (PreparedKey memory) {
        address pointer = PREPARED_KEY;
        bytes memory data = new bytes(PREPARED_LENGTH);
        assembly ("memory-safe") {
            extcodecopy(pointer, add(data, 0x20), 1, PREPARED_LENGTH)
        }
        return abi.decode(data, (PreparedKey));
    }
}
