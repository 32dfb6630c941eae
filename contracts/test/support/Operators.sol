// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorRegistry} from "../../src/OperatorRegistry.sol";
import {QuorumSP1Verifier} from "../../src/QuorumSP1Verifier.sol";
import {BLS12381} from "../../src/libraries/BLS12381.sol";
import {Bls} from "./Bls.sol";
import {Test} from "./Vm.sol";

/// @notice A registry and operators that hold real keys.
abstract contract Operators is Test {
    uint64 internal constant EPOCH_BLOCKS = 10;
    uint64 internal constant UNBONDING_EPOCHS = 3;
    uint128 internal constant MIN_STAKE = 1 ether;
    address internal constant OWNER = address(0xacce55);
    address internal constant SLASHER = address(0x51a5);

    function newRegistry() internal returns (OperatorRegistry) {
        return new OperatorRegistry(OWNER, EPOCH_BLOCKS, UNBONDING_EPOCHS, MIN_STAKE);
    }

    /// @notice The account of the operator with this secret key.
    function accountOf(uint256 secret) internal pure returns (address) {
        return address(uint160(0x1000000 + secret));
    }

    function register(OperatorRegistry registry, uint256 secret, uint256 stake) internal returns (uint32) {
        address account = accountOf(secret);
        BLS12381.G2Point memory key = Bls.publicKey(secret);
        BLS12381.G1Point memory possession = possessionOf(registry, secret, account);
        vm.deal(account, account.balance + stake);
        vm.prank(account);
        return registry.register{value: stake}(key, possession);
    }

    function possessionOf(OperatorRegistry registry, uint256 secret, address account)
        internal
        view
        returns (BLS12381.G1Point memory)
    {
        bytes32 message = registry.proofOfPossessionMessage(account, Bls.publicKey(secret));
        return Bls.sign(secret, message, registry.POP_DOMAIN());
    }

    function nextEpoch(OperatorRegistry registry) internal returns (uint64 epoch) {
        epoch = registry.currentEpoch() + 1;
        vm.roll(registry.FIRST_BLOCK() + epoch * EPOCH_BLOCKS);
    }

    /// @notice `proofBytes` with the signatures of these secret keys.
    function quorumProof(
        QuorumSP1Verifier verifier,
        bytes32 programVKey,
        bytes memory publicValues,
        uint64 epoch,
        uint256[] memory signers,
        uint32[] memory absent
    ) internal view returns (bytes memory) {
        bytes32 message = verifier.signingMessage(programVKey, publicValues);
        uint256 sum = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            sum = addmod(sum, signers[i], Bls.ORDER);
        }
        // The sum of signatures is the signature of the sum of the keys.
        return abi.encode(epoch, Bls.sign(sum, message, verifier.SIGNATURE_DOMAIN()), absent);
    }
}
