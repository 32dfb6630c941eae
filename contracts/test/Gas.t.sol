// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../src/AlignedProofAggregationService.sol";
import {OperatorRegistry} from "../src/OperatorRegistry.sol";
import {QuorumSP1Verifier} from "../src/QuorumSP1Verifier.sol";
import {SP1Groth16Verifier} from "../src/SP1Groth16Verifier.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {BLS12381} from "../src/libraries/BLS12381.sol";
import {Bls} from "./support/Bls.sol";
import {Metered} from "./support/Metered.sol";
import {Operators} from "./support/Operators.sol";
import {TrapdoorSetup} from "./support/TrapdoorSetup.sol";
import {Tree} from "./support/Tree.sol";

/// What users pay, kept in snapshots/gas.json: with FORGE_SNAPSHOT_CHECK=true a difference is a failure. Transactions are counted
/// whole, with their calldata and base price, from cold storage; blob gas is a market of its own.
contract GasTest is Operators, Metered {
    // A public input of the circuit, so below the order of its field, as SP1's program ids are.
    bytes32 private constant PROGRAM = keccak256("program") >> 8;

    OperatorRegistry private registry;
    QuorumSP1Verifier private verifier;
    Service private service;
    SP1Groth16Verifier private groth16;
    address private keyHolder;
    uint64 private epoch;

    function setUp() public {
        registry = newRegistry();
        verifier = new QuorumSP1Verifier(registry);
        groth16 = TrapdoorSetup.verifier();
        service = new Service(groth16, PROGRAM, IRiscZeroVerifier(address(0)), 0, verifier);
        // The first contract that the Groth16 verifier created: RLP of its address and the nonce 1.
        bytes32 created = keccak256(abi.encodePacked(hex"d694", groth16, hex"01"));
        keyHolder = address(uint160(uint256(created)));
        require(keyHolder.code.length != 0, "where the key is");
        for (uint256 i = 0; i < 4; ++i) {
            register(registry, 2 ** i, 32 ether);
        }
        epoch = nextEpoch(registry);
    }

    function test_verifySP1_fourOperatorsOneAbsentOneBlob_succeeds() public {
        uint256 used = _verifySP1(keccak256("root"), 8, 1);
        vm.snapshotValue("gas", "verifySP1, 4 operators, 1 absent, 1 blob", used);
        vm.assertLe(used, 300_000, "gas of verifySP1");
    }

    function test_verifySP1_everyonePresentOneBlob_succeeds() public {
        vm.snapshotValue(
            "gas", "verifySP1, 4 operators, 0 absent, 1 blob", _verifySP1(keccak256("root"), 8, 0)
        );
    }

    function test_verifySP1_oneAbsentSixBlobs_succeeds() public {
        vm.snapshotValue(
            "gas", "verifySP1, 4 operators, 1 absent, 6 blobs", _verifySP1(keccak256("root"), 23_808, 1)
        );
    }

    /// A Groth16 proof costs the same under every key, so a forged one under a key whose trapdoor is known measures it.
    function test_verifySP1_groth16OneBlob_succeeds() public {
        bytes memory statement = _statement(keccak256("root"), 8);
        uint256 used = _submit(statement, TrapdoorSetup.forge(PROGRAM, statement, 7));
        vm.snapshotValue("gas", "verifySP1, Groth16, 1 blob", used);
        vm.assertLe(used, 330_000, "gas of verifySP1 with Groth16");
    }

    function test_verifySP1_groth16SixBlobs_succeeds() public {
        bytes memory statement = _statement(keccak256("root"), 23_808);
        uint256 used = _submit(statement, TrapdoorSetup.forge(PROGRAM, statement, 7));
        vm.snapshotValue("gas", "verifySP1, Groth16, 6 blobs", used);
    }

    function test_verifySP1_groth16OfSoftRoot_succeeds() public {
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 root = keccak256(abi.encode("root", i));
            uint256 leafCount = i == 0 ? 8 : 23_808;
            _verifySP1(root, leafCount, 0);
            bytes memory statement = _statement(root, leafCount);
            vm.blobhashes(new bytes32[](0));
            uint256 used = _submit(statement, TrapdoorSetup.forge(PROGRAM, statement, 7));
            string memory blobs = i == 0 ? "1 blob" : "6 blobs";
            vm.snapshotValue("gas", string.concat("verifySP1, Groth16, soft root of ", blobs), used);
            vm.assertLe(used, 330_000, "gas of verifySP1 with Groth16");
        }
    }

    function test_verifyProofInclusion_depth15_succeeds() public {
        // The deepest path of the largest run has 15 siblings.
        bytes32[] memory path = new bytes32[](15);
        for (uint256 i = 0; i < 15; ++i) {
            path[i] = keccak256(abi.encode("sibling", i));
        }
        bytes memory publicInputs = abi.encode("inputs", "of", 96);
        bytes32 node = keccak256(abi.encodePacked(keccak256(abi.encodePacked(publicInputs, PROGRAM))));
        for (uint256 i = 0; i < 15; ++i) {
            node = node < path[i]
                ? keccak256(abi.encodePacked(node, path[i]))
                : keccak256(abi.encodePacked(path[i], node));
        }
        _verifySP1(node, 23_808, 0);

        bytes memory call = abi.encodeCall(Service.verifyProofInclusion, (path, PROGRAM, publicInputs));
        _cool();
        (uint256 used, bytes memory answer) = _gasOf(call);
        vm.assertTrue(abi.decode(answer, (bool)));
        vm.snapshotValue("gas", "verifyProofInclusion, depth 15, execution, called by a contract", used);
        vm.assertLe(used, 20_000, "gas of verifyProofInclusion");
    }

    function test_register_fourthOperator_succeeds() public {
        BLS12381.G2Point memory key = Bls.publicKey(16);
        BLS12381.G1Point memory possession = possessionOf(registry, 16, address(this));
        bytes memory call = abi.encodeCall(OperatorRegistry.register, (key, possession));
        vm.cool(address(registry));
        uint256 before = gasleft();
        (bool ok,) = address(registry).call{value: 32 ether}(call);
        uint256 used = before - gasleft();
        vm.assertTrue(ok);
        vm.snapshotValue("gas", "register, first of its epoch", used + intrinsicGas(call));
    }

    function _verifySP1(bytes32 root, uint256 leafCount, uint256 absentCount) private returns (uint256) {
        bytes memory statement = _statement(root, leafCount);
        uint256[] memory signers = new uint256[](1);
        signers[0] = absentCount == 0 ? 15 : 7;
        uint32[] memory absent = new uint32[](absentCount);
        if (absentCount == 1) absent[0] = 3;
        return _submit(statement, quorumProof(verifier, PROGRAM, statement, epoch, signers, absent));
    }

    /// A statement, with its blobs put into the transaction.
    function _statement(bytes32 root, uint256 leafCount) private returns (bytes memory) {
        bytes32[] memory blobs = new bytes32[]((leafCount + 3967) / 3968);
        for (uint256 i = 0; i < blobs.length; ++i) {
            blobs[i] = keccak256(abi.encode(i));
        }
        vm.blobhashes(blobs);
        return abi.encode(1, root, leafCount, keccak256(abi.encodePacked(blobs)));
    }

    function _submit(bytes memory statement, bytes memory proof) private returns (uint256) {
        bytes memory call = abi.encodeCall(Service.verifySP1, (statement, proof));
        _cool();
        (uint256 used,) = _gasOf(call);
        // The callee of a transaction is warm; here its cold access was part of the call.
        return used - 2_500 + intrinsicGas(call);
    }

    function _cool() private {
        vm.cool(address(service));
        vm.cool(address(groth16));
        vm.cool(keyHolder);
        vm.cool(address(verifier));
        vm.cool(address(registry));
    }

    function _gasOf(bytes memory call) private returns (uint256 used, bytes memory answer) {
        return gasOf(address(service), call, 0);
    }
}
