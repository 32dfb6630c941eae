// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../../src/BatcherPaymentService.sol";
import {OperatorRegistry} from "../../src/OperatorRegistry.sol";
import {BLS12381} from "../../src/libraries/BLS12381.sol";
import {BatchTask} from "../../src/libraries/BatchTask.sol";
import {Bls} from "./Bls.sol";
import {Operators} from "./Operators.sol";

/// @notice Tasks, responses of operators, and authorisations of users. Operators have ids from zero on and the secret keys 1, 2,
/// 4, …, so that a number says who signed.
abstract contract FastMode is Operators {
    uint32 internal constant RESPONSE_BLOCKS = 8;
    uint64 internal constant MAX_PRIORITY_FEE = 2 gwei;
    string internal constant POINTER = "s3://batches/manifest";
    /// @notice Proof systems 0 and 2.
    uint96 internal constant SYSTEMS = 5;

    OperatorRegistry internal registry;
    Manager internal manager;

    /// @notice A registry of four operators with equal stake, in whose first full epoch we are, and a service manager.
    function deployFastMode() internal {
        registry = newRegistry();
        for (uint256 i = 0; i < 4; ++i) {
            register(registry, 2 ** i, 32 ether);
        }
        nextEpoch(registry);
        manager = new Manager(registry, OWNER, RESPONSE_BLOCKS, MAX_PRIORITY_FEE);
    }

    /// @notice The task that this sender would create in this block.
    function taskOf(bytes32 root, address sender, uint256 feeLimit)
        internal
        view
        returns (BatchTask.Task memory)
    {
        return BatchTask.Task(root, sender, uint32(block.number), keccak256(bytes(POINTER)), feeLimit);
    }

    /// @notice Creates a task from an account that is given the ether for it.
    function createTask(bytes32 root, address sender, uint256 feeLimit)
        internal
        returns (BatchTask.Task memory task)
    {
        vm.deal(sender, sender.balance + feeLimit);
        vm.prank(sender);
        manager.createNewTask{value: feeLimit}(root, POINTER, feeLimit);
        return taskOf(root, sender, feeLimit);
    }

    /// @notice The signature over a task of those operators whose bit is set.
    function signTask(BatchTask.Task memory task, uint96 systems, uint256 signers)
        internal
        view
        returns (BLS12381.G1Point memory)
    {
        bytes32 message = manager.responseMessage(BatchTask.idOf(task), systems);
        return Bls.sign(signers, message, manager.SIGNATURE_DOMAIN());
    }

    /// @notice Ids of those of the first operators whose bit is not set.
    function absentOf(uint256 signers, uint256 operators) internal pure returns (uint32[] memory absent) {
        absent = new uint32[](operators);
        uint256 count = 0;
        for (uint32 id = 0; id < operators; ++id) {
            if (signers >> id & 1 == 0) absent[count++] = id;
        }
        assembly {
            mstore(absent, count)
        }
    }

    /// @notice The call that answers a task with the signature of those of four operators whose bit is set.
    function responseOf(BatchTask.Task memory task, uint256 signers) internal view returns (bytes memory) {
        return abi.encodeCall(
            Manager.respondToTaskV2, (task, SYSTEMS, signTask(task, SYSTEMS, signers), absentOf(signers, 4))
        );
    }

    /// @notice Answers a task, from this contract.
    function respond(BatchTask.Task memory task, uint256 signers) internal {
        manager.respondToTaskV2(task, SYSTEMS, signTask(task, SYSTEMS, signers), absentOf(signers, 4));
    }

    /// @notice An authorisation that is good for a day and not signed.
    function unsigned(address user, bytes32 root, uint32 count, uint64 nonce, uint128 maxFee)
        internal
        view
        returns (Payments.Authorization memory)
    {
        return Payments.Authorization(user, root, count, nonce, maxFee, uint64(block.timestamp) + 1 days, "");
    }

    /// @notice Signs an authorisation for a batcher.
    function signWith(
        Payments payments,
        uint256 key,
        address batcher,
        Payments.Authorization memory authorization
    ) internal view returns (Payments.Authorization memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, payments.authorizationDigest(batcher, authorization));
        authorization.signature = abi.encodePacked(r, s, v);
        return authorization;
    }

    /// @notice Lets some blocks pass.
    function pass(uint256 blocks) internal {
        vm.roll(block.number + blocks);
    }
}
