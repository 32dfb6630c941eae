//! From the JSON files of snarkjs to the words that are verified: `proof.json`, `verification_key.json`, `public.json`.
//!
//! Here only the form is checked; whether numbers are reduced and points on the curve is the verifier's to say.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    VerifyError,
    circuit::reader::Part,
    limits::{MAX_SNARKJS_FILE_BYTES, within},
};

/// A point of G1 in projective coordinates, of which z is one, or zero at infinity.
type G1 = [String; 3];

/// A point of G2, real parts first.
type G2 = [[String; 2]; 3];

#[derive(Deserialize)]
struct ProofFile {
    protocol: String,
    curve: String,
    pi_a: G1,
    pi_b: G2,
    pi_c: G1,
}

#[derive(Deserialize)]
struct KeyFile {
    protocol: String,
    curve: String,
    #[serde(rename = "nPublic")]
    public_inputs: usize,
    vk_alpha_1: G1,
    vk_beta_2: G2,
    vk_gamma_2: G2,
    vk_delta_2: G2,
    #[serde(rename = "IC")]
    input_points: Vec<G1>,
}

/// The proof's 256 bytes from `proof.json`.
///
/// # Errors
/// No proof of Groth16 over BN254 as snarkjs writes it.
pub fn proof(json: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let file: ProofFile = parse(json, Part::Proof)?;
    let malformed = |reason| Part::Proof.fault(reason);
    check_kind(&file.protocol, &file.curve).map_err(malformed)?;
    let mut bytes = Vec::new();
    write_g1(&file.pi_a, &mut bytes).map_err(malformed)?;
    write_g2(&file.pi_b, &mut bytes).map_err(malformed)?;
    write_g1(&file.pi_c, &mut bytes).map_err(malformed)?;
    Ok(bytes)
}

/// The verifying key's bytes from `verification_key.json`. What snarkjs computes ahead (`vk_alphabeta_12`) is left out.
///
/// # Errors
/// No key of Groth16 over BN254 as snarkjs writes it.
pub fn verifying_key(json: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let file: KeyFile = parse(json, Part::Key)?;
    let malformed = |reason| Part::Key.fault(reason);
    check_kind(&file.protocol, &file.curve).map_err(malformed)?;
    if file.public_inputs.checked_add(1) != Some(file.input_points.len()) {
        return Err(Part::Key.fault("nPublic and IC do not fit each other"));
    }
    let mut bytes = Vec::new();
    write_g1(&file.vk_alpha_1, &mut bytes).map_err(malformed)?;
    for point in [&file.vk_beta_2, &file.vk_gamma_2, &file.vk_delta_2] {
        write_g2(point, &mut bytes).map_err(malformed)?;
    }
    for point in &file.input_points {
        write_g1(point, &mut bytes).map_err(malformed)?;
    }
    Ok(bytes)
}

/// The public inputs' words from `public.json`.
///
/// # Errors
/// No list of decimal numbers.
pub fn public_inputs(json: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let malformed = |reason: String| VerifyError::MalformedPublicInputs { reason };
    let numbers: Vec<String> = parse(json, Part::Proof).map_err(|error| match error {
        VerifyError::Malformed { reason } => malformed(reason),
        other => other,
    })?;
    let mut bytes = Vec::new();
    for number in &numbers {
        bytes.extend(word(number).map_err(|reason| malformed(reason.to_owned()))?);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(json: &[u8], part: Part) -> Result<T, VerifyError> {
    let remedy = "give the file that snarkjs wrote";
    within("the file", json.len(), MAX_SNARKJS_FILE_BYTES, remedy)?;
    serde_json::from_slice(json).map_err(|error| part.fault(error.to_string()))
}

fn check_kind(protocol: &str, curve: &str) -> Result<(), &'static str> {
    match (protocol, curve) {
        ("groth16", "bn128" | "bn254") => Ok(()),
        _ => Err("not groth16 over bn128"),
    }
}

fn write_g1([x, y, z]: &G1, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    match z.as_str() {
        "1" => {
            bytes.extend(word(x)?);
            bytes.extend(word(y)?);
        }
        "0" => bytes.extend([0; 64]),
        _ => return Err("a point is not normalised"),
    }
    Ok(())
}

fn write_g2([x, y, z]: &G2, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    match [z[0].as_str(), z[1].as_str()] {
        ["1", "0"] => {
            for [real, imaginary] in [x, y] {
                bytes.extend(word(imaginary)?);
                bytes.extend(word(real)?);
            }
        }
        ["0", "0"] => bytes.extend([0; 128]),
        _ => return Err("a point is not normalised"),
    }
    Ok(())
}

/// A decimal number below 2^256 as a big-endian word.
fn word(decimal: &str) -> Result<[u8; 32], &'static str> {
    let canonical = decimal == "0" || !decimal.starts_with('0');
    if decimal.is_empty() || !canonical {
        return Err("a number is empty or starts with zero");
    }
    let mut word = [0_u8; 32];
    for digit in decimal.bytes() {
        if !digit.is_ascii_digit() {
            return Err("a number is not decimal");
        }
        let mut carry = u32::from(digit - b'0');
        for byte in word.iter_mut().rev() {
            let value = u32::from(*byte) * 10 + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
        if carry != 0 {
            return Err("a number has more than 256 bits");
        }
    }
    Ok(word)
}
