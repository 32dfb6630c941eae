// Makes a sample proof with snarkjs: `node prove.mjs COMPILED NAME FOLDER` takes COMPILED/NAME.r1cs, COMPILED/NAME_js/NAME.wasm and
// the input NAME.json beside this file, and writes NAME.proof, NAME.vk and NAME.pub into FOLDER.
//
// The setup is for samples alone: everybody knows its secrets, so proofs under these keys are worth nothing. In return the key, and
// so the program id, is the same each time.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { curves, groth16, powersOfTau, zKey } from 'snarkjs';

// Room for 2^10 constraints.
const POWER = 10;
// In a real ceremony a value that nobody knew while others contributed, hashed 2^40 times.
const BEACON = Buffer.from('not for use').toString('hex').padEnd(64, '0');
const BEACON_ITERATIONS_EXP = 10;

async function setup(r1cs) {
    const [blank, powers, prepared, circuit, final] = Array.from({ length: 5 }, () => ({ type: 'mem' }));
    await powersOfTau.newAccumulator(await curves.getCurveFromName('bn128'), POWER, blank);
    await powersOfTau.beacon(blank, powers, 'sample', BEACON, BEACON_ITERATIONS_EXP);
    await powersOfTau.preparePhase2(powers, prepared);
    await zKey.newZKey(r1cs, prepared, circuit);
    await zKey.beacon(circuit, final, 'sample', BEACON, BEACON_ITERATIONS_EXP);
    return { proving: final, verifying: await zKey.exportVerificationKey(final) };
}

// Ethereum's words (EIP-197), which docs/proof-systems/circom.md describes.
const words = (numbers) =>
    Buffer.concat(numbers.flat().map((number) => Buffer.from(BigInt(number).toString(16).padStart(64, '0'), 'hex')));
const g1 = ([x, y]) => [x, y];
const g2 = ([[xReal, xImaginary], [yReal, yImaginary]]) => [xImaginary, xReal, yImaginary, yReal];
const keyWords = (key) =>
    words([g1(key.vk_alpha_1), g2(key.vk_beta_2), g2(key.vk_gamma_2), g2(key.vk_delta_2), ...key.IC.map(g1)]);
const proofWords = (proof) => words([g1(proof.pi_a), g2(proof.pi_b), g1(proof.pi_c)]);

const [compiled, name, folder] = process.argv.slice(2);
if (!folder) {
    throw new Error('usage: node prove.mjs COMPILED NAME FOLDER');
}
const input = JSON.parse(await readFile(new URL(`${name}.json`, import.meta.url), 'utf8'));
const { proving, verifying } = await setup(join(compiled, `${name}.r1cs`));
const { proof, publicSignals } = await groth16.fullProve(input, join(compiled, `${name}_js`, `${name}.wasm`), proving);
if (!(await groth16.verify(verifying, publicSignals, proof))) {
    throw new Error(`snarkjs refuses its own proof of ${name}`);
}
await writeFile(join(folder, `${name}.proof`), proofWords(proof));
await writeFile(join(folder, `${name}.vk`), keyWords(verifying));
await writeFile(join(folder, `${name}.pub`), words(publicSignals));
// snarkjs' worker threads would keep the process alive.
process.exit(0);
