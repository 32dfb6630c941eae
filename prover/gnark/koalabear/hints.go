package koalabear

// The inverses that the prover puts into the witness, in Go. The original asks Rust for them over cgo, which a program of
// its own has not beside it. What a hint answers is checked by the circuit's constraints, so a wrong answer is a failed
// proof. The functions' names are part of the compiled circuit and stay as they are.

import (
	"errors"
	"math/big"
)

const prime = 2130706433

// X^4 - nonResidue is the polynomial of the extension.
const nonResidue = 3

var errNoInverse = errors.New("koalabear: zero has no inverse")

func mul(a, b uint64) uint64 { return a * b % prime }
func add(a, b uint64) uint64 { return (a + b) % prime }
func sub(a, b uint64) uint64 { return (a + prime - b) % prime }

// inverse returns a^(prime-2), which is zero for zero.
func inverse(a uint64) uint64 {
	result := uint64(1)
	for exponent := uint64(prime - 2); exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result = mul(result, a)
		}
		a = mul(a, a)
	}
	return result
}

// extensionInverse returns the inverse in the extension of degree 4, which is zero for zero.
//
// With Y = X^2 an element is A + B X, where A = a0 + a2 Y and B = a1 + a3 Y, and (A + B X)(A - B X) = A^2 - B^2 Y lies in
// the extension of degree 2 in which Y^2 = nonResidue.
func extensionInverse(a [4]uint64) [4]uint64 {
	// A^2 - B^2 Y
	n0 := sub(add(mul(a[0], a[0]), mul(nonResidue, mul(a[2], a[2]))), mul(2*nonResidue, mul(a[1], a[3])))
	n1 := sub(mul(2, mul(a[0], a[2])), add(mul(a[1], a[1]), mul(nonResidue, mul(a[3], a[3]))))
	// Its inverse is (n0 - n1 Y) / (n0^2 - nonResidue n1^2).
	norm := inverse(sub(mul(n0, n0), mul(nonResidue, mul(n1, n1))))
	i0, i1 := mul(n0, norm), mul(sub(0, n1), norm)
	// Times A - B X.
	times := func(b0, b1 uint64) (uint64, uint64) {
		return add(mul(b0, i0), mul(nonResidue, mul(b1, i1))), add(mul(b0, i1), mul(b1, i0))
	}
	r0, r2 := times(a[0], a[2])
	r1, r3 := times(sub(0, a[1]), sub(0, a[3]))
	return [4]uint64{r0, r1, r2, r3}
}

func reduced(input *big.Int) uint64 {
	return new(big.Int).Mod(input, modulus).Uint64()
}

// InvFHint gives the inverse of an element.
func InvFHint(_ *big.Int, inputs []*big.Int, results []*big.Int) error {
	a := reduced(inputs[0])
	if a == 0 {
		return errNoInverse
	}
	results[0].SetUint64(inverse(a))
	return nil
}

// InvEHint gives the inverse of an element of the extension.
func InvEHint(_ *big.Int, inputs []*big.Int, results []*big.Int) error {
	var a [4]uint64
	for i := range a {
		a[i] = reduced(inputs[i])
	}
	if a == [4]uint64{} {
		return errNoInverse
	}
	for i, value := range extensionInverse(a) {
		results[i].SetUint64(value)
	}
	return nil
}
