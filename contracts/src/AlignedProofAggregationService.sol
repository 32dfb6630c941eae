// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IRiscZeroVerifier} from "./interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";
import {Inclusion} from "./libraries/Inclusion.sol";
import {MAX_BLOBS, RunStatement} from "./libraries/RunStatement.sol";

/// @title Registry of aggregated proofs
/// @notice Anyone may submit one proof that covers many; whoever relies on one of the many asks `verifyProofInclusion`.
///
/// A registered root has one of two guarantees, and the contract records which. Soft: operators that hold a quorum of the stake
/// signed that they verified the proof (`QuorumSP1Verifier`). Hard: the proof itself was verified here. A soft root becomes hard
/// when its proof arrives, and a hard one stays hard; whoever wants nothing less asks `verifyProofInclusionHard`.
/// @dev No owner, no upgrade: the verifiers and the aggregation programs are fixed at deployment. What a guarantee is worth is
/// what its verifier is worth.
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
        /// Block in which the proof itself was verified; zero if the operators' word is all there is.
        uint64 hardSince;
        bytes32[MAX_BLOBS] blobHashes;
    }

    /// @notice Verifies proofs themselves, for hard roots; the zero address if this deployment takes none.
    ISP1Verifier public immutable SP1_VERIFIER;
    /// @notice Verifies the operators' word for a proof, for soft roots; the zero address if this deployment takes none.
    ISP1Verifier public immutable QUORUM_VERIFIER;
    /// @notice Program id of the SP1 aggregation program.
    bytes32 public immutable SP1_PROGRAM_ID;
    /// @notice Verifies proofs for `verifyRisc0`; the zero address if this deployment takes none.
    IRiscZeroVerifier public immutable RISC0_VERIFIER;
    /// @notice Image id of the RISC Zero aggregation program.
    bytes32 public immutable RISC0_IMAGE_ID;

    mapping(bytes32 root => StoredAggregation) private _aggregations;

    /// @notice A run was verified and its root registered. The transaction carries its blobs.
    event ProofsAggregated(bytes32 indexed root, uint256 leafCount, bytes32[] blobHashes);
    /// @notice A run's proof itself was verified: its root is hard from here on.
    event RootHardened(bytes32 indexed root);

    /// @notice A verifier's address is neither zero nor a contract.
    error VerifierWithoutCode(address verifier);
    /// @notice A deployment takes proofs of at least one system.
    error NoVerifier();
    /// @notice This deployment takes no SP1 proofs.
    error SP1NotSupported();
    /// @notice This deployment takes no RISC Zero proofs.
    error Risc0NotSupported();
    /// @notice The root has this guarantee, or a better one, already.
    error AlreadyAggregated(bytes32 root);

    /// @param sp1Verifier Verifier of SP1 proofs themselves, such as SP1's gateway, or zero to take none.
    /// @param sp1ProgramId Program id of the SP1 aggregation program.
    /// @param risc0Verifier Verifier of RISC Zero proofs, or zero to take none.
    /// @param risc0ImageId Image id of the RISC Zero aggregation program.
    /// @param quorumVerifier Verifier of the operators' word for an SP1 proof, or zero to take none.
    constructor(
        ISP1Verifier sp1Verifier,
        bytes32 sp1ProgramId,
        IRiscZeroVerifier risc0Verifier,
        bytes32 risc0ImageId,
        ISP1Verifier quorumVerifier
    ) {
        require(
            address(sp1Verifier) != address(0) || address(risc0Verifier) != address(0)
                || address(quorumVerifier) != address(0),
            NoVerifier()
        );
        _requireZeroOrContract(address(sp1Verifier));
        _requireZeroOrContract(address(risc0Verifier));
        _requireZeroOrContract(address(quorumVerifier));
        SP1_VERIFIER = sp1Verifier;
        QUORUM_VERIFIER = quorumVerifier;
        SP1_PROGRAM_ID = sp1ProgramId;
        RISC0_VERIFIER = risc0Verifier;
        RISC0_IMAGE_ID = risc0ImageId;
    }

    /// @notice Registers a run that the SP1 aggregation program proved, or makes a soft root hard. A transaction that registers
    /// carries the run's blobs; one that brings the proof of a root that is registered with this very statement needs none.
    /// @dev Where both verifiers are, the proof's first four bytes tell whose it is. With SP1 they are the verifier's selector,
    /// which is never zero (SP1's gateway refuses such a route). With the quorum they are the upper bytes of an epoch.
    /// @param publicValues The run statement (see `RunStatement`).
    /// @param proofBytes Proof in the form of `SP1_VERIFIER` or of `QUORUM_VERIFIER`.
    function verifySP1(bytes calldata publicValues, bytes calldata proofBytes) external {
        bool takesProofs = address(SP1_VERIFIER) != address(0);
        bool takesQuorums = address(QUORUM_VERIFIER) != address(0);
        require(takesProofs || takesQuorums, SP1NotSupported());
        bool hard = takesProofs && (!takesQuorums || bytes4(proofBytes) != 0);
        _register(publicValues, hard);
        (hard ? SP1_VERIFIER : QUORUM_VERIFIER).verifyProof(SP1_PROGRAM_ID, publicValues, proofBytes);
    }

    /// @notice Registers a run that the RISC Zero aggregation program proved, or makes a soft root hard, with blobs as in `verifySP1`.
    /// @param publicValues The run statement (see `RunStatement`), which is the program's journal.
    /// @param seal Proof in the form of `RISC0_VERIFIER`.
    function verifyRisc0(bytes calldata publicValues, bytes calldata seal) external {
        require(address(RISC0_VERIFIER) != address(0), Risc0NotSupported());
        _register(publicValues, true);
        RISC0_VERIFIER.verify(seal, RISC0_IMAGE_ID, sha256(publicValues));
    }

    /// @notice Whether a root is registered, soft or hard.
    function aggregatedProofs(bytes32 root) external view returns (bool) {
        return _aggregations[root].leafCount != 0;
    }

    /// @notice The block since which a root is hard; zero if it is soft or not registered.
    function hardSince(bytes32 root) external view returns (uint64) {
        return _aggregations[root].hardSince;
    }

    /// @notice What is kept of a root: all zero and empty if it is not registered.
    function aggregation(bytes32 root) external view returns (Aggregation memory) {
        StoredAggregation storage stored = _aggregations[root];
        return Aggregation(stored.leafCount, stored.blockNumber, _blobHashes(stored));
    }

    /// @notice Whether a registered run, soft or hard, covers a proof of this program with these public inputs.
    /// @dev The path alone decides which root is asked for (see `Inclusion`); an unregistered one answers false.
    /// @param path Siblings from the leaf to the root; empty in a run of one proof.
    /// @param programId SP1: the verifying key's `bytes32()`. RISC Zero: the image id.
    /// @param publicInputs SP1: the public values. RISC Zero: the journal.
    function verifyProofInclusion(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        external
        view
        returns (bool)
    {
        return _covering(path, programId, publicInputs).leafCount != 0;
    }

    /// @notice The same as `verifyProofInclusion`, of hard roots alone.
    function verifyProofInclusionHard(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        external
        view
        returns (bool)
    {
        return _covering(path, programId, publicInputs).hardSince != 0;
    }

    /// @dev Stores the run before its proof is verified: the verifier is called statically and a bad proof reverts it all.
    function _register(bytes calldata publicValues, bool hard) private {
        (bytes32 root, uint256 leafCount, bytes32 blobsHash) = RunStatement.decode(publicValues);
        StoredAggregation storage stored = _aggregations[root];
        require((hard ? stored.hardSince : stored.leafCount) == 0, AlreadyAggregated(root));
        // A soft root whose operators signed for another leaf count or other blobs than were proven does not stand in the
        // way of the truth: the proven statement, with its own blobs, takes its place.
        if (!_isOf(stored, leafCount, blobsHash)) _store(stored, root, leafCount, blobsHash);
        if (hard) {
            stored.hardSince = uint64(block.number);
            emit RootHardened(root);
        }
    }

    function _store(StoredAggregation storage stored, bytes32 root, uint256 leafCount, bytes32 blobsHash)
        private
    {
        bytes32[] memory blobHashes = RunStatement.carriedBlobs(leafCount, blobsHash);
        stored.leafCount = uint32(leafCount);
        stored.blockNumber = uint64(block.number);
        for (uint256 i = 0; i < blobHashes.length; ++i) {
            stored.blobHashes[i] = blobHashes[i];
        }
        emit ProofsAggregated(root, leafCount, blobHashes);
    }

    /// @dev Whether a root is registered with this statement, so that its blobs were carried before.
    function _isOf(StoredAggregation storage stored, uint256 leafCount, bytes32 blobsHash)
        private
        view
        returns (bool)
    {
        return stored.leafCount == leafCount && keccak256(abi.encodePacked(_blobHashes(stored))) == blobsHash;
    }

    /// @dev What is stored of the run that a path leads to.
    function _covering(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        private
        view
        returns (StoredAggregation storage)
    {
        return _aggregations[Inclusion.rootOf(path, Inclusion.commitment(programId, publicInputs))];
    }

    function _blobHashes(StoredAggregation storage stored) private view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](RunStatement.blobsOf(stored.leafCount));
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = stored.blobHashes[i];
        }
    }

    function _requireZeroOrContract(address verifier) private view {
        require(verifier == address(0) || verifier.code.length != 0, VerifierWithoutCode(verifier));
    }
}
