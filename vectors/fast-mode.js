#!/usr/bin/env node
// Writes vectors/fast-mode.json: commitments, trees, task ids and messages of fast mode, computed from the text of
// docs/architecture.md with nothing of Collimate's. Run it again only when that text changes: `node vectors/fast-mode.js`.
"use strict";
const fs = require("fs");
const path = require("path");
const { keccak256 } = require(path.join(__dirname, "../contracts/node_modules/js-sha3"));

const hash = (...parts) => Buffer.from(keccak256.arrayBuffer(Buffer.concat(parts)));
const text = (string) => hash(Buffer.from(string));
const hex = (bytes) => `0x${bytes.toString("hex")}`;
/** An ABI word: a number, or bytes aligned to the right. */
const word = (value) => {
  const digits = Buffer.isBuffer(value) ? value.toString("hex") : BigInt(value).toString(16);
  return Buffer.from(digits.padStart(64, "0"), "hex");
};
/** Bytes that differ by name: the first `length` of keccak256(name ‖ 0), keccak256(name ‖ 1), … */
const bytes = (name, length) => {
  const blocks = [];
  for (let i = 0; i * 32 < length; i++) blocks.push(hash(Buffer.from(name), Buffer.from([i])));
  return Buffer.concat(blocks).subarray(0, length);
};

const DOMAIN = text("Collimate.FastMode.v1");
const aux = (system, programId) => hash(word(system), programId);
const commitment = (proof, inputs, auxData, generator) => hash(proof, inputs, auxData, word(generator), DOMAIN);
const node = (a, b) => (Buffer.compare(a, b) <= 0 ? hash(a, b) : hash(b, a));
const above = (level) => {
  const next = [];
  for (let i = 0; i < level.length; i += 2) next.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
  return next;
};
const root = (nodes) => (nodes.length === 1 ? nodes[0] : root(above(nodes)));
const siblings = (nodes, index) => {
  if (nodes.length === 1) return [];
  const rest = siblings(above(nodes), index >> 1);
  return (index ^ 1) < nodes.length ? [nodes[index ^ 1], ...rest] : rest;
};

const commitments = [];
const cases = [[0, 0, 0], [0, 96, 1], [1, 32, 200], [7, 1000, 3], [95, 31, 64], [65535, 33, 65]];
cases.forEach(([system, inputBytes, proofBytes], i) => {
  const programId = bytes(`program ${i}`, 32);
  const [inputs, proof] = [bytes(`inputs ${i}`, inputBytes), bytes(`proof ${i}`, proofBytes)];
  const generator = i === 0 ? Buffer.alloc(20) : bytes(`generator ${i}`, 20);
  commitments.push({
    proving_system: system,
    program_id: hex(programId),
    public_inputs: hex(inputs),
    proof: hex(proof),
    proof_generator: hex(generator),
    proof_commitment: hex(hash(proof)),
    pub_input_commitment: hex(hash(inputs)),
    aux_data_commitment: hex(aux(system, programId)),
    commitment: hex(commitment(hash(proof), hash(inputs), aux(system, programId), generator)),
  });
});

// Batches of groups: the i-th commitment of a batch is keccak256(seed ‖ i as 8 bytes big-endian).
const batches = [[1], [2], [3], [1, 1], [1, 1, 1], [2, 1], [3, 2, 1], [1, 5], [4, 4, 4], [1, 2, 3, 4, 5], [33, 1, 7]].map(
  (groups, i) => {
    const seed = text(`batch ${i}`);
    const leaves = [...Array(groups.reduce((a, b) => a + b))].map((_, index) => {
      const suffix = Buffer.alloc(8);
      suffix.writeBigUInt64BE(BigInt(index));
      return hash(hash(seed, suffix));
    });
    const levels = [];
    let first = 0;
    for (const size of groups) {
      levels.push(leaves.slice(first, first + size));
      first += size;
    }
    const roots = levels.map(root);
    const paths = levels.flatMap((level, group) =>
      level.map((_, index) => [...siblings(level, index), ...siblings(roots, group)].map(hex)),
    );
    return { seed: hex(seed), groups, group_roots: roots.map(hex), root: hex(root(roots)), paths };
  },
);

const chainId = 31337;
const manager = bytes("manager", 20);
const tasks = ["", "http://127.0.0.1:9000/batches/abc", "ünicode"].map((pointer, i) => {
  const task = {
    batch_merkle_root: bytes(`root ${i}`, 32),
    sender: bytes(`sender ${i}`, 20),
    created_block: [0, 1234567, 4294967295][i],
    batch_data_pointer: pointer,
    fee_limit: [0n, 10n ** 16n, 2n ** 128n - 1n][i],
  };
  const id = hash(
    task.batch_merkle_root,
    word(task.sender),
    word(task.created_block),
    text(pointer),
    word(task.fee_limit),
  );
  const systems = [1n, 5n, 2n ** 96n - 1n][i];
  const kind = text("Collimate.AlignedLayerServiceManager.v1");
  return {
    batch_merkle_root: hex(task.batch_merkle_root),
    sender: hex(task.sender),
    created_block: task.created_block,
    batch_data_pointer: pointer,
    fee_limit: task.fee_limit.toString(),
    task_id: hex(id),
    chain_id: chainId,
    service_manager: hex(manager),
    proving_systems: systems.toString(),
    response_message: hex(hash(kind, word(chainId), word(manager), id, word(systems))),
  };
});

const payments = bytes("payments", 20);
const domain = hash(
  text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
  text("Collimate.BatcherPaymentService"),
  text("1"),
  word(chainId),
  word(payments),
);
const kind = text(
  "ProofAuthorization(address user,address batcher,bytes32 proofsRoot,uint32 proofCount,uint64 firstNonce,uint128 maxFee,uint64 deadline)",
);
const authorizations = [0, 1].map((i) => {
  const [user, batcher, proofsRoot] = [bytes(`user ${i}`, 20), bytes(`batcher ${i}`, 20), bytes(`proofs ${i}`, 32)];
  const [count, nonce, maxFee, deadline] = [
    [1, 0n, 10n ** 12n, 1800000000n],
    [2 ** 32 - 1, 2n ** 64n - 1n, 2n ** 128n - 1n, 2n ** 64n - 1n],
  ][i];
  const data = hash(kind, word(user), word(batcher), proofsRoot, ...[count, nonce, maxFee, deadline].map(word));
  return {
    chain_id: chainId,
    payment_service: hex(payments),
    user: hex(user),
    batcher: hex(batcher),
    proofs_root: hex(proofsRoot),
    proof_count: count,
    first_nonce: nonce.toString(),
    max_fee: maxFee.toString(),
    deadline: deadline.toString(),
    digest: hex(hash(Buffer.from("1901", "hex"), domain, data)),
  };
});

const json = JSON.stringify({ commitments, batches, tasks, authorizations }, null, 1);
fs.writeFileSync(path.join(__dirname, "fast-mode.json"), `${json}\n`);
