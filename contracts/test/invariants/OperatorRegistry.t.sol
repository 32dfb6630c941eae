// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorRegistry as Registry} from "../../src/OperatorRegistry.sol";
import {BLS12381} from "../../src/libraries/BLS12381.sol";
import {Bls} from "../support/Bls.sol";
import {Operators} from "../support/Operators.sol";

/// @notice Operators that come, change their stake, leave, are slashed and withdraw, at random, with the passing of time.
contract RegistryActors is Operators {
    Registry public immutable registry = newRegistry();
    /// What was paid in, paid out and burnt.
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public burnt;
    /// Secret key of each id.
    uint256[] public secrets;
    /// What the epochs' totals were when each was first seen.
    mapping(uint64 epoch => bytes32 totals) public seen;
    uint64 public lastSeen;

    constructor() {
        vm.prank(OWNER);
        registry.setSlasher(SLASHER);
    }

    function join(uint256 stake) external {
        // At most so many at a time, to keep the sums below cheap.
        if (secrets.length >= 24) return;
        stake = bound(stake, MIN_STAKE, 100 ether);
        secrets.push(secrets.length + 1);
        register(registry, secrets.length, stake);
        paidIn += stake;
    }

    function increase(uint256 which, uint256 amount) external {
        (uint32 id, bool found) = _active(which);
        if (!found) return;
        amount = bound(amount, 1, 100 ether);
        address account = registry.operator(id).account;
        vm.deal(account, account.balance + amount);
        vm.prank(account);
        registry.increaseStake{value: amount}();
        paidIn += amount;
    }

    function decrease(uint256 which, uint256 amount) external {
        (uint32 id, bool found) = _active(which);
        if (!found) return;
        uint256 spare = registry.operator(id).stake - MIN_STAKE;
        if (spare == 0) return;
        vm.prank(registry.operator(id).account);
        registry.decreaseStake(uint128(bound(amount, 1, spare)));
    }

    function leave(uint256 which) external {
        (uint32 id, bool found) = _active(which);
        if (!found) return;
        vm.prank(registry.operator(id).account);
        registry.deregister();
    }

    function slash(uint256 which, uint256 amount) external {
        if (secrets.length == 0) return;
        uint32 id = uint32(which % secrets.length);
        Registry.Operator memory slashed = registry.operator(id);
        if (slashed.stake + slashed.unbonding == 0) return;
        vm.prank(SLASHER);
        burnt += registry.slash(id, uint128(bound(amount, 1, 150 ether)));
    }

    function withdraw(uint256 which) external {
        if (secrets.length == 0) return;
        uint32 id = uint32(which % secrets.length);
        Registry.Operator memory leaving = registry.operator(id);
        if (leaving.unbonding == 0 || registry.currentEpoch() < leaving.releaseEpoch) return;
        vm.prank(leaving.account);
        registry.withdraw(id);
        paidOut += leaving.unbonding;
    }

    function passBlocks(uint256 blocks) external {
        vm.roll(block.number + bound(blocks, 1, 2 * EPOCH_BLOCKS));
        for (; lastSeen < registry.currentEpoch(); ++lastSeen) {
            seen[lastSeen + 1] = totalsOf(lastSeen + 1);
        }
    }

    function totalsOf(uint64 epoch) public view returns (bytes32) {
        (uint32 operators, uint256 stake, BLS12381.G2Point memory key) = registry.epochTotals(epoch);
        return keccak256(abi.encode(operators, stake, key, registry.operatorsOf(epoch)));
    }

    function operatorsEver() external view returns (uint256) {
        return secrets.length;
    }

    function _active(uint256 which) private view returns (uint32 id, bool found) {
        for (uint256 i = 0; i < secrets.length; ++i) {
            id = uint32((which % secrets.length + i) % secrets.length);
            if (registry.operator(id).active) return (id, true);
        }
    }
}

/// | property | checked by |
/// |---|---|
/// | an epoch's total stake and number are those of its operators | _totalsAreSums |
/// | an epoch's aggregated key is the sum of its operators' keys | _aggregatedKeyIsSum |
/// | all ether is somebody's stake; none appears or vanishes | _etherIsAccounted |
/// | nobody counts with less than the minimum | _stakeIsAtLeastMinimum |
/// | an epoch that has begun never changes | afterInvariant |
contract OperatorRegistryInvariants is Operators {
    RegistryActors private actors;
    Registry private registry;

    function setUp() public {
        actors = new RegistryActors();
        registry = actors.registry();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    /// One campaign for all: each costs as much as all of them.
    function invariant_registry_holds() external view {
        _totalsAreSums();
        _aggregatedKeyIsSum();
        _etherIsAccounted();
        _stakeIsAtLeastMinimum();
    }

    /// At the end of each run, for every epoch of it.
    function afterInvariant() external view {
        for (uint64 epoch = 1; epoch <= actors.lastSeen(); ++epoch) {
            vm.assertEq(actors.totalsOf(epoch), actors.seen(epoch), "an epoch that has begun is final");
        }
    }

    function _totalsAreSums() private view {
        for (uint64 epoch = _oldest(); epoch <= registry.currentEpoch(); ++epoch) {
            (uint32 operators, uint256 total,) = registry.epochTotals(epoch);
            uint256 sum = 0;
            uint256 count = 0;
            for (uint32 id = 0; id < actors.operatorsEver(); ++id) {
                uint256 stake = registry.stakeOf(id, epoch);
                sum += stake;
                if (stake != 0) ++count;
            }
            vm.assertEq(total, sum, "total stake");
            vm.assertEq(operators, count, "number of operators");
        }
    }

    function _aggregatedKeyIsSum() private view {
        for (uint64 epoch = _oldest(); epoch <= registry.currentEpoch(); ++epoch) {
            uint256 secret = 0;
            for (uint32 id = 0; id < actors.operatorsEver(); ++id) {
                if (registry.stakeOf(id, epoch) != 0) secret += actors.secrets(id);
            }
            (,, BLS12381.G2Point memory key) = registry.epochTotals(epoch);
            vm.assertEq(keccak256(abi.encode(key)), keccak256(abi.encode(Bls.publicKey(secret))));
        }
    }

    function _etherIsAccounted() private view {
        uint256 held = 0;
        for (uint32 id = 0; id < actors.operatorsEver(); ++id) {
            Registry.Operator memory operator = registry.operator(id);
            held += operator.stake + operator.unbonding;
        }
        vm.assertEq(address(registry).balance, held, "somebody's stake");
        vm.assertEq(held + actors.paidOut() + actors.burnt(), actors.paidIn(), "nothing appears or vanishes");
        vm.assertEq(registry.BURN_ADDRESS().balance, actors.burnt(), "burnt");
    }

    function _stakeIsAtLeastMinimum() private view {
        for (uint32 id = 0; id < actors.operatorsEver(); ++id) {
            Registry.Operator memory operator = registry.operator(id);
            vm.assertTrue(operator.active ? operator.stake >= MIN_STAKE : operator.stake == 0);
        }
    }

    function _oldest() private view returns (uint64) {
        uint64 current = registry.currentEpoch();
        return current > 2 ? current - 2 : 0;
    }
}
