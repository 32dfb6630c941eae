// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IRiscZeroVerifier} from "./interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";
import {Inclusion} from "./libraries/Inclusion.sol";
import {MAX_BLOBS, RunStatement} from "./libraries/RunStatement.sol";

/// @title Registry of aggregated proofs
/// @notice Anyone may submit one proof that covers many; whoever relies on one of the many asks `verifyProofInclusion`.
/// @dev No owner, no upgrade: the verifiers and the aggregation programs are fixed at deployment. What a registered root
/// is worth is what its verifier is worth: SP1's own verifier, or the operators' stake behind `QuorumSP1Verifier`.
///
/// The leaves' commitments are published in the blobs of the registering transaction. The proven statement names the blobs,
/// so nobody can take a proof from the mempool and register its root beside blobs of their own.
contract AlignedProofAggregationService {
    /// @notice What is kept of a registered run.
    struct Aggregation {
        /// Leaves of the tree; zero if the root is not registered.
        uint32 leafCount;
        /// Block that registered the root, where its blobs are found.
        uint64 blockNumber;
        /// Versioned hashes of the blobs with the leaves' commitments, in order.
        bytes32[] blobHashes;
    }

    /// @dev Storage form: a fixed array, so that one blob costs one slot and no length is stored.
    struct StoredAggregation {
        uint32 leafCount;
        uint64 blockNumber;
        bytes32[MAX_BLOBS] blobHashes;
    }

    /// @notice Verifies proofs for `verifySP1`; the zero address if this deployment takes none.
    ISP1Verifier public immutable SP1_VERIFIER;
    /// @notice Program id of the SP1 aggregation program.
    bytes32 public immutable SP1_PROGRAM_ID;
    /// @notice Verifies proofs for `verifyRisc0`; the zero address if this deployment takes none.
    IRiscZeroVerifier public immutable RISC0_VERIFIER;
    /// @notice Image id of the RISC Zero aggregation program.
    bytes32 public immutable RISC0_IMAGE_ID;

    mapping(bytes32 root => StoredAggregation) private _aggregations;

    /// @notice A run was verified and its root registered.
    event ProofsAggregated(bytes32 indexed root, uint256 leafCount, bytes32[] blobHashes);

    /// @notice A verifier's address is neither zero nor a contract.
    error VerifierWithoutCode(address verifier);
    /// @notice A deployment takes proofs of at least one system.
    error NoVerifier();
    /// @notice This deployment takes no SP1 proofs.
    error SP1NotSupported();
    /// @notice This deployment takes no RISC Zero proofs.
    error Risc0NotSupported();
    /// @notice The root was registered before.
    error AlreadyAggregated(bytes32 root);

    /// @param sp1Verifier Verifier of SP1 proofs, or zero to take none.
    /// @param sp1ProgramId Program id of the SP1 aggregation program.
    /// @param risc0Verifier Verifier of RISC Zero proofs, or zero to take none.
    /// @param risc0ImageId Image id of the RISC Zero aggregation program.
    constructor(
        ISP1Verifier sp1Verifier,
        bytes32 sp1ProgramId,
        IRiscZeroVerifier risc0Verifier,
        bytes32 risc0ImageId
    ) {
        require(address(sp1Verifier) != address(0) || address(risc0Verifier) != address(0), NoVerifier());
        _requireZeroOrContract(address(sp1Verifier));
        _requireZeroOrContract(address(risc0Verifier));
        SP1_VERIFIER = sp1Verifier;
        SP1_PROGRAM_ID = sp1ProgramId;
        RISC0_VERIFIER = risc0Verifier;
        RISC0_IMAGE_ID = risc0ImageId;
    }

    /// @notice Registers a run that the SP1 aggregation program proved. The transaction carries the run's blobs.
    /// @param publicValues The run statement (see `RunStatement`).
    /// @param proofBytes Proof in the form of `SP1_VERIFIER`.
    function verifySP1(bytes calldata publicValues, bytes calldata proofBytes) external {
        require(address(SP1_VERIFIER) != address(0), SP1NotSupported());
        _register(publicValues);
        SP1_VERIFIER.verifyProof(SP1_PROGRAM_ID, publicValues, proofBytes);
    }

    /// @notice Registers a run that the RISC Zero aggregation program proved. The transaction carries the run's blobs.
    /// @param publicValues The run statement (see `RunStatement`), which is the program's journal.
    /// @param seal Proof in the form of `RISC0_VERIFIER`.
    function verifyRisc0(bytes calldata publicValues, bytes calldata seal) external {
        require(address(RISC0_VERIFIER) != address(0), Risc0NotSupported());
        _register(publicValues);
        RISC0_VERIFIER.verify(seal, RISC0_IMAGE_ID, sha256(publicValues));
    }

    /// @notice Whether a root is registered.
    function aggregatedProofs(bytes32 root) external view returns (bool) {
        return _aggregations[root].leafCount != 0;
    }

    /// @notice What is kept of a root: all zero and empty if it is not registered.
    function aggregation(bytes32 root) external view returns (Aggregation memory) {
        StoredAggregation storage stored = _aggregations[root];
        uint256 leafCount = stored.leafCount;
        uint256 blobs = (leafCount + RunStatement.LEAVES_PER_BLOB - 1) / RunStatement.LEAVES_PER_BLOB;
        bytes32[] memory blobHashes = new bytes32[](blobs);
        for (uint256 i = 0; i < blobs; ++i) {
            blobHashes[i] = stored.blobHashes[i];
        }
        return Aggregation(uint32(leafCount), stored.blockNumber, blobHashes);
    }

    /// @notice Whether a registered run covers a proof of this program with these public inputs.
    /// @dev The path alone decides which root is asked for (see `Inclusion`); an unregistered one answers false.
    /// @param path Siblings from the leaf to the root; empty in a run of one proof.
    /// @param programId SP1: the verifying key's `bytes32()`. RISC Zero: the image id.
    /// @param publicInputs SP1: the public values. RISC Zero: the journal.
    function verifyProofInclusion(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        external
        view
        returns (bool)
    {
        bytes32 root = Inclusion.rootOf(path, Inclusion.commitment(programId, publicInputs));
        return _aggregations[root].leafCount != 0;
    }

    /// @dev Stores the run before its proof is verified: the verifier is called statically and a bad proof reverts it all.
    function _register(bytes calldata publicValues) private {
        (bytes32 root, uint256 leafCount, bytes32 blobsHash) = RunStatement.decode(publicValues);
        StoredAggregation storage stored = _aggregations[root];
        require(stored.leafCount == 0, AlreadyAggregated(root));

        bytes32[] memory blobHashes = RunStatement.carriedBlobs(leafCount, blobsHash);
        stored.leafCount = uint32(leafCount);
        stored.blockNumber = uint64(block.number);
        for (uint256 i = 0; i < blobHashes.length; ++i) {
            stored.blobHashes[i] = blobHashes[i];
        }
        emit ProofsAggregated(root, leafCount, blobHashes);
    }

    function _requireZeroOrContract(address verifier) private view {
        require(verifier == address(0) || verifier.code.length != 0, VerifierWithoutCode(verifier));
    }
}
