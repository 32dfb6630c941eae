// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice What calls and transactions cost.
abstract contract Metered {
    function gasOf(address target, bytes memory call, uint256 value)
        internal
        returns (uint256 used, bytes memory answer)
    {
        bool ok;
        uint256 before = gasleft();
        (ok, answer) = target.call{value: value}(call);
        used = before - gasleft();
        require(ok, "call");
    }

    /// @notice What a transaction costs before its first instruction: 21,000, and 4 or 16 for each byte of calldata.
    function intrinsicGas(bytes memory call) internal pure returns (uint256 sum) {
        sum = 21_000;
        for (uint256 i = 0; i < call.length; ++i) {
            sum += call[i] == 0 ? 4 : 16;
        }
    }
}
