// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../../src/AlignedProofAggregationService.sol";
import {HashVerifier} from "../support/Verifiers.sol";
import {Test} from "../support/Vm.sol";

/// @notice Submitters of valid and invalid runs.
contract Submitters is Test {
    bytes32 private constant PROGRAM = keccak256("program");
    HashVerifier private immutable verifier = new HashVerifier();
    Service public immutable service = new Service(verifier, PROGRAM, verifier, PROGRAM);

    /// Roots that were registered with a valid proof, and what was kept of them then.
    bytes32[] public proven;
    mapping(bytes32 root => bytes32 kept) public keptOf;
    /// Roots for which everything but one thing was right.
    bytes32[] public refused;

    function submit(uint256 root, uint256 leafCount, uint256 fault, bool risc0) external {
        // Few roots, so that many are submitted again.
        bytes32 root_ = keccak256(abi.encode(root % 16));
        leafCount = bound(leafCount, 1, 23_808);
        fault %= 8;
        bytes32[] memory blobs = new bytes32[]((leafCount + 3967) / 3968);
        for (uint256 i = 0; i < blobs.length; ++i) {
            blobs[i] = keccak256(abi.encode(root, i));
        }
        bytes memory statement = abi.encode(1, root_, leafCount, keccak256(abi.encodePacked(blobs)));
        bytes memory proof =
            risc0 ? verifier.risc0Seal(PROGRAM, statement) : verifier.sp1Proof(PROGRAM, statement);
        if (fault == 1) proof[proof.length - 1] ^= 0x01;
        if (fault == 2) statement[95] ^= 0x01;
        if (fault == 3) blobs[0] = ~blobs[0];
        if (fault == 4) blobs = new bytes32[](0);
        vm.blobhashes(blobs);

        bool before = service.aggregatedProofs(root_);
        bool ok = risc0 ? _risc0(statement, proof) : _sp1(statement, proof);
        bool faulty = fault > 0 && fault < 5;
        vm.assertTrue(ok == (!before && !faulty), "registered exactly if new and faultless");
        if (ok) {
            proven.push(root_);
            keptOf[root_] = keccak256(abi.encode(service.aggregation(root_)));
        } else if (!before) {
            refused.push(root_);
        }
        vm.roll(block.number + 1);
    }

    function provenCount() external view returns (uint256) {
        return proven.length;
    }

    function refusedCount() external view returns (uint256) {
        return refused.length;
    }

    function _sp1(bytes memory statement, bytes memory proof) private returns (bool) {
        try service.verifySP1(statement, proof) {
            return true;
        } catch {
            return false;
        }
    }

    function _risc0(bytes memory statement, bytes memory seal) private returns (bool) {
        try service.verifyRisc0(statement, seal) {
            return true;
        } catch {
            return false;
        }
    }
}

/// | property | test |
/// |---|---|
/// | a registered root stays, with what was kept of it | invariant_registeredRoots_stay |
/// | a root is registered only with a valid proof of it | invariant_registeredRoots_wereProven |
contract AlignedProofAggregationServiceInvariants is Test {
    Submitters private submitters;
    Service private service;

    function setUp() public {
        submitters = new Submitters();
        service = submitters.service();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(submitters);
    }

    function invariant_registeredRoots_stay() external view {
        for (uint256 i = 0; i < submitters.provenCount(); ++i) {
            bytes32 root = submitters.proven(i);
            vm.assertTrue(service.aggregatedProofs(root));
            vm.assertEq(keccak256(abi.encode(service.aggregation(root))), submitters.keptOf(root));
        }
    }

    function invariant_registeredRoots_wereProven() external view {
        for (uint256 i = 0; i < submitters.refusedCount(); ++i) {
            bytes32 root = submitters.refused(i);
            vm.assertTrue(!service.aggregatedProofs(root) || submitters.keptOf(root) != 0);
        }
    }
}
