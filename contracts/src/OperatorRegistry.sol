// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {BLS12381} from "./libraries/BLS12381.sol";
import {PackedG2} from "./libraries/PackedG2.sol";

/// @title Registry of operators
/// @notice Who may sign for whom at which weight: stake in ether and a BLS12-381 key for each operator, and for each epoch the
/// total stake and the sum of the keys.
///
/// Time is cut into epochs of `EPOCH_BLOCKS` blocks. Every change, be it a registration, more or less stake, a departure or a
/// slash, takes effect when the next epoch begins; what holds for an epoch that has begun never changes, so a signature can be
/// judged by the epoch it was made in. Anyone with the minimum stake may register; `MAX_OPERATORS` bounds what the list of
/// absent operators can cost whoever verifies a signature.
///
/// Stake that leaves stays locked, and can be slashed, until `UNBONDING_EPOCHS` epochs after it ceased to count. Slashed stake
/// is burnt (sent to `BURN_ADDRESS`), so nobody gains by a slash. The owner names the slasher, once, and can do nothing else.
/// Ether that is sent here by force belongs to nobody and stays.
contract OperatorRegistry {
    using Checkpoints for Checkpoints.Trace160;
    using PackedG2 for PackedG2.Point;

    /// @notice An operator. The id is its index; ids are never used twice.
    struct Operator {
        /// Account that registered, manages the stake and receives it back.
        address account;
        /// Whether it counts from the next epoch on.
        bool active;
        /// Epoch from which `unbonding` can be withdrawn.
        uint64 releaseEpoch;
        /// Stake, in wei, that counts from the next epoch on.
        uint128 stake;
        /// Stake, in wei, that has left or is leaving.
        uint128 unbonding;
    }

    /// @notice An operator as it counts in one epoch.
    struct EpochOperator {
        uint32 id;
        address account;
        uint256 stake;
        BLS12381.G2Point publicKey;
    }

    /// @dev What holds from `epoch` on, until the next snapshot.
    struct Snapshot {
        uint64 epoch;
        uint32 operators;
        uint160 totalStake;
        PackedG2.Point aggregatedKey;
    }

    /// @notice Operators that may count at a time.
    uint256 public constant MAX_OPERATORS = 256;
    /// @notice Where slashed stake goes.
    address public constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;
    /// @notice Domain separation tag of proofs of possession.
    bytes public constant POP_DOMAIN = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    /// @notice First word of what a proof of possession signs.
    bytes32 public constant POP_TYPE = keccak256("Collimate.OperatorRegistry.v1.pop");

    /// @notice Blocks in an epoch.
    uint64 public immutable EPOCH_BLOCKS;
    /// @notice Epochs for which stake stays locked after it ceased to count.
    uint64 public immutable UNBONDING_EPOCHS;
    /// @notice Stake, in wei, below which nobody is an operator.
    uint128 public immutable MIN_STAKE;
    /// @notice May name the slasher, once.
    address public immutable OWNER;
    /// @notice Block with which epoch 0 began.
    uint64 public immutable FIRST_BLOCK;

    /// @notice May slash; zero until the owner named it.
    address public slasher;

    Operator[] private _operators;
    /// @dev Id plus one of an account that is active.
    mapping(address account => uint256) private _activeId;
    mapping(bytes32 keyHash => bool) private _keyUsed;
    mapping(uint256 id => PackedG2.Point) private _keys;
    mapping(uint256 id => Checkpoints.Trace160) private _stakes;
    Snapshot[] private _snapshots;

    /// @notice An operator registered; it counts from `epoch` on.
    event OperatorRegistered(
        uint32 indexed id, address indexed account, uint256 stake, uint64 epoch, BLS12381.G2Point publicKey
    );
    /// @notice An operator's stake changed; the new one counts from `epoch` on.
    event StakeChanged(uint32 indexed id, uint256 stake, uint64 epoch);
    /// @notice An operator left, or was ejected because a slash took it below the minimum; it does not count from `epoch` on.
    event OperatorDeregistered(uint32 indexed id, uint64 epoch);
    /// @notice Stake began to leave; all that the operator has unbonding is released in `releaseEpoch`.
    event UnbondingStarted(uint32 indexed id, uint256 amount, uint64 releaseEpoch);
    /// @notice Released stake was paid out.
    event StakeWithdrawn(uint32 indexed id, uint256 amount);
    /// @notice Stake was burnt.
    event OperatorSlashed(uint32 indexed id, uint256 amount);
    /// @notice The slasher was named, for good.
    event SlasherSet(address indexed slasher);

    /// @notice A constructor argument is zero, or the unbonding delay is under two epochs.
    error InvalidConfiguration();
    /// @notice Only the owner may do this.
    error NotOwner(address caller);
    /// @notice Only the slasher may do this.
    error NotSlasher(address caller);
    /// @notice The slasher was named before.
    error SlasherAlreadySet(address slasher);
    /// @notice The account has an active operator.
    error AlreadyRegistered(address account);
    /// @notice The account has no active operator.
    error NotRegistered(address account);
    /// @notice There is no operator of this id.
    error UnknownOperator(uint256 id);
    /// @notice The operator belongs to another account.
    error NotOperatorAccount(uint256 id, address caller);
    /// @notice As many operators as can be are active.
    error TooManyOperators();
    /// @notice The stake would be below the minimum.
    error StakeTooLow(uint256 stake, uint256 minimum);
    /// @notice An amount of zero changes nothing.
    error ZeroAmount();
    /// @notice The key was registered before, perhaps by an operator that left.
    error KeyAlreadyUsed(bytes32 keyHash);
    /// @notice The proof of possession does not show that the account holds the key.
    error InvalidProofOfPossession();
    /// @notice The operator has nothing unbonding.
    error NothingToWithdraw(uint256 id);
    /// @notice The stake is locked until a later epoch.
    error StillUnbonding(uint64 releaseEpoch, uint64 currentEpoch);
    /// @notice The payment was refused by its receiver.
    error PaymentFailed(address receiver);
    /// @notice The epoch has not begun, so what holds for it can still change.
    error EpochNotBegun(uint64 epoch, uint64 currentEpoch);
    /// @notice Ids of absent operators must be strictly ascending.
    error UnorderedIds(uint256 previous, uint256 id);
    /// @notice The operator does not count in this epoch.
    error OperatorNotInEpoch(uint256 id, uint64 epoch);

    /// @param owner May name the slasher.
    /// @param epochBlocks Blocks in an epoch.
    /// @param unbondingEpochs Epochs for which leaving stake stays locked; at least two, for signatures of the previous epoch
    /// are still accepted.
    /// @param minStake Least stake of an operator, in wei.
    constructor(address owner, uint64 epochBlocks, uint64 unbondingEpochs, uint128 minStake) {
        require(
            owner != address(0) && epochBlocks != 0 && unbondingEpochs >= 2 && minStake != 0,
            InvalidConfiguration()
        );
        OWNER = owner;
        EPOCH_BLOCKS = epochBlocks;
        UNBONDING_EPOCHS = unbondingEpochs;
        MIN_STAKE = minStake;
        FIRST_BLOCK = uint64(block.number);
        // Nobody counts in epoch 0.
        _snapshots.push();
    }

    /// @notice Names the slasher. Can be done once, for good.
    function setSlasher(address newSlasher) external {
        require(msg.sender == OWNER, NotOwner(msg.sender));
        require(slasher == address(0), SlasherAlreadySet(slasher));
        require(newSlasher != address(0), InvalidConfiguration());
        slasher = newSlasher;
        emit SlasherSet(newSlasher);
    }

    /// @notice Registers the caller as an operator with the ether sent as its stake.
    /// @param publicKey The operator's key.
    /// @param proofOfPossession Its signature over `proofOfPossessionMessage` under `POP_DOMAIN`. It shows that the key was not
    /// made up to cancel others' keys in a sum, and that it lies in the right subgroup.
    /// @return id The operator's id.
    function register(BLS12381.G2Point calldata publicKey, BLS12381.G1Point calldata proofOfPossession)
        external
        payable
        returns (uint32 id)
    {
        require(_activeId[msg.sender] == 0, AlreadyRegistered(msg.sender));
        require(msg.value >= MIN_STAKE, StakeTooLow(msg.value, MIN_STAKE));
        bytes32 keyHash = keccak256(abi.encode(publicKey));
        require(!_keyUsed[keyHash], KeyAlreadyUsed(keyHash));
        bytes32 message = proofOfPossessionMessage(msg.sender, publicKey);
        require(
            BLS12381.verify(publicKey, message, POP_DOMAIN, proofOfPossession), InvalidProofOfPossession()
        );

        Snapshot storage next = _nextSnapshot();
        require(next.operators < MAX_OPERATORS, TooManyOperators());
        next.operators += 1;
        next.aggregatedKey.store(BLS12381.addG2(next.aggregatedKey.load(), publicKey));

        id = uint32(_operators.length);
        _operators.push(Operator(msg.sender, true, 0, 0, 0));
        _activeId[msg.sender] = uint256(id) + 1;
        _keyUsed[keyHash] = true;
        _keys[id].store(publicKey);
        _setStake(id, uint128(msg.value), next);
        emit OperatorRegistered(id, msg.sender, msg.value, next.epoch, publicKey);
    }

    /// @notice Adds the ether sent to the caller's stake.
    function increaseStake() external payable {
        uint32 id = activeId(msg.sender);
        require(msg.value != 0, ZeroAmount());
        _setStake(id, _operators[id].stake + uint128(msg.value), _nextSnapshot());
    }

    /// @notice Takes a part of the caller's stake out; at least the minimum must remain.
    function decreaseStake(uint128 amount) external {
        uint32 id = activeId(msg.sender);
        require(amount != 0, ZeroAmount());
        uint128 stake = _operators[id].stake;
        uint128 rest = amount > stake ? 0 : stake - amount;
        require(rest >= MIN_STAKE, StakeTooLow(rest, MIN_STAKE));
        _unbond(id, amount);
        _setStake(id, rest, _nextSnapshot());
    }

    /// @notice Ends the caller's service: all its stake leaves. Its key can never be registered again.
    function deregister() external {
        uint32 id = activeId(msg.sender);
        _unbond(id, _operators[id].stake);
        _deactivate(id);
    }

    /// @notice Pays out what an operator of the caller had unbonding, once it is released.
    function withdraw(uint32 id) external {
        Operator storage operator_ = _operator(id);
        require(operator_.account == msg.sender, NotOperatorAccount(id, msg.sender));
        uint128 amount = operator_.unbonding;
        require(amount != 0, NothingToWithdraw(id));
        uint64 now_ = currentEpoch();
        require(now_ >= operator_.releaseEpoch, StillUnbonding(operator_.releaseEpoch, now_));
        operator_.unbonding = 0;
        emit StakeWithdrawn(id, amount);
        _pay(msg.sender, amount);
    }

    /// @notice Burns up to `amount` of an operator's stake, active or unbonding, active stake first. An operator that is left
    /// with less than the minimum is ejected and the rest of its stake unbonds.
    /// @return burnt What was burnt, in wei: less than `amount` if the operator had less.
    function slash(uint32 id, uint128 amount) external returns (uint128 burnt) {
        require(msg.sender == slasher, NotSlasher(msg.sender));
        Operator storage operator_ = _operator(id);
        uint128 fromStake = amount < operator_.stake ? amount : operator_.stake;
        uint128 fromUnbonding = amount - fromStake;
        if (fromUnbonding > operator_.unbonding) fromUnbonding = operator_.unbonding;
        burnt = fromStake + fromUnbonding;
        require(burnt != 0, ZeroAmount());

        operator_.unbonding -= fromUnbonding;
        if (fromStake != 0) {
            uint128 rest = operator_.stake - fromStake;
            if (rest >= MIN_STAKE) {
                _setStake(id, rest, _nextSnapshot());
            } else {
                if (rest != 0) _unbond(id, rest);
                _deactivate(id);
            }
        }
        emit OperatorSlashed(id, burnt);
        _pay(BURN_ADDRESS, burnt);
    }

    /// @notice The sum of the keys, and the stake, of an epoch's operators without those that are absent.
    /// @param epoch An epoch that has begun.
    /// @param absent Ids of operators that count in the epoch, strictly ascending.
    /// @return key Sum of the present operators' keys.
    /// @return presentStake Their stake, in wei.
    /// @return totalStake Stake of all operators of the epoch, in wei.
    function presentOperators(uint64 epoch, uint32[] calldata absent)
        external
        view
        returns (BLS12381.G2Point memory key, uint256 presentStake, uint256 totalStake)
    {
        Snapshot storage snapshot = _snapshotOf(epoch);
        totalStake = snapshot.totalStake;
        presentStake = totalStake;
        key = snapshot.aggregatedKey.load();
        for (uint256 i = 0; i < absent.length; ++i) {
            uint256 id = absent[i];
            if (i != 0) require(id > absent[i - 1], UnorderedIds(absent[i - 1], id));
            uint256 stake = _stakes[id].upperLookupRecent(epoch);
            require(stake != 0, OperatorNotInEpoch(id, epoch));
            presentStake -= stake;
            key = BLS12381.addG2(key, BLS12381.negate(_keys[id].load()));
        }
    }

    /// @notice Everyone who counts in an epoch that has begun, by ascending id.
    function operatorsOf(uint64 epoch) external view returns (EpochOperator[] memory operators) {
        operators = new EpochOperator[](_snapshotOf(epoch).operators);
        uint256 found = 0;
        for (uint256 id = 0; found < operators.length; ++id) {
            uint256 stake = _stakes[id].upperLookupRecent(epoch);
            if (stake == 0) continue;
            operators[found++] = EpochOperator(uint32(id), _operators[id].account, stake, _keys[id].load());
        }
    }

    /// @notice Number of operators, total stake in wei and sum of the keys of an epoch that has begun.
    function epochTotals(uint64 epoch)
        external
        view
        returns (uint32 operators, uint256 totalStake, BLS12381.G2Point memory aggregatedKey)
    {
        Snapshot storage snapshot = _snapshotOf(epoch);
        return (snapshot.operators, snapshot.totalStake, snapshot.aggregatedKey.load());
    }

    /// @notice What an operator's stake counts in an epoch that has begun; zero if it does not count.
    function stakeOf(uint32 id, uint64 epoch) external view returns (uint256) {
        _requireBegun(epoch);
        return _stakes[id].upperLookupRecent(epoch);
    }

    /// @notice An operator's key.
    function publicKeyOf(uint32 id) external view returns (BLS12381.G2Point memory) {
        _operator(id);
        return _keys[id].load();
    }

    /// @notice An operator, with what holds from the next epoch on.
    function operator(uint32 id) external view returns (Operator memory) {
        return _operator(id);
    }

    /// @notice How many ids were given.
    function operatorCount() external view returns (uint256) {
        return _operators.length;
    }

    /// @notice Id of the account's active operator.
    function activeId(address account) public view returns (uint32) {
        uint256 idPlusOne = _activeId[account];
        require(idPlusOne != 0, NotRegistered(account));
        return uint32(idPlusOne - 1);
    }

    /// @notice The epoch of this block.
    function currentEpoch() public view returns (uint64) {
        return epochOf(uint64(block.number));
    }

    /// @notice The epoch of a block, which must not be older than `FIRST_BLOCK`.
    function epochOf(uint64 blockNumber) public view returns (uint64) {
        return (blockNumber - FIRST_BLOCK) / EPOCH_BLOCKS;
    }

    /// @notice What an account signs, under `POP_DOMAIN`, to register a key.
    function proofOfPossessionMessage(address account, BLS12381.G2Point calldata publicKey)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(POP_TYPE, block.chainid, address(this), account, abi.encode(publicKey)));
    }

    /// @dev The snapshot of the next epoch, which starts as a copy of the latest.
    function _nextSnapshot() private returns (Snapshot storage) {
        uint64 next = currentEpoch() + 1;
        Snapshot storage latest = _snapshots[_snapshots.length - 1];
        if (latest.epoch == next) return latest;
        Snapshot storage created = _snapshots.push();
        created.epoch = next;
        created.operators = latest.operators;
        created.totalStake = latest.totalStake;
        created.aggregatedKey = latest.aggregatedKey;
        return created;
    }

    /// @dev The latest snapshot at or before an epoch. Each epoch has at most one, so for the current and the previous epoch
    /// no more than three are looked at.
    function _snapshotOf(uint64 epoch) private view returns (Snapshot storage) {
        _requireBegun(epoch);
        uint256 i = _snapshots.length - 1;
        while (_snapshots[i].epoch > epoch) --i;
        return _snapshots[i];
    }

    function _requireBegun(uint64 epoch) private view {
        uint64 now_ = currentEpoch();
        require(epoch <= now_, EpochNotBegun(epoch, now_));
    }

    /// @dev Sets what an operator's stake counts from the next epoch on.
    function _setStake(uint32 id, uint128 stake, Snapshot storage next) private {
        Operator storage operator_ = _operators[id];
        next.totalStake = next.totalStake - operator_.stake + stake;
        operator_.stake = stake;
        _stakes[id].push(next.epoch, stake);
        emit StakeChanged(id, stake, next.epoch);
    }

    /// @dev Locks an amount that ceases to count with the next epoch. What was unbonding before is locked for as long.
    function _unbond(uint32 id, uint128 amount) private {
        Operator storage operator_ = _operators[id];
        operator_.unbonding += amount;
        operator_.releaseEpoch = currentEpoch() + 1 + UNBONDING_EPOCHS;
        emit UnbondingStarted(id, amount, operator_.releaseEpoch);
    }

    function _deactivate(uint32 id) private {
        Operator storage operator_ = _operators[id];
        Snapshot storage next = _nextSnapshot();
        _setStake(id, 0, next);
        next.operators -= 1;
        next.aggregatedKey.store(BLS12381.addG2(next.aggregatedKey.load(), BLS12381.negate(_keys[id].load())));
        operator_.active = false;
        delete _activeId[operator_.account];
        emit OperatorDeregistered(id, next.epoch);
    }

    function _operator(uint256 id) private view returns (Operator storage) {
        require(id < _operators.length, UnknownOperator(id));
        return _operators[id];
    }

    function _pay(address receiver, uint256 amount) private {
        (bool ok,) = receiver.call{value: amount}("");
        require(ok, PaymentFailed(receiver));
    }
}
