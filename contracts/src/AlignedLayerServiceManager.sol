// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {OperatorQuorum} from "./OperatorQuorum.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {BatchStatement} from "./libraries/BatchStatement.sol";
import {BatchTask} from "./libraries/BatchTask.sol";
import {Inclusion} from "./libraries/Inclusion.sol";

/// @title Fast mode: batches that the operators verified
/// @notice Anyone creates a task for a batch of proofs. Operators download the batch, verify every proof, and sign; anyone hands in the
/// signature of a quorum (67 % of the stake in the epoch of the task's block), and from then on `isVerified` answers true for
/// each proof of the batch. It is worth the stake behind it, not the mathematics of the proofs.
///
/// A task is named by the hash of all its fields, and the signed message binds that name, this contract and the chain: a
/// signature for one task fits no other, and nobody can get in the way of a task by creating one like it. It is answered once,
/// within `RESPONSE_BLOCKS` blocks, or never.
///
/// Each task brings the ether for its own response. Whoever responds is paid the gas, at most the task's fee limit; the rest is
/// the sender's to reclaim, and so is all of it once the task expired. Ether of one task never pays for another.
///
/// The owner can pause the creation of tasks and disable proof systems, and can do nothing else: not with ether, not with keys, not
/// with what is verified or waits for its answer otherwise.
contract AlignedLayerServiceManager is OperatorQuorum, Ownable2Step, Pausable {
    using BatchTask for BatchTask.Task;

    /// @notice What became of a task.
    enum Status {
        /// There never was such a task.
        Unknown,
        /// Waits for its response.
        Open,
        /// A quorum signed it.
        Verified,
        /// Nobody responded in time.
        Expired
    }

    /// @dev One word for each task.
    struct StoredTask {
        Status status;
        uint32 createdBlock;
        /// Wei that the sender can reclaim, once the task is not open.
        uint128 unspent;
    }

    /// @dev Proof systems that are disabled, as bits by id: up to and including `changedBlock`, and after it.
    struct DisabledSystems {
        uint64 changedBlock;
        uint96 before;
        uint96 latest;
    }

    /// @notice First word of what operators sign.
    bytes32 public constant RESPONSE_TYPE = keccak256("Collimate.AlignedLayerServiceManager.v1");
    /// @notice Longest pointer to a batch's data, in bytes.
    uint256 public constant MAX_POINTER_BYTES = 1_024;

    /// @dev Gas of a transaction before its first instruction and calldata.
    uint256 private constant TRANSACTION_GAS = 21_000;
    /// @dev Gas of a response that its own meter does not see: its calldata without ids, and what follows the reading of the
    /// meter. `test/FastModeGas.t.sol` holds it against whole transactions.
    uint256 private constant RESPONSE_OVERHEAD_GAS = 16_500;
    /// @dev Calldata of one absent operator's id.
    uint256 private constant ABSENT_CALLDATA_GAS = 180;

    /// @notice Blocks after a task's own in which it can be answered. At most an epoch, so that the stake that signed is still
    /// locked.
    uint32 public immutable RESPONSE_BLOCKS;
    /// @notice Most, in wei for each gas, that is paid to a responder above the block's base fee. A responder who makes blocks
    /// sets its own price and would otherwise always take the whole limit.
    uint64 public immutable MAX_PRIORITY_FEE;

    DisabledSystems private _disabled;
    mapping(bytes32 taskId => StoredTask) private _tasks;
    /// @dev Block in which a batch was verified first, by hash of root and sender.
    mapping(bytes32 batchId => uint256) private _verifiedIn;
    /// @dev Whether a task paid for this transaction already: the responses of one transaction share its price.
    bool private transient _transactionPaid;

    /// @notice A batch waits to be verified. `BatchTask.Task` are these fields, with the pointer by its keccak256.
    /// @param batchMerkleRoot Root of the batch's tree.
    /// @param senderAddress Who created the task.
    /// @param taskCreatedBlock This block.
    /// @param batchDataPointer Where the batch's manifest is.
    /// @param respondToTaskFeeLimit Most, in wei, that is paid for the response.
    event NewBatchV3(
        bytes32 indexed batchMerkleRoot,
        address senderAddress,
        uint32 taskCreatedBlock,
        string batchDataPointer,
        uint256 respondToTaskFeeLimit
    );
    /// @notice A quorum verified a batch.
    /// @param batchMerkleRoot Root of the batch's tree.
    /// @param taskId The task that was answered.
    /// @param senderAddress Who created it.
    /// @param provingSystems Proof systems of the batch, as bits by id.
    /// @param responder Who handed the signature in.
    /// @param fee Wei that the responder was paid.
    event BatchVerified(
        bytes32 indexed batchMerkleRoot,
        bytes32 indexed taskId,
        address senderAddress,
        uint96 provingSystems,
        address responder,
        uint256 fee
    );
    /// @notice The sender took back what a task did not spend.
    event TaskReclaimed(bytes32 indexed taskId, address indexed sender, Status status, uint256 amount);
    /// @notice From a block on, these proof systems and no others are disabled, as bits by id.
    event DisabledSystemsChanged(uint96 disabled, uint256 fromBlock);

    /// @notice A constructor argument is zero, or tasks could outlive the epoch after their own.
    error InvalidResponseBlocks(uint32 responseBlocks);
    /// @notice The pointer has too many bytes.
    error PointerTooLong(uint256 length);
    /// @notice The ether sent must be the fee limit, in wei.
    error FeeLimitNotSent(uint256 sent, uint256 feeLimit);
    /// @notice The same task was created before in this block.
    error TaskExists(bytes32 taskId);
    /// @notice There is no such task, or it was answered, or it expired.
    error TaskNotOpen(bytes32 taskId, Status status);
    /// @notice The task can still be answered.
    error TaskStillOpen(bytes32 taskId);
    /// @notice Only the task's sender may do this.
    error NotTaskSender(address caller);
    /// @notice The batch has proofs of systems that are disabled, as bits by id.
    error SystemsDisabled(uint96 disabled);
    /// @notice The payment was refused by its receiver.
    error PaymentFailed(address receiver);
    /// @notice The owner can be replaced, not removed: a pause could never end.
    error OwnerRequired();

    /// @param registry Who the operators are.
    /// @param owner May pause new tasks and disable proof systems.
    /// @param responseBlocks Blocks after a task's own in which it can be answered; at most an epoch.
    /// @param maxPriorityFee Most, in wei for each gas, that is paid to a responder above the base fee.
    constructor(OperatorRegistry registry, address owner, uint32 responseBlocks, uint64 maxPriorityFee)
        OperatorQuorum(registry)
        Ownable(owner)
    {
        require(
            responseBlocks != 0 && responseBlocks <= registry.EPOCH_BLOCKS(),
            InvalidResponseBlocks(responseBlocks)
        );
        RESPONSE_BLOCKS = responseBlocks;
        MAX_PRIORITY_FEE = maxPriorityFee;
    }

    // --- tasks

    /// @notice Creates a task. The ether sent must be the fee limit.
    /// @param batchMerkleRoot Root of the batch's tree (see `BatchStatement`).
    /// @param batchDataPointer Where the batch's manifest is.
    /// @param respondToTaskFeeLimit Most, in wei, that may be paid for the response.
    /// @return taskId Its name.
    function createNewTask(
        bytes32 batchMerkleRoot,
        string calldata batchDataPointer,
        uint256 respondToTaskFeeLimit
    ) external payable whenNotPaused returns (bytes32 taskId) {
        require(
            bytes(batchDataPointer).length <= MAX_POINTER_BYTES,
            PointerTooLong(bytes(batchDataPointer).length)
        );
        require(msg.value == respondToTaskFeeLimit, FeeLimitNotSent(msg.value, respondToTaskFeeLimit));
        uint32 createdBlock = uint32(block.number);
        taskId = BatchTask.Task({
            batchMerkleRoot: batchMerkleRoot,
            senderAddress: msg.sender,
            taskCreatedBlock: createdBlock,
            batchDataPointerHash: keccak256(bytes(batchDataPointer)),
            respondToTaskFeeLimit: respondToTaskFeeLimit
        }).idOf();
        require(_tasks[taskId].status == Status.Unknown, TaskExists(taskId));
        // There is less ether than fits in 128 bits.
        _tasks[taskId] = StoredTask(Status.Open, createdBlock, uint128(msg.value));
        emit NewBatchV3(batchMerkleRoot, msg.sender, createdBlock, batchDataPointer, respondToTaskFeeLimit);
    }

    /// @notice Answers a task with the signature of a quorum of the epoch of the task's block, and pays the caller's gas from the
    /// task's ether. Of several responses in one transaction the first is paid the transaction's own 21,000, the others are not.
    /// @param task The task.
    /// @param provingSystems Proof systems of the batch, as bits by id, which the operators signed.
    /// @param signature Sum of the operators' signatures over `responseMessage`.
    /// @param absent Ids of the epoch's operators that did not sign, strictly ascending.
    function respondToTaskV2(
        BatchTask.Task calldata task,
        uint96 provingSystems,
        BLS12381.G1Point calldata signature,
        uint32[] calldata absent
    ) external {
        uint256 gasBefore = gasleft();
        bytes32 taskId = task.idOf();
        StoredTask storage stored = _tasks[taskId];
        Status status = _statusOf(stored);
        require(status == Status.Open, TaskNotOpen(taskId, status));
        uint96 disabled = provingSystems & disabledSystems();
        require(disabled == 0, SystemsDisabled(disabled));
        _requireQuorum(
            REGISTRY.epochOf(task.taskCreatedBlock),
            responseMessage(taskId, provingSystems),
            signature,
            absent
        );

        _markVerified(task.batchMerkleRoot, task.senderAddress);
        uint256 gasUsed = _takeUnmeteredGas(absent.length);
        gasUsed += gasBefore - gasleft();
        uint256 fee = _responseFee(gasUsed, task.respondToTaskFeeLimit);
        stored.status = Status.Verified;
        stored.unspent -= uint128(fee);
        emit BatchVerified(task.batchMerkleRoot, taskId, task.senderAddress, provingSystems, msg.sender, fee);
        _pay(msg.sender, fee);
    }

    /// @notice Pays the caller what a task of theirs did not spend, once it was answered or expired. Pays nothing the second time.
    /// @return status What became of the task: verified or expired.
    /// @return amount Wei paid out.
    function reclaim(BatchTask.Task calldata task) external returns (Status status, uint256 amount) {
        require(task.senderAddress == msg.sender, NotTaskSender(msg.sender));
        bytes32 taskId = task.idOf();
        StoredTask storage stored = _tasks[taskId];
        status = _statusOf(stored);
        require(status != Status.Unknown, TaskNotOpen(taskId, status));
        require(status != Status.Open, TaskStillOpen(taskId));
        amount = stored.unspent;
        stored.unspent = 0;
        emit TaskReclaimed(taskId, msg.sender, status, amount);
        _pay(msg.sender, amount);
    }

    // --- reading

    /// @notice Whether the operators verified a proof of this program with these public inputs.
    /// @dev The path alone decides which root is asked for; a batch that is not verified answers false.
    /// @param provingSystem Id of the proof system.
    /// @param programId SP1: the verifying key's `bytes32()`. RISC Zero: the image id. Circuits: keccak256 of the verification key.
    /// @param publicInputs SP1: the public values. RISC Zero: the journal. Circuits: the words of the public inputs.
    /// @param proofCommitment keccak256 of the proof's bytes.
    /// @param proofGeneratorAddr Who is named as the proof's maker.
    /// @param merkleProof Siblings from the leaf to the root; empty in a batch of one proof.
    /// @param senderAddress Who created the task.
    function isVerified(
        uint16 provingSystem,
        bytes32 programId,
        bytes calldata publicInputs,
        bytes32 proofCommitment,
        address proofGeneratorAddr,
        bytes32[] calldata merkleProof,
        address senderAddress
    ) external view returns (bool) {
        bytes32 commitment = BatchStatement.commitment(
            proofCommitment,
            keccak256(publicInputs),
            BatchStatement.auxDataCommitment(provingSystem, programId),
            proofGeneratorAddr
        );
        return verifiedIn(Inclusion.rootOf(merkleProof, commitment), senderAddress) != 0;
    }

    /// @notice Whether a verified batch has a proof with these commitments (see `BatchStatement`).
    /// @dev The last parameter but one is the proof's index in the batch, and is ignored. Pairs of nodes are sorted before they are
    /// hashed, so a path proves that a proof is in the batch, not where: the answer is the same for every index, and nothing
    /// may be counted or told apart by it. It is here for callers of this interface.
    function verifyBatchInclusion(
        bytes32 proofCommitment,
        bytes32 pubInputCommitment,
        bytes32 provingSystemAuxDataCommitment,
        address proofGeneratorAddr,
        bytes32 batchMerkleRoot,
        bytes32[] calldata merkleProof,
        uint256,
        address senderAddress
    ) external view returns (bool) {
        bytes32 commitment = BatchStatement.commitment(
            proofCommitment, pubInputCommitment, provingSystemAuxDataCommitment, proofGeneratorAddr
        );
        return Inclusion.rootOf(merkleProof, commitment) == batchMerkleRoot
            && verifiedIn(batchMerkleRoot, senderAddress) != 0;
    }

    /// @notice Block in which a sender's batch was verified first; zero if it was not.
    function verifiedIn(bytes32 batchMerkleRoot, address senderAddress) public view returns (uint256) {
        return _verifiedIn[_batchId(batchMerkleRoot, senderAddress)];
    }

    /// @notice What became of a task, and the wei that its sender can reclaim, once it is not open.
    function taskStatus(bytes32 taskId) external view returns (Status status, uint256 unspent) {
        StoredTask storage stored = _tasks[taskId];
        return (_statusOf(stored), stored.unspent);
    }

    /// @notice The name of a task, whether or not it was created.
    function taskIdOf(BatchTask.Task calldata task) external pure returns (bytes32) {
        return task.idOf();
    }

    /// @notice What operators sign, under `SIGNATURE_DOMAIN`, once they verified every proof of a task's batch.
    /// @param taskId The task.
    /// @param provingSystems Proof systems of the batch, as bits by id.
    function responseMessage(bytes32 taskId, uint96 provingSystems) public view returns (bytes32) {
        return keccak256(abi.encode(RESPONSE_TYPE, block.chainid, address(this), taskId, provingSystems));
    }

    /// @notice Proof systems that are disabled in this block, as bits by id.
    function disabledSystems() public view returns (uint96) {
        return block.number > _disabled.changedBlock ? _disabled.latest : _disabled.before;
    }

    // --- the owner

    /// @notice Disables proof systems from the next block on: responses for batches that have proofs of one are refused, also
    /// for tasks that are open now. What is verified stays so.
    /// @param systems Bits by id.
    function disableSystems(uint96 systems) external onlyOwner {
        _setDisabled(_disabled.latest | systems);
    }

    /// @notice Enables proof systems from the next block on.
    /// @param systems Bits by id.
    function enableSystems(uint96 systems) external onlyOwner {
        _setDisabled(_disabled.latest & ~systems);
    }

    /// @notice Stops the creation of tasks. Responses, reclaims and everything that is read go on.
    function pause() external onlyOwner {
        _pause();
    }

    /// @notice Ends a pause.
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Refused: see `OwnerRequired`.
    function renounceOwnership() public pure override {
        revert OwnerRequired();
    }

    // --- within

    /// @dev An open task whose time is over is expired.
    function _statusOf(StoredTask storage stored) private view returns (Status status) {
        status = stored.status;
        if (status == Status.Open && block.number > uint256(stored.createdBlock) + RESPONSE_BLOCKS) {
            return Status.Expired;
        }
    }

    /// @dev A later task for the same batch says nothing new, and does not move the block.
    function _markVerified(bytes32 batchMerkleRoot, address senderAddress) private {
        bytes32 batchId = _batchId(batchMerkleRoot, senderAddress);
        if (_verifiedIn[batchId] == 0) _verifiedIn[batchId] = block.number;
    }

    /// @dev Gas that a response does not meter; in a transaction's first response, the transaction's own with it.
    function _takeUnmeteredGas(uint256 absentOperators) private returns (uint256 gasUsed) {
        gasUsed = RESPONSE_OVERHEAD_GAS + absentOperators * ABSENT_CALLDATA_GAS;
        if (_transactionPaid) return gasUsed;
        _transactionPaid = true;
        gasUsed += TRANSACTION_GAS;
    }

    /// @dev What a response of so much gas is paid, in wei.
    function _responseFee(uint256 gasUsed, uint256 feeLimit) private view returns (uint256 fee) {
        uint256 highest = block.basefee + MAX_PRIORITY_FEE;
        fee = gasUsed * (tx.gasprice < highest ? tx.gasprice : highest);
        if (fee > feeLimit) fee = feeLimit;
    }

    /// @dev Within one block, what held before its first change holds until it ends.
    function _setDisabled(uint96 disabled) private {
        _disabled = DisabledSystems(uint64(block.number), disabledSystems(), disabled);
        emit DisabledSystemsChanged(disabled, block.number + 1);
    }

    function _batchId(bytes32 batchMerkleRoot, address senderAddress) private pure returns (bytes32) {
        return keccak256(abi.encode(batchMerkleRoot, senderAddress));
    }

    function _pay(address receiver, uint256 amount) private {
        if (amount == 0) return;
        (bool ok,) = receiver.call{value: amount}("");
        require(ok, PaymentFailed(receiver));
    }
}
