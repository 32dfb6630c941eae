// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {AlignedLayerServiceManager} from "./AlignedLayerServiceManager.sol";
import {BatchStatement} from "./libraries/BatchStatement.sol";
import {BatchTask} from "./libraries/BatchTask.sol";

/// @title Payments of fast mode
/// @notice Holds users' ether for batchers, and creates tasks on the users' behalf. Anyone can be a batcher. A user pays for a batch
/// what they signed at most, only if the batch has exactly the proofs that they signed for, and only if it is verified:
///
/// - An authorisation is an EIP-712 signature over the root of the user's proofs, their number, the first nonce, the most that
///   they may cost, the batcher, and a deadline. The batch's root is computed here, from the roots that the users signed.
/// - What users are charged waits here until the batch's task is decided. Verified: the batcher has it, less what the response cost.
///   Expired: each user has it back.
/// - Everybody in a batch pays the same price for a proof.
///
/// Accounts are kept for each pair of batcher and user, so nothing but the batcher's own charges lowers what it may count on, until
/// the user withdraws: that takes an announcement, `UNLOCK_DELAY` seconds before. An account can be charged or
/// withdrawn from at any one time, never both.
///
/// An authorisation that does not hold costs its user nothing and stops nobody else's; its proofs stay in the batch, at the
/// batcher's expense. `refusal` tells the batcher beforehand; but a contract wallet can withdraw its consent in the very block of the
/// charge. For that the batcher sends ether along: what the users' charges lack of the response's fee limit is taken from it.
/// @dev No owner. Ether that is sent here by force belongs to nobody and stays. State is changed before ether is sent; wallets are
/// called statically, with bounded gas.
contract BatcherPaymentService is EIP712 {
    using BatchTask for BatchTask.Task;

    /// @notice What a user has with a batcher.
    struct Account {
        /// Wei.
        uint128 balance;
        /// Nonce of the user's next proof.
        uint64 nonce;
        /// Second of the chain's clock from which the account can be withdrawn from, and not charged; zero if it is locked.
        uint64 unlockedFrom;
    }

    /// @notice A user's consent to pay for some proofs.
    struct Authorization {
        /// Who pays.
        address user;
        /// Root of the tree over the user's proofs, in the order of their nonces.
        bytes32 proofsRoot;
        /// How many they are: they take as many nonces.
        uint32 proofCount;
        /// Nonce of the first, which must be the account's.
        uint64 firstNonce;
        /// Most, in wei, that all of them may cost together.
        uint128 maxFee;
        /// Last second of the chain's clock in which they may be charged.
        uint64 deadline;
        /// ECDSA signature of 65 bytes, or what the wallet takes (EIP-1271).
        bytes signature;
    }

    /// @notice What a user pays for a batch, in wei.
    struct Charge {
        address user;
        uint256 fee;
    }

    /// @notice What was paid for a task, to be given in full to whoever decides over it.
    struct Payment {
        address batcher;
        /// Wei charged, all together.
        uint256 total;
        /// Wei that the batcher added, because the charges were below the fee limit.
        uint256 added;
        /// keccak256 of the ABI encoding of the `Charge[]`.
        bytes32 chargesHash;
    }

    /// @notice Why an authorisation does not hold.
    enum Refusal {
        /// It holds.
        None,
        /// It is for no proofs, takes no nonce, and could be charged any number of times.
        NoProofs,
        /// The account is unlocked.
        Unlocked,
        /// The nonce is not the account's.
        WrongNonce,
        /// The deadline is over.
        DeadlinePassed,
        /// The price is above what was signed.
        FeeTooHigh,
        /// The account has too little.
        BalanceTooLow,
        /// The signature is not the user's.
        InvalidSignature
    }

    /// @notice EIP-712 type of what users sign.
    bytes32 public constant AUTHORIZATION_TYPEHASH = keccak256(
        "ProofAuthorization(address user,address batcher,bytes32 proofsRoot,uint32 proofCount,uint64 firstNonce,uint128 maxFee,uint64 deadline)"
    );
    /// @notice Gas that a wallet has to check a signature. A batcher that gives less only harms itself.
    uint256 public constant WALLET_GAS = 100_000;
    /// @notice Longest delay, in seconds: a typing error must not lock users out.
    uint64 public constant MAX_UNLOCK_DELAY = 30 days;

    /// @notice Where tasks are created.
    AlignedLayerServiceManager public immutable SERVICE_MANAGER;
    /// @notice Seconds between the announcement of a withdrawal and the end of charges.
    uint64 public immutable UNLOCK_DELAY;

    /// @notice Wei that a batcher can withdraw.
    mapping(address batcher => uint256) public earnings;
    mapping(address batcher => mapping(address user => Account)) private _accounts;
    /// @dev Hash of the `Payment` of a task that is not decided; zero if there is none.
    mapping(bytes32 taskId => bytes32) private _payments;

    /// @notice An account was paid into.
    event Deposited(address indexed batcher, address indexed user, address payer, uint256 amount);
    /// @notice An account can be charged until a time, and withdrawn from after it.
    event UnlockAnnounced(address indexed batcher, address indexed user, uint64 unlockedFrom);
    /// @notice An account can be charged again.
    event Locked(address indexed batcher, address indexed user);
    /// @notice An account was withdrawn from.
    event Withdrawn(address indexed batcher, address indexed user, address receiver, uint256 amount);
    /// @notice An authorisation did not hold; its user paid nothing.
    event NotCharged(address indexed batcher, address indexed user, uint64 firstNonce, Refusal refusal);
    /// @notice A task was created and paid for. With the task's own event this is all that deciding over it takes.
    event TaskPaid(
        bytes32 indexed taskId,
        address indexed batcher,
        uint128 feePerProof,
        uint256 total,
        uint256 added,
        Charge[] charges
    );
    /// @notice A verified task's payment went to its batcher, less what the response cost.
    event TaskSettled(bytes32 indexed taskId, address indexed batcher, uint256 amount);
    /// @notice An expired task's payment went back: to its users' accounts what they were charged, to the batcher's earnings what it
    /// added.
    event TaskRefunded(bytes32 indexed taskId, address indexed batcher, uint256 total, uint256 added);
    /// @notice A batcher withdrew.
    event EarningsWithdrawn(address indexed batcher, address indexed receiver, uint256 amount);

    /// @notice The delay is zero or too long.
    error InvalidDelay(uint64 delay);
    /// @notice The service manager's address is not a contract.
    error ServiceManagerWithoutCode(address serviceManager);
    /// @notice The zero address can neither be paid for nor receive ether.
    error ZeroAddress();
    /// @notice An amount of zero changes nothing.
    error ZeroAmount();
    /// @notice The account cannot be withdrawn from, or not yet: `unlockedFrom` is zero if no unlocking was announced.
    error StillLocked(uint64 unlockedFrom);
    /// @notice Unlocking was announced before.
    error UnlockAlreadyAnnounced(uint64 unlockedFrom);
    /// @notice The account is locked.
    error AlreadyLocked();
    /// @notice More than the account has, in wei.
    error ExceedsBalance(uint256 amount, uint256 balance);
    /// @notice The users' proofs have another root than the batcher expects.
    error WrongBatchRoot(bytes32 computed, bytes32 expected);
    /// @notice The same task was paid for before in this block.
    error TaskExists(bytes32 taskId);
    /// @notice The users pay less than the batcher wants at least, in wei.
    error ChargedTooLittle(uint256 total, uint256 minCharged);
    /// @notice What the users pay and what the batcher sent are together less than the response may cost, in wei.
    error FeeLimitNotCovered(uint256 total, uint256 sent, uint256 feeLimit);
    /// @notice No undecided task was paid for like this.
    error UnknownPayment(bytes32 taskId);
    /// @notice The task was not verified.
    error TaskNotVerified(bytes32 taskId);
    /// @notice The task did not expire.
    error TaskNotExpired(bytes32 taskId);
    /// @notice These are not the task's charges.
    error WrongCharges(bytes32 computed, bytes32 expected);
    /// @notice Ether comes by deposit, or from the service manager.
    error NotServiceManager(address sender);
    /// @notice The payment was refused by its receiver.
    error PaymentFailed(address receiver);

    /// @param serviceManager Where tasks are created.
    /// @param unlockDelay Seconds between the announcement of a withdrawal and the end of charges: longer than what a batcher needs
    /// from its check of a balance to the block that charges it.
    constructor(AlignedLayerServiceManager serviceManager, uint64 unlockDelay)
        EIP712("Collimate.BatcherPaymentService", "1")
    {
        require(address(serviceManager).code.length != 0, ServiceManagerWithoutCode(address(serviceManager)));
        require(unlockDelay != 0 && unlockDelay <= MAX_UNLOCK_DELAY, InvalidDelay(unlockDelay));
        SERVICE_MANAGER = serviceManager;
        UNLOCK_DELAY = unlockDelay;
    }

    /// @dev What tasks did not spend comes back this way.
    receive() external payable {
        require(msg.sender == address(SERVICE_MANAGER), NotServiceManager(msg.sender));
    }

    // --- users

    /// @notice Pays the ether sent into a user's account with a batcher.
    function deposit(address batcher, address user) external payable {
        require(batcher != address(0) && user != address(0), ZeroAddress());
        require(msg.value != 0, ZeroAmount());
        // There is less ether than fits in 128 bits.
        _accounts[batcher][user].balance += uint128(msg.value);
        emit Deposited(batcher, user, msg.sender, msg.value);
    }

    /// @notice Announces that the caller's account with a batcher will be unlocked, `UNLOCK_DELAY` seconds from now.
    function unlock(address batcher) external {
        Account storage account_ = _accounts[batcher][msg.sender];
        require(account_.unlockedFrom == 0, UnlockAlreadyAnnounced(account_.unlockedFrom));
        account_.unlockedFrom = uint64(block.timestamp) + UNLOCK_DELAY;
        emit UnlockAnnounced(batcher, msg.sender, account_.unlockedFrom);
    }

    /// @notice Locks the caller's account with a batcher, or takes the announcement back.
    function lock(address batcher) external {
        Account storage account_ = _accounts[batcher][msg.sender];
        require(account_.unlockedFrom != 0, AlreadyLocked());
        account_.unlockedFrom = 0;
        emit Locked(batcher, msg.sender);
    }

    /// @notice Pays out from the caller's unlocked account with a batcher.
    /// @param receiver Who is paid: not every wallet can take ether.
    /// @param amount Wei.
    function withdraw(address batcher, address receiver, uint128 amount) external {
        Account storage account_ = _accounts[batcher][msg.sender];
        require(amount != 0, ZeroAmount());
        require(_isUnlocked(account_), StillLocked(account_.unlockedFrom));
        require(amount <= account_.balance, ExceedsBalance(amount, account_.balance));
        account_.balance -= amount;
        emit Withdrawn(batcher, msg.sender, receiver, amount);
        _pay(receiver, amount);
    }

    // --- batchers

    /// @notice Creates a task for a batch of the caller and charges its users. Of the ether sent, what the charges lack of the fee
    /// limit is added to the payment; the rest goes back to the caller at once.
    /// @param batchMerkleRoot Root of the batch: of the tree over the authorisations' `proofsRoot`, in this order.
    /// @param batchDataPointer Where the batch's manifest is.
    /// @param respondToTaskFeeLimit Most, in wei, that may be paid for the response.
    /// @param feePerProof Wei that each proof costs its user.
    /// @param minCharged Least, in wei, that the users must pay all together, or nothing happens: how much of the batch the
    /// batcher is willing to have verified at its own expense.
    /// @param authorizations The users' consents; one user may have several, in the order of their nonces.
    /// @return taskId Name of the task.
    function createNewTask(
        bytes32 batchMerkleRoot,
        string calldata batchDataPointer,
        uint256 respondToTaskFeeLimit,
        uint128 feePerProof,
        uint256 minCharged,
        Authorization[] calldata authorizations
    ) external payable returns (bytes32 taskId) {
        taskId = BatchTask.Task({
            batchMerkleRoot: batchMerkleRoot,
            senderAddress: address(this),
            taskCreatedBlock: uint32(block.number),
            batchDataPointerHash: keccak256(bytes(batchDataPointer)),
            respondToTaskFeeLimit: respondToTaskFeeLimit
        }).idOf();
        // Before anything is charged: whoever comes second with a task should lose little gas. A payment that was decided in its
        // own block is gone from here, and its task still known to the service manager, which refuses it below.
        require(_payments[taskId] == 0, TaskExists(taskId));
        (uint256 total, Charge[] memory charges) = _chargeAll(batchMerkleRoot, feePerProof, authorizations);
        require(total >= minCharged, ChargedTooLittle(total, minCharged));
        uint256 added = total < respondToTaskFeeLimit ? respondToTaskFeeLimit - total : 0;
        require(added <= msg.value, FeeLimitNotCovered(total, msg.value, respondToTaskFeeLimit));

        _payments[taskId] = _hashOf(Payment(msg.sender, total, added, keccak256(abi.encode(charges))));
        emit TaskPaid(taskId, msg.sender, feePerProof, total, added, charges);
        SERVICE_MANAGER.createNewTask{value: respondToTaskFeeLimit}(
            batchMerkleRoot, batchDataPointer, respondToTaskFeeLimit
        );
        if (msg.value != added) _pay(msg.sender, msg.value - added);
    }

    /// @notice Gives the payment for a verified task to its batcher, less what the response cost. Anyone may call it.
    function settle(BatchTask.Task calldata task, Payment calldata payment) external {
        (bytes32 taskId, bool verified, uint256 spent) = _decide(task, payment);
        require(verified, TaskNotVerified(taskId));
        uint256 amount = payment.total + payment.added - spent;
        earnings[payment.batcher] += amount;
        emit TaskSettled(taskId, payment.batcher, amount);
    }

    /// @notice Gives the payment for an expired task back: to its users' accounts what they were charged, to the batcher's earnings
    /// what it added. Anyone may call it.
    function refund(BatchTask.Task calldata task, Payment calldata payment, Charge[] calldata charges)
        external
    {
        bytes32 chargesHash = keccak256(abi.encode(charges));
        require(chargesHash == payment.chargesHash, WrongCharges(chargesHash, payment.chargesHash));
        (bytes32 taskId, bool verified,) = _decide(task, payment);
        require(!verified, TaskNotExpired(taskId));
        for (uint256 i = 0; i < charges.length; ++i) {
            // A fee was taken from a balance of 128 bits.
            _accounts[payment.batcher][charges[i].user].balance += uint128(charges[i].fee);
        }
        if (payment.added != 0) earnings[payment.batcher] += payment.added;
        emit TaskRefunded(taskId, payment.batcher, payment.total, payment.added);
    }

    /// @notice Pays the caller all that they earned as a batcher.
    /// @return amount Wei paid out.
    function withdrawEarnings(address receiver) external returns (uint256 amount) {
        amount = earnings[msg.sender];
        require(amount != 0, ZeroAmount());
        earnings[msg.sender] = 0;
        emit EarningsWithdrawn(msg.sender, receiver, amount);
        _pay(receiver, amount);
    }

    // --- reading

    /// @notice What a user has with a batcher.
    function account(address batcher, address user) external view returns (Account memory) {
        return _accounts[batcher][user];
    }

    /// @notice Whether an authorisation holds now, for this batcher and price, and why not.
    function refusal(address batcher, uint128 feePerProof, Authorization calldata authorization)
        external
        view
        returns (Refusal reason)
    {
        Account memory account_ = _accounts[batcher][authorization.user];
        (reason,) = _check(account_, batcher, feePerProof, authorization);
    }

    /// @notice What a user signs: the EIP-712 digest of an authorisation for a batcher.
    function authorizationDigest(address batcher, Authorization calldata authorization)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    AUTHORIZATION_TYPEHASH,
                    authorization.user,
                    batcher,
                    authorization.proofsRoot,
                    authorization.proofCount,
                    authorization.firstNonce,
                    authorization.maxFee,
                    authorization.deadline
                )
            )
        );
    }

    // --- within

    /// @dev Charges every authorisation that holds. Reverts unless the batch's root is that over all the users' roots.
    function _chargeAll(bytes32 batchMerkleRoot, uint128 feePerProof, Authorization[] calldata authorizations)
        private
        returns (uint256 total, Charge[] memory charges)
    {
        bytes32[] memory roots = new bytes32[](authorizations.length);
        charges = new Charge[](authorizations.length);
        for (uint256 i = 0; i < authorizations.length; ++i) {
            roots[i] = authorizations[i].proofsRoot;
            uint256 fee = _charge(authorizations[i], feePerProof);
            charges[i] = Charge(authorizations[i].user, fee);
            total += fee;
        }
        bytes32 root = BatchStatement.rootOver(roots);
        require(root == batchMerkleRoot, WrongBatchRoot(root, batchMerkleRoot));
    }

    /// @dev Takes the fee and the nonces, if the authorisation holds.
    function _charge(Authorization calldata authorization, uint128 feePerProof)
        private
        returns (uint256 fee)
    {
        Account storage account_ = _accounts[msg.sender][authorization.user];
        Account memory before = account_;
        Refusal reason;
        (reason, fee) = _check(before, msg.sender, feePerProof, authorization);
        if (reason != Refusal.None) {
            emit NotCharged(msg.sender, authorization.user, authorization.firstNonce, reason);
            return 0;
        }
        // One word, written once: this is what most of the gas of a user is.
        account_.balance = before.balance - uint128(fee);
        account_.nonce = before.nonce + authorization.proofCount;
    }

    /// @dev The fee, and whether it may be charged: what costs most is checked last.
    function _check(
        Account memory account_,
        address batcher,
        uint128 feePerProof,
        Authorization calldata authorization
    ) private view returns (Refusal reason, uint256 fee) {
        fee = uint256(feePerProof) * authorization.proofCount;
        if (authorization.proofCount == 0) return (Refusal.NoProofs, fee);
        if (_isUnlocked(account_)) return (Refusal.Unlocked, fee);
        if (authorization.firstNonce != account_.nonce) return (Refusal.WrongNonce, fee);
        if (block.timestamp > authorization.deadline) return (Refusal.DeadlinePassed, fee);
        if (fee > authorization.maxFee) return (Refusal.FeeTooHigh, fee);
        if (fee > account_.balance) return (Refusal.BalanceTooLow, fee);
        if (!_isSigned(authorization, authorizationDigest(batcher, authorization))) {
            return (Refusal.InvalidSignature, fee);
        }
    }

    /// @dev By the user's key, or else by the user's wallet. OpenZeppelin's `SignatureChecker` would give the wallet all gas.
    function _isSigned(Authorization calldata authorization, bytes32 digest)
        private
        view
        returns (bool signed)
    {
        address user = authorization.user;
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, authorization.signature);
        if (signer == user && user != address(0)) return true;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, authorization.signature));
        bytes32 magic = IERC1271.isValidSignature.selector;
        // One word is taken of what the wallet returns, however long that is.
        assembly ("memory-safe") {
            let ok := staticcall(WALLET_GAS, user, add(question, 0x20), mload(question), 0x00, 0x20)
            signed := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), magic))
        }
    }

    /// @dev Takes the record of a payment away, and back what the task did not spend.
    function _decide(BatchTask.Task calldata task, Payment calldata payment)
        private
        returns (bytes32 taskId, bool verified, uint256 spent)
    {
        taskId = task.idOf();
        require(_payments[taskId] == _hashOf(payment), UnknownPayment(taskId));
        delete _payments[taskId];
        // Reverts while the task is open. Nobody but this contract can reclaim it, so all that is unspent comes now.
        (AlignedLayerServiceManager.Status status, uint256 unspent) = SERVICE_MANAGER.reclaim(task);
        verified = status == AlignedLayerServiceManager.Status.Verified;
        spent = task.respondToTaskFeeLimit - unspent;
    }

    function _hashOf(Payment memory payment) private pure returns (bytes32) {
        return keccak256(abi.encode(payment));
    }

    function _isUnlocked(Account memory account_) private view returns (bool) {
        return account_.unlockedFrom != 0 && block.timestamp >= account_.unlockedFrom;
    }

    function _pay(address receiver, uint256 amount) private {
        require(receiver != address(0), ZeroAddress());
        (bool ok,) = receiver.call{value: amount}("");
        require(ok, PaymentFailed(receiver));
    }
}
