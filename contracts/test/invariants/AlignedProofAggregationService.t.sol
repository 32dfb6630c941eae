// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../../src/AlignedProofAggregationService.sol";
import {HashVerifier, SelectorVerifier} from "../support/Verifiers.sol";
import {Test} from "../support/Vm.sol";

/// @notice Submitters of valid and invalid runs, some of them with statements that contradict each other.
contract Submitters is Test {
    enum By {
        Quorum,
        Sp1,
        Risc0
    }

    /// @notice What should be kept of a root, by what was submitted.
    struct Model {
        bytes32 statement;
        bytes32 kept;
        uint64 hardSince;
    }

    bytes32 private constant PROGRAM = keccak256("program");
    HashVerifier private immutable verifier = new HashVerifier();
    SelectorVerifier private immutable sp1 = new SelectorVerifier();
    Service public immutable service = new Service(sp1, PROGRAM, verifier, PROGRAM, verifier);

    /// Roots that were submitted, with or without success.
    bytes32[] public roots;
    mapping(bytes32 root => Model) private _models;
    mapping(bytes32 root => bool) private _seen;

    /// Few roots and leaf counts, so that roots are submitted again, with the same statement and with others.
    function submit(uint256 root, uint256 size, uint256 fault, uint256 by) external {
        uint24[4] memory sizes = [uint24(1), 3968, 3969, 23_808];
        _submit(keccak256(abi.encode(root % 8)), sizes[size % 4], fault % 8, By(by % 3));
        vm.roll(block.number + 1);
    }

    function count() external view returns (uint256) {
        return roots.length;
    }

    function model(bytes32 root) external view returns (Model memory) {
        return _models[root];
    }

    function _submit(bytes32 root, uint256 leafCount, uint256 fault, By by) private {
        if (!_seen[root]) {
            _seen[root] = true;
            roots.push(root);
        }
        bytes32[] memory blobs = new bytes32[]((leafCount + 3967) / 3968);
        for (uint256 i = 0; i < blobs.length; ++i) {
            blobs[i] = keccak256(abi.encode(root, i));
        }
        bytes memory statement = abi.encode(1, root, leafCount, keccak256(abi.encodePacked(blobs)));
        bytes32 id = keccak256(statement);
        bytes memory proof = _proof(statement, by);
        if (fault == 1) proof[proof.length - 1] ^= 0x01;
        if (fault == 2) statement[95] ^= 0x01;
        if (fault == 3) blobs[0] = ~blobs[0];
        if (fault == 4) blobs = new bytes32[](0);
        vm.blobhashes(blobs);

        Model storage known = _models[root];
        bool hard = by != By.Quorum;
        bool isNew = known.statement == 0 || (hard && known.hardSince == 0);
        bool blobsMissing = (fault == 3 || fault == 4) && known.statement != id;
        bool expected = isNew && fault != 1 && fault != 2 && !blobsMissing;
        vm.assertTrue(_call(statement, proof, by) == expected, "registered exactly if new and faultless");
        if (!expected) return;
        if (known.statement != id) {
            known.statement = id;
            known.kept =
                keccak256(abi.encode(Service.Aggregation(uint32(leafCount), uint64(block.number), blobs)));
        }
        if (hard) known.hardSince = uint64(block.number);
    }

    function _proof(bytes memory statement, By by) private view returns (bytes memory) {
        if (by == By.Quorum) return verifier.sp1Proof(PROGRAM, statement);
        return by == By.Sp1 ? sp1.proof(PROGRAM, statement) : verifier.risc0Seal(PROGRAM, statement);
    }

    function _call(bytes memory statement, bytes memory proof, By by) private returns (bool ok) {
        (ok,) = address(service)
            .call(
                by == By.Risc0
                    ? abi.encodeCall(Service.verifyRisc0, (statement, proof))
                    : abi.encodeCall(Service.verifySP1, (statement, proof))
            );
    }
}

/// | property | test |
/// |---|---|
/// | a submission succeeds exactly if it is valid, complete and gives its root a guarantee that it lacks | every call of `submit` |
/// | what is kept of a root is the statement that registered it, or the first proven one if that was another | invariant_roots_keepTheirStatement |
/// | a hard root stays hard, since the block of its proof; a soft one is none | invariant_hardRoots_stayHard |
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

    function invariant_roots_keepTheirStatement() external view {
        bytes32 nothing = keccak256(abi.encode(Service.Aggregation(0, 0, new bytes32[](0))));
        for (uint256 i = 0; i < submitters.count(); ++i) {
            bytes32 root = submitters.roots(i);
            Submitters.Model memory model = submitters.model(root);
            vm.assertTrue(service.aggregatedProofs(root) == (model.statement != 0));
            bytes32 kept = keccak256(abi.encode(service.aggregation(root)));
            vm.assertEq(kept, model.statement == 0 ? nothing : model.kept);
        }
    }

    function invariant_hardRoots_stayHard() external view {
        for (uint256 i = 0; i < submitters.count(); ++i) {
            bytes32 root = submitters.roots(i);
            vm.assertEq(service.hardSince(root), submitters.model(root).hardSince);
        }
    }
}
