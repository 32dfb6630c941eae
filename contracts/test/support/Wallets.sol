// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet with one owner, who can be replaced at any time.
contract Wallet is IERC1271 {
    address private signer;

    constructor(address signer_) {
        signer = signer_;
    }

    receive() external payable {}

    function setSigner(address signer_) external {
        signer = signer_;
    }

    function execute(address target, bytes calldata call) external {
        (bool ok,) = target.call(call);
        require(ok, "call");
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address recovered,,) = ECDSA.tryRecoverCalldata(hash, signature);
        return recovered == signer ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @notice A wallet that harms whoever asks it, in one of several ways.
contract HostileWallet is IERC1271 {
    /// @notice What it does when it is asked.
    enum Way {
        Revert,
        BurnGas,
        ReturnNothing,
        ReturnLittle,
        ReturnOther,
        ReturnMegabytes,
        RevertMegabytes,
        ChangeState
    }

    Way public way;
    uint256 private state;

    constructor(Way way_) {
        way = way_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        Way way_ = way;
        if (way_ == Way.ChangeState) {
            (bool ok,) = address(this).staticcall(abi.encodeCall(this.change, ()));
            require(ok, "static");
            return this.isValidSignature.selector;
        }
        while (way_ == Way.BurnGas) {}
        uint256 magic = uint256(bytes32(this.isValidSignature.selector));
        assembly {
            mstore(0x00, magic)
            switch way_
            case 0 { revert(0x00, 0x20) }
            case 2 { return(0x00, 0x00) }
            case 3 { return(0x00, 0x04) }
            case 4 {
                mstore(0x00, add(magic, 1))
                return(0x00, 0x20)
            }
            case 6 { revert(0x00, 0x20000) }
        }
        // A megabyte would take more gas than there is; this takes most of it. The answer is right.
        assembly {
            return(0x00, 0x20000)
        }
    }

    function change() external {
        assembly {
            // A write in a static call.
            sstore(state.slot, 1)
        }
    }
}
