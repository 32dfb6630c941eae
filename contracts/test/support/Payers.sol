// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AggregationModePaymentService as Payments} from "../../src/AggregationModePaymentService.sol";

/// @notice Calls back into a contract whenever it receives ether from it, once for each that it is told to.
contract Reentrant {
    address private immutable target;
    bytes[] private calls;
    /// Whether a call from within succeeded.
    bool public gotThrough;

    constructor(address target_) {
        target = target_;
    }

    function plan(bytes calldata call) external {
        calls.push(call);
    }

    function act(bytes calldata call) external payable {
        (bool ok, bytes memory answer) = target.call{value: msg.value}(call);
        if (!ok) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    receive() external payable {
        if (msg.sender != target) return;
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok,) = target.call(calls[i]);
            if (ok) gotThrough = true;
        }
    }
}

/// @notice Several deposits in one transaction.
contract Batch {
    /// @notice Buys credits once for each account, with the same amount for each.
    function deposit(Payments payments, uint256 termsId, address[] calldata accounts) external payable {
        for (uint256 i = 0; i < accounts.length; ++i) {
            payments.deposit{value: msg.value / accounts.length}(accounts[i], termsId);
        }
    }
}
