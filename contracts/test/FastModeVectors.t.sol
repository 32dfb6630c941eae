// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../src/BatcherPaymentService.sol";
import {BatchStatement} from "../src/libraries/BatchStatement.sol";
import {BatchTask} from "../src/libraries/BatchTask.sol";
import {Inclusion} from "../src/libraries/Inclusion.sol";
import {FastMode} from "./support/FastMode.sol";
import {Tree} from "./support/Tree.sol";

/// The statements of fast mode: vectors/fast-mode.json, which Rust is held to as well, and what vectors cannot say.
contract FastModeVectorsTest is FastMode {
    string private json;

    function setUp() public {
        json = vm.readFile(string.concat(vm.projectRoot(), "/../vectors/fast-mode.json"));
        deployFastMode();
    }

    function test_commitment_vectors_succeeds() public view {
        uint256 i = 0;
        for (; vm.keyExistsJson(json, _at(".commitments", i, "")); ++i) {
            bytes32 proof = keccak256(vm.parseJsonBytes(json, _at(".commitments", i, ".proof")));
            bytes32 inputs = keccak256(vm.parseJsonBytes(json, _at(".commitments", i, ".public_inputs")));
            bytes32 auxData = BatchStatement.auxDataCommitment(
                uint16(vm.parseJsonUint(json, _at(".commitments", i, ".proving_system"))),
                _word(".commitments", i, ".program_id")
            );
            address generator = vm.parseJsonAddress(json, _at(".commitments", i, ".proof_generator"));
            vm.assertEq(proof, _word(".commitments", i, ".proof_commitment"));
            vm.assertEq(inputs, _word(".commitments", i, ".pub_input_commitment"));
            vm.assertEq(auxData, _word(".commitments", i, ".aux_data_commitment"));
            vm.assertEq(
                BatchStatement.commitment(proof, inputs, auxData, generator),
                _word(".commitments", i, ".commitment")
            );
        }
        vm.assertEq(i, 6);
    }

    /// Batches of groups: the tree over the groups' roots, in which each path is that in the group and that of the group.
    function test_rootOver_vectors_succeeds() public view {
        uint256 batches = 0;
        for (; vm.keyExistsJson(json, _at(".batches", batches, "")); ++batches) {
            bytes32 root = _word(".batches", batches, ".root");
            bytes32[] memory roots = vm.parseJsonBytes32Array(json, _at(".batches", batches, ".group_roots"));
            vm.assertEq(BatchStatement.rootOver(roots), root);

            uint256[] memory groups = vm.parseJsonUintArray(json, _at(".batches", batches, ".groups"));
            roots = vm.parseJsonBytes32Array(json, _at(".batches", batches, ".group_roots"));
            uint256 count = 0;
            for (uint256 i = 0; i < groups.length; ++i) {
                count += groups[i];
            }
            bytes32[] memory list = Tree.commitments(_word(".batches", batches, ".seed"), count);
            uint256 first = 0;
            for (uint256 i = 0; i < groups.length; ++i) {
                bytes32[] memory group = new bytes32[](groups[i]);
                for (uint256 j = 0; j < groups[i]; ++j) {
                    group[j] = list[first + j];
                }
                vm.assertEq(Tree.root(group), roots[i]);
                first += groups[i];
            }
            for (uint256 i = 0; i < count; ++i) {
                bytes32[] memory path =
                    vm.parseJsonBytes32Array(json, _at(_at(".batches", batches, ".paths"), i, ""));
                vm.assertEq(this.rootOf(path, list[i]), root);
            }
        }
        vm.assertEq(batches, 11);
    }

    function test_tasks_vectors_succeeds() public {
        uint256 i = 0;
        for (; vm.keyExistsJson(json, _at(".tasks", i, "")); ++i) {
            BatchTask.Task memory task = BatchTask.Task({
                batchMerkleRoot: _word(".tasks", i, ".batch_merkle_root"),
                senderAddress: vm.parseJsonAddress(json, _at(".tasks", i, ".sender")),
                taskCreatedBlock: uint32(vm.parseJsonUint(json, _at(".tasks", i, ".created_block"))),
                batchDataPointerHash: keccak256(
                    bytes(vm.parseJsonString(json, _at(".tasks", i, ".batch_data_pointer")))
                ),
                respondToTaskFeeLimit: vm.parseJsonUint(json, _at(".tasks", i, ".fee_limit"))
            });
            bytes32 taskId = manager.taskIdOf(task);
            vm.assertEq(taskId, _word(".tasks", i, ".task_id"));
            vm.chainId(vm.parseJsonUint(json, _at(".tasks", i, ".chain_id")));
            Manager there = Manager(vm.parseJsonAddress(json, _at(".tasks", i, ".service_manager")));
            vm.etch(address(there), address(manager).code);
            uint256 systems = vm.parseJsonUint(json, _at(".tasks", i, ".proving_systems"));
            vm.assertEq(
                there.responseMessage(taskId, uint96(systems)), _word(".tasks", i, ".response_message")
            );
        }
        vm.assertEq(i, 3);
    }

    function test_authorizations_vectors_succeeds() public {
        Payments payments = new Payments(manager, 1);
        uint256 i = 0;
        for (; vm.keyExistsJson(json, _at(".authorizations", i, "")); ++i) {
            vm.chainId(vm.parseJsonUint(json, _at(".authorizations", i, ".chain_id")));
            address there = vm.parseJsonAddress(json, _at(".authorizations", i, ".payment_service"));
            vm.etch(there, address(payments).code);
            Payments.Authorization memory authorization = Payments.Authorization({
                user: vm.parseJsonAddress(json, _at(".authorizations", i, ".user")),
                proofsRoot: _word(".authorizations", i, ".proofs_root"),
                proofCount: uint32(vm.parseJsonUint(json, _at(".authorizations", i, ".proof_count"))),
                firstNonce: uint64(vm.parseJsonUint(json, _at(".authorizations", i, ".first_nonce"))),
                maxFee: uint128(vm.parseJsonUint(json, _at(".authorizations", i, ".max_fee"))),
                deadline: uint64(vm.parseJsonUint(json, _at(".authorizations", i, ".deadline"))),
                signature: ""
            });
            address batcher = vm.parseJsonAddress(json, _at(".authorizations", i, ".batcher"));
            vm.assertEq(
                Payments(payable(there)).authorizationDigest(batcher, authorization),
                _word(".authorizations", i, ".digest")
            );
        }
        vm.assertEq(i, 2);
    }

    /// Neither mode's commitment can be passed off as the other's, unless a program's id is the domain.
    function testFuzz_commitment_ofTheOtherMode_differs(
        bytes32 proof,
        bytes32 inputs,
        bytes32 auxData,
        address generator,
        bytes32 programId
    ) public view {
        vm.assume(programId != BatchStatement.DOMAIN);
        bytes32 fast = BatchStatement.commitment(proof, inputs, auxData, generator);
        // The closest that public inputs come: all that is hashed before the last word.
        bytes memory imitation = abi.encode(proof, inputs, auxData, generator);
        vm.assertTrue(this.aggregationCommitment(programId, imitation) != fast);
        vm.assertEq(this.aggregationCommitment(BatchStatement.DOMAIN, imitation), fast);
    }

    /// Over leaves, `rootOver` is the tree of a run.
    function testFuzz_rootOver_leaves_isTheTree(bytes32 seed, uint256 count) public pure {
        count = bound(count, 1, 70);
        bytes32[] memory list = Tree.commitments(seed, count);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encodePacked(list[i]));
        }
        vm.assertEq(BatchStatement.rootOver(leaves), Tree.root(list));
    }

    function rootOf(bytes32[] calldata path, bytes32 commitment) external pure returns (bytes32) {
        return Inclusion.rootOf(path, commitment);
    }

    function aggregationCommitment(bytes32 programId, bytes calldata publicInputs)
        external
        pure
        returns (bytes32)
    {
        return Inclusion.commitment(programId, publicInputs);
    }

    function _word(string memory list, uint256 index, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, _at(list, index, field));
    }

    function _at(string memory list, uint256 index, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }
}
