// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../../src/BatcherPaymentService.sol";
import {BLS12381} from "../../src/libraries/BLS12381.sol";
import {BatchStatement} from "../../src/libraries/BatchStatement.sol";
import {BatchTask} from "../../src/libraries/BatchTask.sol";
import {FastMode} from "../support/FastMode.sol";

/// @notice Users, two batchers, direct senders, operators whose stake moves, responders honest or not, and time that passes. What should
/// happen is computed here, and compared with what does.
contract FastModeActors is FastMode {
    /// What is known of a task.
    struct Record {
        BatchTask.Task task;
        uint64 epoch;
        bool verified;
        bool closed;
        uint256 fee;
        /// Of the payment service's tasks alone.
        address batcher;
        uint256 total;
        uint256 added;
        Payments.Charge[] charges;
    }

    uint64 private constant DELAY = 100;
    uint256 private constant USERS = 3;

    Payments public immutable payments;

    address[] private users;
    Record[] private records;
    /// By batcher and user.
    mapping(address => mapping(address => uint256)) public balanceOf;
    mapping(address => mapping(address => uint256)) public nonceOf;
    mapping(address => mapping(address => uint256)) public unlockedFrom;
    mapping(address => uint256) public earned;
    /// By root and sender.
    mapping(bytes32 => uint256) public firstVerifiedIn;
    bytes32 private directRoot;
    uint256 public forced;
    uint256 private salt;

    constructor() {
        vm.warp(1_800_000_000);
        deployFastMode();
        payments = new Payments(manager, DELAY);
        for (uint256 i = 0; i < USERS; ++i) {
            users.push(vm.addr(_keyOf(i)));
        }
    }

    receive() external payable {}

    // --- users

    function deposit(uint256 who, uint256 amount) external {
        (address batcher, address user) = (batcherOf(who), userOf(who));
        amount = bound(amount, 1, 1 ether);
        vm.deal(address(this), amount);
        payments.deposit{value: amount}(batcher, user);
        balanceOf[batcher][user] += amount;
    }

    function unlockOrLock(uint256 who) external {
        (address batcher, address user) = (batcherOf(who), userOf(who));
        vm.prank(user);
        if (unlockedFrom[batcher][user] == 0) {
            payments.unlock(batcher);
            unlockedFrom[batcher][user] = block.timestamp + DELAY;
        } else {
            payments.lock(batcher);
            unlockedFrom[batcher][user] = 0;
        }
    }

    function withdraw(uint256 who, uint256 amount) external {
        (address batcher, address user) = (batcherOf(who), userOf(who));
        amount = bound(amount, 1, 2 * balanceOf[batcher][user] + 1);
        bool due = isUnlocked(batcher, user) && amount <= balanceOf[batcher][user];
        bool ok = _try(
            user, address(payments), abi.encodeCall(Payments.withdraw, (batcher, address(1), uint128(amount)))
        );
        vm.assertTrue(ok == due, "withdrawn exactly if unlocked and covered");
        if (ok) balanceOf[batcher][user] -= amount;
    }

    // --- batches

    /// Up to three authorisations, each wrong in some way or not at all.
    function createBatch(uint256 who, uint256 seed) external {
        address batcher = batcherOf(who);
        uint128 price = uint128(1 + seed % 0.02 ether);
        uint256 count = 1 + seed % 3;
        Payments.Authorization[] memory list = new Payments.Authorization[](count);
        Record storage created = records.push();
        for (uint256 i = 0; i < count; ++i) {
            list[i] = _authorization(batcher, uint256(keccak256(abi.encode(seed, i))), price, created);
            created.total += created.charges[i].fee;
        }
        bytes32[] memory roots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            roots[i] = list[i].proofsRoot;
        }
        // More than the users pay, at times: the rest is the batcher's to add.
        uint256 limit = seed % (created.total + 0.01 ether);
        created.batcher = batcher;
        created.epoch = registry.currentEpoch();
        created.task = taskOf(BatchStatement.rootOver(roots), address(payments), limit);
        if (limit > created.total) created.added = limit - created.total;
        _submit(created, list, price, seed % 1 gwei);
    }

    /// The first user has a batch verified again and again.
    function createDirect(uint256 who, uint256 limit) external {
        limit = bound(limit, 0, 0.1 ether);
        if (who % USERS != 0) directRoot = keccak256(abi.encode(++salt));
        (Manager.Status status,) = manager.taskStatus(BatchTask.idOf(taskOf(directRoot, userOf(who), limit)));
        if (status != Manager.Status.Unknown) return;
        Record storage created = records.push();
        created.epoch = registry.currentEpoch();
        created.task = createTask(directRoot, userOf(who), limit);
    }

    // --- operators

    /// Signers of every kind, and signatures made for another task.
    function respond(uint256 which, uint256 signers, uint256 gasPrice, uint256 signedFor) external {
        if (records.length == 0) return;
        Record storage answered = records[which % records.length];
        // Mostly a late task, mostly a full quorum: otherwise few are answered.
        if (which % 4 != 0) answered = records[records.length - 1];
        signers = signers % 3 == 0 ? bound(signers / 3, 1, 15) : 15 - 2 ** (signers % 4);
        Record storage signed = signedFor % 5 == 0 ? records[signedFor % records.length] : answered;
        uint256 present = 0;
        uint256 total = 0;
        for (uint32 id = 0; id < 4; ++id) {
            uint256 stake = registry.stakeOf(id, answered.epoch);
            total += stake;
            if (signers >> id & 1 == 1) present += stake;
        }
        bool open = !answered.verified && block.number <= answered.task.taskCreatedBlock + RESPONSE_BLOCKS;
        bytes32 taskId = BatchTask.idOf(answered.task);
        bool due = open && present * 100 >= total * 67 && taskId == BatchTask.idOf(signed.task);

        BLS12381.G1Point memory signature = signTask(signed.task, SYSTEMS, signers);
        bytes memory call = abi.encodeCall(
            Manager.respondToTaskV2, (answered.task, SYSTEMS, signature, absentOf(signers, 4))
        );
        vm.txGasPrice(bound(gasPrice, 0, 200 gwei));
        uint256 before = address(this).balance;
        (bool ok,) = address(manager).call(call);
        vm.txGasPrice(0);
        vm.assertTrue(
            ok == due, "verified exactly by a quorum of the task's epoch, for this task, once, in time"
        );
        if (!ok) return;
        answered.verified = true;
        answered.fee = address(this).balance - before;
        vm.assertLe(answered.fee, answered.task.respondToTaskFeeLimit, "fee limit");
        bytes32 batch = keccak256(abi.encode(answered.task.batchMerkleRoot, answered.task.senderAddress));
        if (firstVerifiedIn[batch] == 0) firstVerifiedIn[batch] = block.number;
    }

    function moveStake(uint256 which, uint256 amount) external {
        address account = accountOf(2 ** (which % 4));
        amount = bound(amount, 1, 100 ether);
        if (which % 2 == 0) {
            vm.deal(account, amount);
            vm.prank(account);
            registry.increaseStake{value: amount}();
            return;
        }
        uint256 spare = registry.operator(uint32(which % 4)).stake - MIN_STAKE;
        if (spare == 0) return;
        vm.prank(account);
        registry.decreaseStake(uint128(amount < spare ? amount : spare));
    }

    // --- after the decision

    /// Whoever calls, and whichever way.
    function close(uint256 which, bool asVerified) external {
        if (records.length == 0) return;
        Record storage record = records[which % records.length];
        bool expired = !record.verified && block.number > record.task.taskCreatedBlock + RESPONSE_BLOCKS;
        if (record.batcher == address(0)) {
            uint256 rest = record.closed ? 0 : record.task.respondToTaskFeeLimit - record.fee;
            uint256 before = record.task.senderAddress.balance;
            bool reclaimed = _try(
                record.task.senderAddress, address(manager), abi.encodeCall(Manager.reclaim, (record.task))
            );
            vm.assertTrue(reclaimed == (record.verified || expired), "reclaimed exactly if it is decided");
            if (!reclaimed) return;
            vm.assertEq(record.task.senderAddress.balance - before, rest, "what is left, once");
            record.closed = true;
            return;
        }
        Payments.Payment memory payment = Payments.Payment(
            record.batcher, record.total, record.added, keccak256(abi.encode(record.charges))
        );
        bool due = !record.closed && (asVerified ? record.verified : expired);
        bool ok = _try(
            address(this),
            address(payments),
            asVerified
                ? abi.encodeCall(Payments.settle, (record.task, payment))
                : abi.encodeCall(Payments.refund, (record.task, payment, record.charges))
        );
        vm.assertTrue(ok == due, "settled exactly if verified, refunded exactly if expired, once");
        if (!ok) return;
        record.closed = true;
        earned[record.batcher] += record.added;
        if (asVerified) earned[record.batcher] = earned[record.batcher] + record.total - record.fee;
        for (uint256 i = 0; !asVerified && i < record.charges.length; ++i) {
            balanceOf[record.batcher][record.charges[i].user] += record.charges[i].fee;
        }
    }

    function withdrawEarnings(uint256 who) external {
        address batcher = batcherOf(who);
        bool ok = _try(batcher, address(payments), abi.encodeCall(Payments.withdrawEarnings, (address(1))));
        vm.assertTrue(ok == (earned[batcher] != 0));
        earned[batcher] = 0;
    }

    /// Ether that arrives without a call, as from a contract that is destroyed.
    function force(uint256 amount) external {
        amount %= 1 ether;
        vm.deal(address(payments), address(payments).balance + amount);
        vm.deal(address(manager), address(manager).balance + amount);
        forced += amount;
    }

    function passTime(uint256 blocks) external {
        blocks = bound(blocks, 1, 6);
        pass(blocks);
        vm.warp(block.timestamp + 12 * blocks);
    }

    // --- what is known

    /// What both contracts must hold, without what was forced in.
    function owed() external view returns (uint256 byManager, uint256 byPayments) {
        for (uint256 i = 0; i < records.length; ++i) {
            Record storage record = records[i];
            if (record.closed) continue;
            byManager += record.task.respondToTaskFeeLimit - record.fee;
            if (record.batcher == address(0)) continue;
            byPayments += record.total + record.added - record.task.respondToTaskFeeLimit;
        }
        for (uint256 i = 0; i < 2 * USERS; ++i) {
            byPayments += balanceOf[batcherOf(i)][userOf(i)];
        }
        byPayments += earned[batcherOf(0)] + earned[batcherOf(1)];
    }

    function recordCount() external view returns (uint256) {
        return records.length;
    }

    function recordAt(uint256 i)
        external
        view
        returns (BatchTask.Task memory task, bool verified, bool paid)
    {
        return (records[i].task, records[i].verified, records[i].batcher != address(0));
    }

    function isUnlocked(address batcher, address user) public view returns (bool) {
        return unlockedFrom[batcher][user] != 0 && block.timestamp >= unlockedFrom[batcher][user];
    }

    function batcherOf(uint256 who) public pure returns (address) {
        return address(uint160(0xba7c0 + who % 2));
    }

    /// Six numbers in a row are all pairs of batcher and user.
    function userOf(uint256 who) public view returns (address) {
        return users[who % USERS];
    }

    function _keyOf(uint256 who) private pure returns (uint256) {
        return 0xa11ce + who % USERS;
    }

    /// An authorisation, and what it should cost.
    function _authorization(address batcher, uint256 word, uint128 price, Record storage created)
        private
        returns (Payments.Authorization memory authorization)
    {
        address user = userOf(word);
        uint32 proofCount = uint32(1 + (word >> 8) % 5);
        uint256 nonce = nonceOf[batcher][user];
        uint256 fee = uint256(price) * proofCount;
        uint256 kind = (word >> 16) % 12;
        authorization = unsigned(user, keccak256(abi.encode(++salt)), proofCount, uint64(nonce), uint128(fee));
        if (kind == 0) authorization.firstNonce += 1;
        if (kind == 1) authorization.maxFee -= 1;
        if (kind == 2) authorization.deadline = uint64(block.timestamp) - 1;
        if (kind == 6) authorization.proofCount = 0;
        address signedFor = kind == 3 ? address(0xbad) : batcher;
        authorization = signWith(payments, _keyOf(kind == 4 ? word + 1 : word), signedFor, authorization);
        if (kind == 5) authorization.maxFee += 1;

        bool holds = kind > 6 && !isUnlocked(batcher, user) && balanceOf[batcher][user] >= fee;
        if (holds) {
            balanceOf[batcher][user] -= fee;
            nonceOf[batcher][user] += proofCount;
        }
        created.charges.push(Payments.Charge(user, holds ? fee : 0));
    }

    /// Too little first, which changes nothing; then enough and some more, which comes back.
    function _submit(
        Record storage created,
        Payments.Authorization[] memory list,
        uint128 price,
        uint256 more
    ) private {
        (address batcher, uint256 added, uint256 total) = (created.batcher, created.added, created.total);
        vm.deal(batcher, 1 ether);
        if (added != 0) {
            bool unpaid = _tryCreate(batcher, added - 1, created.task, price, 0, list);
            vm.assertFalse(unpaid, "a response that nobody pays for");
        }
        bool ok = _tryCreate(batcher, added + more, created.task, price, total + 1, list);
        vm.assertFalse(ok, "less than the batcher wants");
        ok = _tryCreate(batcher, added + more, created.task, price, total, list);
        vm.assertTrue(ok, "created");
        vm.assertEq(batcher.balance, 1 ether - added, "the batcher adds what lacks");
    }

    function _tryCreate(
        address batcher,
        uint256 sent,
        BatchTask.Task memory task,
        uint128 price,
        uint256 minCharged,
        Payments.Authorization[] memory list
    ) private returns (bool ok) {
        bytes memory call = abi.encodeCall(
            Payments.createNewTask,
            (task.batchMerkleRoot, POINTER, task.respondToTaskFeeLimit, price, minCharged, list)
        );
        vm.prank(batcher);
        (ok,) = address(payments).call{value: sent}(call);
    }

    function _try(address caller, address target, bytes memory call) private returns (bool ok) {
        vm.prank(caller);
        (ok,) = target.call(call);
    }
}

/// | property | checked by |
/// |---|---|
/// | a task is verified exactly by a quorum of its own epoch, signed for it alone, once, in time | FastModeActors.respond, _statusesAreTrue |
/// | a response costs its own task's ether, within the limit | FastModeActors.respond, _etherIsAccounted |
/// | a user is charged exactly what they signed, at most, and only while locked | FastModeActors.createBatch, _accountsAreTrue |
/// | a batcher adds exactly what the charges lack of the fee limit, and nothing if they are less than it wants | FastModeActors._submit |
/// | batchers are paid exactly for verified tasks, users refunded exactly for expired ones, once | FastModeActors.close |
/// | each wei is owed to somebody, or was forced in | _etherIsAccounted |
/// | everybody gets what they are owed, always | afterInvariant |
contract FastModeInvariants is FastMode {
    FastModeActors private actors;
    Payments private payments;

    function setUp() public {
        actors = new FastModeActors();
        payments = actors.payments();
        manager = payments.SERVICE_MANAGER();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_fastMode_holds() external view {
        _etherIsAccounted();
        _accountsAreTrue();
        _statusesAreTrue();
    }

    /// At the end of each run all tasks expire, and all take what is theirs.
    function afterInvariant() external {
        pass(RESPONSE_BLOCKS + 1);
        vm.warp(block.timestamp + 1 days);
        for (uint256 i = 0; i < actors.recordCount(); ++i) {
            (, bool verified,) = actors.recordAt(i);
            actors.close(i, verified);
        }
        for (uint256 i = 0; i < 6; ++i) {
            (address batcher, address user) = (actors.batcherOf(i), actors.userOf(i));
            if (!actors.isUnlocked(batcher, user)) actors.unlockOrLock(i);
        }
        vm.warp(block.timestamp + 1 days);
        for (uint256 i = 0; i < 6; ++i) {
            (address batcher, address user) = (actors.batcherOf(i), actors.userOf(i));
            uint256 balance = actors.balanceOf(batcher, user);
            if (balance == 0) continue;
            vm.prank(user);
            payments.withdraw(batcher, user, uint128(balance));
        }
        actors.withdrawEarnings(0);
        actors.withdrawEarnings(1);
        vm.assertEq(address(payments).balance, actors.forced(), "nothing is left");
        vm.assertEq(address(manager).balance, actors.forced(), "nothing is left");
    }

    function _etherIsAccounted() private view {
        (uint256 byManager, uint256 byPayments) = actors.owed();
        vm.assertEq(address(manager).balance, byManager + actors.forced(), "the service manager's ether");
        vm.assertEq(address(payments).balance, byPayments + actors.forced(), "the payment service's ether");
    }

    function _accountsAreTrue() private view {
        for (uint256 i = 0; i < 6; ++i) {
            (address batcher, address user) = (actors.batcherOf(i), actors.userOf(i));
            Payments.Account memory account = payments.account(batcher, user);
            vm.assertEq(account.balance, actors.balanceOf(batcher, user), "balance");
            vm.assertEq(account.nonce, actors.nonceOf(batcher, user), "nonce");
            vm.assertEq(account.unlockedFrom, actors.unlockedFrom(batcher, user), "lock");
        }
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(
                payments.earnings(actors.batcherOf(i)), actors.earned(actors.batcherOf(i)), "earnings"
            );
        }
    }

    function _statusesAreTrue() private view {
        for (uint256 i = 0; i < actors.recordCount(); ++i) {
            (BatchTask.Task memory task, bool verified,) = actors.recordAt(i);
            (Manager.Status status,) = manager.taskStatus(BatchTask.idOf(task));
            bool inTime = block.number <= task.taskCreatedBlock + RESPONSE_BLOCKS;
            vm.assertTrue(
                status
                    == (verified
                            ? Manager.Status.Verified
                            : inTime ? Manager.Status.Open : Manager.Status.Expired),
                "status"
            );
            bytes32 batch = keccak256(abi.encode(task.batchMerkleRoot, task.senderAddress));
            uint256 verifiedIn = manager.verifiedIn(task.batchMerkleRoot, task.senderAddress);
            vm.assertEq(verifiedIn, actors.firstVerifiedIn(batch), "verified by its first quorum");
        }
    }
}
