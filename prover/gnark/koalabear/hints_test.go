package koalabear

import (
	"math/big"
	"math/rand"
	"testing"
)

// The product modulo X^4 - 3, coefficient by coefficient.
func product(a, b [4]uint64) [4]uint64 {
	var c [4]uint64
	for i, x := range a {
		for j, y := range b {
			term := mul(x, y)
			if i+j >= 4 {
				term = mul(term, nonResidue)
			}
			c[(i+j)%4] = add(c[(i+j)%4], term)
		}
	}
	return c
}

func elements(r *rand.Rand) []uint64 {
	return []uint64{0, 1, 2, 3, prime / 2, prime - 1, uint64(r.Int63n(prime)), uint64(r.Int63n(prime))}
}

func TestInvFHint_GivesTheInverse(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for round := 0; round < 1000; round++ {
		for _, a := range elements(r) {
			// Any multiple of the modulus may come on top: inputs are not reduced.
			input := new(big.Int).SetUint64(a)
			input.Add(input, new(big.Int).Mul(modulus, new(big.Int).Rand(r, new(big.Int).Lsh(modulus, 80))))
			result := new(big.Int)
			err := InvFHint(nil, []*big.Int{input}, []*big.Int{result})
			switch {
			case a == 0 && err == nil:
				t.Fatal("zero has an inverse")
			case a != 0 && (err != nil || mul(a, result.Uint64()) != 1 || result.Cmp(modulus) >= 0):
				t.Fatalf("1/%d = %v, %v", a, result, err)
			}
		}
	}
}

func TestInvEHint_GivesTheInverse(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	one := [4]uint64{1}
	check := func(a [4]uint64) {
		inputs, results := make([]*big.Int, 4), make([]*big.Int, 4)
		for i := range inputs {
			inputs[i], results[i] = new(big.Int).SetUint64(a[i]), new(big.Int)
		}
		err := InvEHint(nil, inputs, results)
		if a == [4]uint64{} {
			if err == nil {
				t.Fatal("zero has an inverse")
			}
			return
		}
		var b [4]uint64
		for i := range b {
			b[i] = results[i].Uint64()
			if b[i] >= prime {
				t.Fatalf("1/%v is not reduced: %v", a, b)
			}
		}
		if err != nil || product(a, b) != one {
			t.Fatalf("1/%v = %v, %v", a, b, err)
		}
	}
	for round := 0; round < 20; round++ {
		values := elements(r)
		for _, a := range values {
			for _, b := range values {
				for _, c := range values {
					for _, d := range values {
						check([4]uint64{a, b, c, d})
					}
				}
			}
		}
	}
}

// What the engine's Rust says, so that the two agree on order and polynomial.
func TestExtensionInverse_OfX(t *testing.T) {
	// X X^3 = 3, so 1/X = X^3/3.
	if got, want := extensionInverse([4]uint64{0, 1, 0, 0}), [4]uint64{0, 0, 0, inverse(3)}; got != want {
		t.Fatalf("1/X = %v, not %v", got, want)
	}
}
