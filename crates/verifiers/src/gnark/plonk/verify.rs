//! The verifier of Plonk (ePrint 2019/953, section 8.3), with the differences of gnark's prover: the quotient's parts
//! have `n + 2` coefficients, the value of the linearised polynomial is sent and opened with the others, and the
//! challenges are derived gnark's way.

use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{Field, One, Zero, batch_inversion};

use super::{
    super::curve::Curve,
    key::Key,
    proof::{LEFT, LINEARISED, OUTPUT, Proof, RIGHT, S1, S2},
    transcript::{Transcript, hash_of, points, scalars},
};

/// Separates the challenge that joins the two openings, which gnark draws at random, from all others.
const JOIN: &str = "Collimate.gnark-plonk.join";

struct Challenges<F> {
    beta: F,
    gamma: F,
    alpha: F,
    zeta: F,
}

/// What is known at ζ without the proof's help.
struct AtZeta<F> {
    /// ζⁿ − 1, zero on the domain only.
    vanishing: F,
    /// The first Lagrange polynomial.
    first: F,
    /// The polynomial of the public inputs.
    inputs: F,
}

/// Verifies a proof whose points were checked when they were read; there must be as many inputs and commitments as the
/// key has.
pub(super) fn verify<C: Curve>(
    key: &Key<C>,
    proof: &Proof<C>,
    inputs: &[C::ScalarField],
) -> Result<(), &'static str> {
    let challenges = derive(key, proof, inputs);
    let at_zeta = evaluate(key, proof, challenges.zeta, inputs).ok_or("ζ lies in the domain")?;
    let linearised = linearise(key, proof, &challenges, &at_zeta)?;
    check_openings(key, proof, challenges.zeta, linearised)
}

fn derive<C: Curve>(
    key: &Key<C>,
    proof: &Proof<C>,
    inputs: &[C::ScalarField],
) -> Challenges<C::ScalarField> {
    let selectors = [&key.q_left, &key.q_right, &key.q_product, &key.q_output, &key.q_constant];
    let of_commitments = key.commitments.iter().map(|commitment| &commitment.selector);
    let statement = [
        points::<C>(key.s.iter().chain(selectors).chain(of_commitments)),
        scalars(inputs),
        points::<C>(&proof.wires),
    ];
    let mut transcript = Transcript::default();
    let gamma = transcript.challenge("gamma", &statement.concat());
    let beta = transcript.challenge("beta", &[]);
    let alpha = transcript
        .challenge("alpha", &points::<C>(proof.commitments.iter().chain([&proof.product])));
    let zeta = transcript.challenge("zeta", &points::<C>(&proof.quotient));
    Challenges { beta, gamma, alpha, zeta }
}

/// Nothing if ζ is in the domain, where the Lagrange polynomials cannot be divided out.
fn evaluate<C: Curve>(
    key: &Key<C>,
    proof: &Proof<C>,
    zeta: C::ScalarField,
    inputs: &[C::ScalarField],
) -> Option<AtZeta<C::ScalarField>> {
    let vanishing = zeta.pow([key.size]) - C::ScalarField::one();
    if vanishing.is_zero() {
        return None;
    }
    // Rows with a public value: those of the inputs, then those of the commitments' hashes.
    let in_order =
        std::iter::successors(Some(C::ScalarField::one()), |root| Some(*root * key.generator));
    let of_commitments =
        key.commitments.iter().map(|commitment| key.generator.pow([commitment.row]));
    let roots: Vec<_> = in_order.take(inputs.len()).chain(of_commitments).collect();
    let hashes = proof.commitments.iter().map(hash_of::<C>);
    // Lᵢ(ζ) = ωⁱ (ζⁿ − 1) / (n (ζ − ωⁱ)), the first at the end.
    let mut lagrange: Vec<_> = roots.iter().map(|root| zeta - root).collect();
    lagrange.push(zeta - C::ScalarField::one());
    batch_inversion(&mut lagrange);
    let common = vanishing * key.size_inverse;
    let first = common * lagrange.pop()?;
    let inputs = lagrange
        .iter()
        .zip(&roots)
        .zip(inputs.iter().copied().chain(hashes))
        .map(|((inverse, root), input)| common * root * inverse * input)
        .sum();
    Some(AtZeta { vanishing, first, inputs })
}

/// Checks the claimed value of the linearised polynomial, and computes its commitment.
fn linearise<C: Curve>(
    key: &Key<C>,
    proof: &Proof<C>,
    challenges: &Challenges<C::ScalarField>,
    at_zeta: &AtZeta<C::ScalarField>,
) -> Result<C::G1Affine, &'static str> {
    let Challenges { beta, gamma, alpha, zeta } = *challenges;
    let claims = &proof.claims;
    let (left, right, output) = (claims[LEFT], claims[RIGHT], claims[OUTPUT]);
    // The permutation at ζ, as far as it needs no commitment.
    let permuted = alpha
        * proof.shifted_product
        * (left + beta * claims[S1] + gamma)
        * (right + beta * claims[S2] + gamma);
    let starts_with_one = alpha.square() * at_zeta.first;
    let expected = starts_with_one - at_zeta.inputs - permuted * (output + gamma);
    if claims[LINEARISED] != expected {
        return Err("the gates or the permutation do not hold at ζ");
    }
    let identity = alpha
        * (left + beta * zeta + gamma)
        * (right + beta * key.shift * zeta + gamma)
        * (output + beta * key.shift.square() * zeta + gamma);
    let next_part = zeta.pow([key.size + 2]);
    let quotient = -at_zeta.vanishing;
    let mut terms = vec![
        (key.q_left, left),
        (key.q_right, right),
        (key.q_product, left * right),
        (key.q_output, output),
        (key.q_constant, C::ScalarField::one()),
        (key.s[2], permuted * beta),
        (proof.product, starts_with_one - identity),
        (proof.quotient[0], quotient),
        (proof.quotient[1], quotient * next_part),
        (proof.quotient[2], quotient * next_part.square()),
    ];
    terms.extend(proof.commitments.iter().copied().zip(proof.selector_claims.iter().copied()));
    Ok(combine::<C>(&terms).into_affine())
}

/// Checks both openings with one pairing equation.
///
/// All that is opened at ζ is folded with powers of a challenge. The opening at ωζ is joined by another, which the
/// prover cannot know before both openings are fixed: the hash chain covers whatever either of them is about.
fn check_openings<C: Curve>(
    key: &Key<C>,
    proof: &Proof<C>,
    zeta: C::ScalarField,
    linearised: C::G1Affine,
) -> Result<(), &'static str> {
    let [left, right, output] = proof.wires;
    let mut opened = vec![linearised, left, right, output, key.s[0], key.s[1]];
    opened.extend(key.commitments.iter().map(|commitment| commitment.selector));
    let mut transcript = Transcript::default();
    let bound_to = [
        scalars([&zeta]),
        points::<C>(&opened),
        scalars(proof.claims.iter().chain(&proof.selector_claims)),
        scalars([&proof.shifted_product]),
    ];
    let fold: C::ScalarField = transcript.challenge("gamma", &bound_to.concat());
    let openings = points::<C>([&proof.opening, &proof.shifted_opening]);
    let join: C::ScalarField = transcript.challenge(JOIN, &openings);

    let mut terms = Vec::with_capacity(opened.len() + 4);
    let mut value = join * proof.shifted_product;
    let mut power = C::ScalarField::one();
    let claims = proof.claims.iter().chain(&proof.selector_claims);
    for (point, claim) in opened.into_iter().zip(claims) {
        terms.push((point, power));
        value += power * claim;
        power *= fold;
    }
    terms.push((proof.product, join));
    terms.push((key.kzg_g1, -value));
    terms.push((proof.opening, zeta));
    terms.push((proof.shifted_opening, join * zeta * key.generator));
    let openings = [(proof.opening, -C::ScalarField::one()), (proof.shifted_opening, -join)];

    let loops = C::multi_miller_loop(
        [combine::<C>(&terms).into_affine(), combine::<C>(&openings).into_affine()],
        key.kzg_g2,
    );
    match C::final_exponentiation(loops) {
        Some(product) if product.is_zero() => Ok(()),
        _ => Err("the openings do not hold"),
    }
}

fn combine<C: Curve>(terms: &[(C::G1Affine, C::ScalarField)]) -> C::G1 {
    let (points, scalars): (Vec<_>, Vec<_>) = terms.iter().copied().unzip();
    C::G1::msm_unchecked(&points, &scalars)
}
