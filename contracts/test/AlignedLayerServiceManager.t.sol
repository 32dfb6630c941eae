// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {OperatorQuorum} from "../src/OperatorQuorum.sol";
import {OperatorRegistry} from "../src/OperatorRegistry.sol";
import {BLS12381} from "../src/libraries/BLS12381.sol";
import {BatchTask} from "../src/libraries/BatchTask.sol";
import {FastMode} from "./support/FastMode.sol";
import {Reentrant} from "./support/Payers.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

contract AlignedLayerServiceManagerTest is FastMode {
    using BatchTask for BatchTask.Task;

    address private constant SENDER = address(0x5e4d);
    bytes32 private constant ROOT = keccak256("root");
    uint256 private constant LIMIT = 0.01 ether;

    function setUp() public {
        deployFastMode();
    }

    receive() external payable {}

    // --- construction

    function test_constructor_invalid_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.RegistryWithoutCode.selector, address(1)));
        new Manager(OperatorRegistry(address(1)), OWNER, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Manager(registry, address(0), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Manager.InvalidResponseBlocks.selector, 0));
        new Manager(registry, OWNER, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(Manager.InvalidResponseBlocks.selector, EPOCH_BLOCKS + 1));
        new Manager(registry, OWNER, uint32(EPOCH_BLOCKS + 1), 0);
        new Manager(registry, OWNER, uint32(EPOCH_BLOCKS), 0);
    }

    // --- creating

    function testFuzz_createNewTask_any_succeeds(bytes32 root, address sender, uint128 limit) public {
        vm.assume(sender.code.length == 0 && sender != address(0));
        vm.deal(sender, limit);
        vm.expectEmit(address(manager));
        emit Manager.NewBatchV3(root, sender, uint32(block.number), POINTER, limit);
        vm.prank(sender);
        bytes32 taskId = manager.createNewTask{value: limit}(root, POINTER, limit);
        vm.assertEq(taskId, manager.taskIdOf(taskOf(root, sender, limit)));
        _expectStatus(taskId, Manager.Status.Open, limit);
        vm.assertEq(manager.verifiedIn(root, sender), 0);
    }

    function testFuzz_createNewTask_otherValue_reverts(uint256 value, uint256 limit) public {
        value %= 1e30;
        vm.assume(value != limit);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(Manager.FeeLimitNotSent.selector, value, limit));
        manager.createNewTask{value: value}(ROOT, POINTER, limit);
    }

    function test_createNewTask_pointerTooLong_reverts() public {
        string memory longest = string(new bytes(1_024));
        manager.createNewTask(ROOT, longest, 0);
        vm.expectRevert(abi.encodeWithSelector(Manager.PointerTooLong.selector, 1_025));
        manager.createNewTask(ROOT, string.concat(longest, "x"), 0);
    }

    /// The same task twice is one task; whatever differs makes another.
    function test_createNewTask_sameInOneBlock_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        vm.deal(SENDER, 10 * LIMIT);
        vm.prank(SENDER);
        vm.expectRevert(abi.encodeWithSelector(Manager.TaskExists.selector, task.idOf()));
        manager.createNewTask{value: LIMIT}(ROOT, POINTER, LIMIT);
        vm.prank(SENDER);
        manager.createNewTask{value: LIMIT}(ROOT, "elsewhere", LIMIT);
        createTask(ROOT, SENDER, LIMIT + 1);
        createTask(ROOT, address(0xb0b), LIMIT);
        pass(1);
        createTask(ROOT, SENDER, LIMIT);
    }

    function test_createNewTask_plainTransfer_reverts() public {
        vm.deal(address(this), 1 ether);
        (bool ok,) = address(manager).call{value: 1 ether}("");
        vm.assertFalse(ok);
    }

    // --- responding: the quorum

    function test_respondToTaskV2_quorum_succeeds() public {
        for (uint256 absent = 0; absent < 5; ++absent) {
            BatchTask.Task memory task = createTask(bytes32(absent), SENDER, LIMIT);
            uint256 signers = absent == 4 ? 15 : 15 - 2 ** absent;
            vm.expectEmit(address(manager));
            emit Manager.BatchVerified(bytes32(absent), task.idOf(), SENDER, SYSTEMS, address(this), 0);
            respond(task, signers);
            vm.assertEq(manager.verifiedIn(bytes32(absent), SENDER), block.number);
            _expectStatus(task.idOf(), Manager.Status.Verified, LIMIT);
        }
    }

    /// No stake and no signers that do not make a quorum are enough.
    function testFuzz_respondToTaskV2_anySigners_followsStake(uint256 signers, uint256 seed) public {
        signers = bound(signers, 0, 15);
        uint256 present = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 added = bound(uint256(keccak256(abi.encode(seed, i))), 1, 300 ether);
            vm.deal(accountOf(2 ** i), added);
            vm.prank(accountOf(2 ** i));
            registry.increaseStake{value: added}();
            total += 32 ether + added;
            if (signers >> i & 1 == 1) present += 32 ether + added;
        }
        nextEpoch(registry);
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        bytes memory response = responseOf(task, signers);
        bool enough = present * 100 >= total * 67;
        if (!enough) {
            vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, present, total));
        }
        _send(response);
        vm.assertTrue(manager.verifiedIn(ROOT, SENDER) == (enough ? block.number : 0));
    }

    /// Signers and absent operators that do not match: no combination but the true one is accepted.
    function testFuzz_respondToTaskV2_otherSignersThanStated_reverts(uint256 signers, uint256 stated) public {
        signers = bound(signers, 1, 15);
        stated = bound(stated, 0, 15);
        vm.assume(signers != stated);
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, signers);
        vm.expectRevert();
        manager.respondToTaskV2(task, SYSTEMS, signature, absentOf(stated, 4));
    }

    /// The operators of the epoch of the task's block answer, also when the next epoch has others.
    function test_respondToTaskV2_answeredInNextEpoch_countsOperatorsOfTask() public {
        vm.prank(accountOf(8));
        registry.deregister();
        register(registry, 16, 1000 ether);
        vm.roll(registry.FIRST_BLOCK() + (registry.currentEpoch() + 1) * EPOCH_BLOCKS - 1);
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BatchTask.Task memory other = createTask("other", SENDER, LIMIT);
        pass(1);
        BatchTask.Task memory next = createTask("next", SENDER, LIMIT);

        // The fifth operator has most of the stake now, and none in the epoch of the task.
        uint32[] memory absent = absentOf(16, 5);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 16);
        vm.expectRevert();
        manager.respondToTaskV2(task, SYSTEMS, signature, absent);
        // The fourth has left and stands behind its last epoch still.
        respond(task, 14);
        bytes memory response = responseOf(other, 3);
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 64 ether, 128 ether));
        _send(response);

        absent = new uint32[](3);
        (absent[0], absent[1], absent[2]) = (0, 1, 2);
        manager.respondToTaskV2(next, SYSTEMS, signTask(next, SYSTEMS, 16), absent);
    }

    /// An epoch without operators verifies nothing.
    function test_respondToTaskV2_epochWithoutOperators_reverts() public {
        registry = newRegistry();
        manager = new Manager(registry, OWNER, RESPONSE_BLOCKS, 0);
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BLS12381.G1Point memory infinity;
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 0, 0));
        manager.respondToTaskV2(task, SYSTEMS, infinity, new uint32[](0));
        // Also when operators come with the next epoch.
        register(registry, 1, 32 ether);
        nextEpoch(registry);
        task.taskCreatedBlock = uint32(block.number - 1);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 1);
        vm.expectRevert();
        manager.respondToTaskV2(task, SYSTEMS, signature, new uint32[](0));
    }

    // --- responding: to this task alone

    /// One field changed at a time: the response to one task fits no other that exists, and there is no other.
    function test_respondToTaskV2_otherTask_reverts() public {
        BatchTask.Task[5] memory tasks;
        tasks[0] = createTask(ROOT, SENDER, LIMIT);
        tasks[1] = createTask(keccak256("other"), SENDER, LIMIT);
        tasks[2] = createTask(ROOT, address(0xb0b), LIMIT);
        tasks[3] = createTask(ROOT, SENDER, LIMIT - 1);
        pass(1);
        tasks[4] = createTask(ROOT, SENDER, LIMIT);
        for (uint256 i = 0; i < 5; ++i) {
            BLS12381.G1Point memory signature = signTask(tasks[i], SYSTEMS, 15);
            for (uint256 j = 0; j < 5; ++j) {
                if (i == j) continue;
                vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
                manager.respondToTaskV2(tasks[j], SYSTEMS, signature, new uint32[](0));
            }
        }
        for (uint256 i = 0; i < 5; ++i) {
            respond(tasks[i], 15);
        }
    }

    function testFuzz_respondToTaskV2_damagedTask_reverts(uint256 bit) public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        bytes memory response = responseOf(task, 15);
        // Five words of the task, the systems, four of the signature; offset and length of the ids are checked by the decoder.
        bit = bound(bit, 0, 10 * 256 - 1);
        response[4 + bit / 8] ^= bytes1(uint8(2 ** (bit % 8)));
        (bool ok,) = address(manager).call(response);
        vm.assertFalse(ok);
        vm.assertEq(manager.verifiedIn(ROOT, SENDER), 0);
    }

    function testFuzz_respondToTaskV2_unknownTask_reverts(BatchTask.Task memory task) public {
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 15);
        vm.expectRevert(
            abi.encodeWithSelector(Manager.TaskNotOpen.selector, task.idOf(), Manager.Status.Unknown)
        );
        manager.respondToTaskV2(task, SYSTEMS, signature, new uint32[](0));
    }

    function test_respondToTaskV2_otherSystems_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 15);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        manager.respondToTaskV2(task, SYSTEMS + 1, signature, new uint32[](0));
    }

    function test_respondToTaskV2_otherManagerOrChain_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 15);
        vm.chainId(12_345);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        manager.respondToTaskV2(task, SYSTEMS, signature, new uint32[](0));
        vm.chainId(31_337);

        manager = new Manager(registry, OWNER, RESPONSE_BLOCKS, 0);
        createTask(ROOT, SENDER, LIMIT);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        manager.respondToTaskV2(task, SYSTEMS, signature, new uint32[](0));
    }

    function test_respondToTaskV2_twice_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        respond(task, 15);
        bytes memory response = responseOf(task, 7);
        vm.expectRevert(
            abi.encodeWithSelector(Manager.TaskNotOpen.selector, task.idOf(), Manager.Status.Verified)
        );
        _send(response);
    }

    function test_respondToTaskV2_lastBlock_succeeds() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        pass(RESPONSE_BLOCKS);
        respond(task, 15);
    }

    function testFuzz_respondToTaskV2_expired_reverts(uint256 later) public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        bytes memory response = responseOf(task, 15);
        pass(bound(later, RESPONSE_BLOCKS + 1, 1e9));
        vm.expectRevert(
            abi.encodeWithSelector(Manager.TaskNotOpen.selector, task.idOf(), Manager.Status.Expired)
        );
        _send(response);
        _expectStatus(task.idOf(), Manager.Status.Expired, LIMIT);
    }

    /// A batch that was not answered can be tried again, and the old response is worth nothing.
    function test_respondToTaskV2_againAfterExpiry_succeeds() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BLS12381.G1Point memory signature = signTask(task, SYSTEMS, 15);
        pass(RESPONSE_BLOCKS + 1);
        BatchTask.Task memory again = createTask(ROOT, SENDER, LIMIT);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        manager.respondToTaskV2(again, SYSTEMS, signature, new uint32[](0));
        respond(again, 15);
        _expectStatus(task.idOf(), Manager.Status.Expired, LIMIT);
    }

    /// A later task for a batch that is verified changes nothing about it; another sender's batch is another.
    function test_respondToTaskV2_sameBatchAgain_keepsTheFirstBlock() public {
        respond(createTask(ROOT, SENDER, LIMIT), 15);
        uint256 first = block.number;
        pass(3);
        BatchTask.Task memory again = createTask(ROOT, SENDER, LIMIT);
        respond(again, 15);
        respond(createTask(ROOT, address(0xb0b), LIMIT), 15);
        vm.assertEq(manager.verifiedIn(ROOT, SENDER), first);
        vm.assertEq(manager.verifiedIn(ROOT, address(0xb0b)), block.number);
        _expectStatus(again.idOf(), Manager.Status.Verified, LIMIT);
    }

    // --- money

    /// Whoever responds is paid at most the limit, at no higher price than base fee and priority fee; the rest is the sender's.
    function testFuzz_respondToTaskV2_fee_isWithinTheLimit(
        uint256 limit,
        uint256 gasPrice,
        uint256 baseFee,
        bool expires
    ) public {
        limit = bound(limit, 0, 1 ether);
        baseFee = bound(baseFee, 0, 1000 gwei);
        gasPrice = bound(gasPrice, baseFee, baseFee + 10_000 gwei);
        vm.fee(baseFee);
        vm.txGasPrice(gasPrice);
        BatchTask.Task memory task = createTask(ROOT, SENDER, limit);
        // Another task's ether is not touched.
        createTask("other", SENDER, 1 ether);
        if (expires) {
            pass(RESPONSE_BLOCKS + 1);
        } else {
            respond(task, 7);
        }
        uint256 fee = address(this).balance - (2 ** 96 - 1);
        uint256 highest = baseFee + MAX_PRIORITY_FEE;
        uint256 price = gasPrice < highest ? gasPrice : highest;
        vm.assertLe(fee, limit, "limit");
        vm.assertLe(fee, price * 260_000, "price");
        if (!expires && price * 100_000 >= limit) vm.assertEq(fee, limit);
        if (!expires && price * 300_000 <= limit) vm.assertTrue(fee >= price * 200_000);

        (, uint256 unspent) = manager.taskStatus(task.idOf());
        vm.assertEq(unspent + fee, limit, "each wei is one's or the other's");
        uint256 before = SENDER.balance;
        vm.prank(SENDER);
        (Manager.Status status, uint256 amount) = manager.reclaim(task);
        vm.assertTrue(status == (expires ? Manager.Status.Expired : Manager.Status.Verified));
        vm.assertEq(amount, unspent);
        vm.assertEq(SENDER.balance - before, unspent);
        vm.assertEq(address(manager).balance, 1 ether);
    }

    function test_reclaim_openOrUnknown_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        pass(RESPONSE_BLOCKS);
        vm.prank(SENDER);
        vm.expectRevert(abi.encodeWithSelector(Manager.TaskStillOpen.selector, task.idOf()));
        manager.reclaim(task);
        task.respondToTaskFeeLimit += 1;
        pass(1);
        vm.prank(SENDER);
        vm.expectRevert(
            abi.encodeWithSelector(Manager.TaskNotOpen.selector, task.idOf(), Manager.Status.Unknown)
        );
        manager.reclaim(task);
    }

    function test_reclaim_otherCaller_reverts() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        pass(RESPONSE_BLOCKS + 1);
        vm.expectRevert(abi.encodeWithSelector(Manager.NotTaskSender.selector, address(this)));
        manager.reclaim(task);
        task.senderAddress = address(this);
        vm.expectRevert();
        manager.reclaim(task);
    }

    function test_reclaim_twice_paysOnce() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        createTask("other", SENDER, LIMIT);
        pass(RESPONSE_BLOCKS + 1);
        vm.expectEmit(address(manager));
        emit Manager.TaskReclaimed(task.idOf(), SENDER, Manager.Status.Expired, LIMIT);
        vm.prank(SENDER);
        manager.reclaim(task);
        vm.prank(SENDER);
        (Manager.Status status, uint256 amount) = manager.reclaim(task);
        vm.assertTrue(status == Manager.Status.Expired);
        vm.assertEq(amount, 0);
        vm.assertEq(address(manager).balance, LIMIT);
    }

    function test_reclaim_reentrant_paysOnce() public {
        Reentrant sender = new Reentrant(address(manager));
        vm.deal(address(sender), 0);
        vm.deal(address(this), 3 * LIMIT);
        createTask("other", SENDER, 5 * LIMIT);
        sender.act{value: LIMIT}(abi.encodeCall(Manager.createNewTask, (ROOT, POINTER, LIMIT)));
        BatchTask.Task memory task = taskOf(ROOT, address(sender), LIMIT);
        sender.plan(abi.encodeCall(Manager.reclaim, (task)));
        pass(RESPONSE_BLOCKS + 1);
        sender.act(abi.encodeCall(Manager.reclaim, (task)));
        vm.assertEq(address(sender).balance, LIMIT);
        vm.assertEq(address(manager).balance, 5 * LIMIT);
    }

    function test_respondToTaskV2_reentrant_paysOnce() public {
        vm.fee(0);
        vm.txGasPrice(1);
        Reentrant responder = new Reentrant(address(manager));
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BatchTask.Task memory other = createTask("other", SENDER, LIMIT);
        responder.plan(responseOf(task, 15));
        responder.act(responseOf(task, 15));
        vm.assertFalse(responder.gotThrough());
        (, uint256 unspent) = manager.taskStatus(task.idOf());
        vm.assertEq(address(responder).balance + unspent, LIMIT);
        _expectStatus(other.idOf(), Manager.Status.Open, LIMIT);
    }

    function test_respondToTaskV2_responderRefusesEther_reverts() public {
        vm.txGasPrice(1);
        vm.fee(0);
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        bytes memory response = responseOf(task, 15);
        // The registry takes no plain transfers.
        vm.expectRevert(abi.encodeWithSelector(Manager.PaymentFailed.selector, address(registry)));
        vm.prank(address(registry));
        _send(response);
    }

    // --- the owner

    function test_pause_stopsNewTasksOnly() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        vm.prank(OWNER);
        manager.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        manager.createNewTask("new", POINTER, 0);
        respond(task, 15);
        vm.prank(SENDER);
        manager.reclaim(task);
        vm.prank(OWNER);
        manager.unpause();
        createTask("new", SENDER, LIMIT);
    }

    function test_owner_otherCaller_reverts() public {
        bytes[4] memory calls = [
            abi.encodeCall(Manager.pause, ()),
            abi.encodeCall(Manager.unpause, ()),
            abi.encodeCall(Manager.disableSystems, (1)),
            abi.encodeCall(Manager.enableSystems, (1))
        ];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
            );
            _send(calls[i]);
        }
        vm.expectRevert(Manager.OwnerRequired.selector);
        manager.renounceOwnership();
    }

    /// In force from the next block: for tasks that are open as well.
    function test_disableSystems_nextBlock_refusesResponses() public {
        BatchTask.Task memory task = createTask(ROOT, SENDER, LIMIT);
        BatchTask.Task memory second = createTask("second", SENDER, LIMIT);
        BatchTask.Task memory third = createTask("third", SENDER, LIMIT);
        vm.expectEmit(address(manager));
        emit Manager.DisabledSystemsChanged(4 + 8, block.number + 1);
        vm.prank(OWNER);
        manager.disableSystems(4 + 8);
        vm.assertEq(manager.disabledSystems(), 0);
        respond(task, 15);

        pass(1);
        vm.assertEq(manager.disabledSystems(), 12);
        bytes memory response = responseOf(second, 15);
        vm.expectRevert(abi.encodeWithSelector(Manager.SystemsDisabled.selector, 4));
        _send(response);
        // Without a proof of that system.
        manager.respondToTaskV2(second, 3, signTask(second, 3, 15), new uint32[](0));

        vm.prank(OWNER);
        manager.enableSystems(4);
        pass(1);
        vm.assertEq(manager.disabledSystems(), 8);
        respond(third, 15);
        vm.assertTrue(manager.verifiedIn(ROOT, SENDER) != 0);
    }

    /// However the changes fall into blocks: in a block holds what was said in blocks before.
    function testFuzz_disableSystems_anyChanges_holdFromNextBlock(uint256 seed) public {
        uint96 said = 0;
        uint96 holds = 0;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            uint96 systems = uint96(word >> 8);
            if (word % 3 == 0) {
                pass(1 + word % 5);
                holds = said;
            }
            vm.prank(OWNER);
            if (word % 2 == 0) {
                manager.disableSystems(systems);
                said |= systems;
            } else {
                manager.enableSystems(systems);
                said &= ~systems;
            }
            vm.assertEq(manager.disabledSystems(), holds);
        }
        pass(1);
        vm.assertEq(manager.disabledSystems(), said);
    }

    function _send(bytes memory call) private {
        (bool ok, bytes memory answer) = address(manager).call(call);
        if (!ok) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function _expectStatus(bytes32 taskId, Manager.Status expected, uint256 expectedUnspent) private view {
        (Manager.Status status, uint256 unspent) = manager.taskStatus(taskId);
        vm.assertTrue(status == expected, "status");
        vm.assertEq(unspent, expectedUnspent, "unspent");
    }
}
