package bn254

import (
	"math/big"
	"math/rand"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Scalars at which a carry runs, a window is empty or the last addition meets a special case, and random ones.
func scalarsAround(c, random int) []fr.Element {
	var scalars []fr.Element
	push := func(value *big.Int) {
		for delta := int64(-2); delta <= 2; delta++ {
			var scalar fr.Element
			scalar.SetBigInt(new(big.Int).Add(value, big.NewInt(delta)))
			scalars = append(scalars, scalar)
		}
	}
	order := fr.Modulus()
	push(big.NewInt(0))
	push(order)
	push(new(big.Int).Rsh(order, 1))
	for bit := 1; bit < fr.Bits; bit++ {
		power := new(big.Int).Lsh(big.NewInt(1), uint(bit))
		push(power)
		push(new(big.Int).Sub(order, power))
	}
	// Each digit half of a window, and all ones.
	half := new(big.Int)
	for at := c - 1; at < fr.Bits-1; at += c {
		half.SetBit(half, at, 1)
	}
	push(half)
	push(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), fr.Bits-1), big.NewInt(1)))
	// The sum before the last window equals what that window adds.
	for digit := int64(1); digit <= 4; digit++ {
		top := new(big.Int).Lsh(big.NewInt(digit), uint(c*(fixedBaseWindows(c)-1)))
		push(new(big.Int).Sub(new(big.Int).Lsh(top, 1), order))
	}
	r := rand.New(rand.NewSource(int64(c)))
	for i := 0; i < random; i++ {
		var scalar fr.Element
		scalar.SetBigInt(new(big.Int).Rand(r, order))
		scalars = append(scalars, scalar)
	}
	return scalars
}

func TestFixedBase_DigitsAreTheScalar(t *testing.T) {
	for c := 2; c <= 16; c++ {
		scalars := scalarsAround(c, 100)
		windows := fixedBaseWindows(c)
		digits := make([]int32, windows*len(scalars))
		fixedBaseDigits(scalars, c, digits)
		for i := range scalars {
			sum, want := new(big.Int), new(big.Int)
			for j := windows - 1; j >= 0; j-- {
				digit := int64(digits[j*len(scalars)+i])
				if digit > 1<<(c-1) || digit <= -(1<<(c-1)) {
					t.Fatalf("c = %d: digit %d of %v is %d", c, j, scalars[i], digit)
				}
				sum.Add(sum.Lsh(sum, uint(c)), big.NewInt(digit))
			}
			if scalars[i].BigInt(want); sum.Cmp(want) != 0 {
				t.Fatalf("c = %d: the digits of %v make %v", c, want, sum)
			}
		}
	}
}

func TestFixedBase_EveryWindowSizeEqualsTheStockMultiplication(t *testing.T) {
	_, _, g1, g2 := Generators()
	for _, c := range []int{2, 3, 5, 8, 11, 12, 13} {
		scalars := scalarsAround(c, 50)
		want1 := stockBatchScalarMultiplicationG1(&g1, scalars)
		want2 := stockBatchScalarMultiplicationG2(&g2, scalars)
		got1, got2 := make([]G1Affine, len(scalars)), make([]G2Affine, len(scalars))
		work1, work2 := newFixedBaseWorkG1(c), newFixedBaseWorkG2(c)
		table1, table2 := fixedBaseTableG1(&g1, c), fixedBaseTableG2(&g2, c)
		for start := 0; start < len(scalars); start += fixedBaseBatch {
			stop := min(start+fixedBaseBatch, len(scalars))
			work1.multiply(table1, scalars[start:stop], got1[start:stop])
			work2.multiply(table2, scalars[start:stop], got2[start:stop])
		}
		for i := range scalars {
			if got1[i] != want1[i] {
				t.Fatalf("G1, c = %d: %v g", c, scalars[i].String())
			}
			if got2[i] != want2[i] {
				t.Fatalf("G2, c = %d: %v g", c, scalars[i].String())
			}
		}
	}
}

func TestBatchScalarMultiplication_AnyNumberEqualsTheStockMultiplication(t *testing.T) {
	_, _, g1, g2 := Generators()
	// Not the generators, and many scalars: several batches for each worker.
	var base1 G1Affine
	var base2 G2Affine
	base1.ScalarMultiplication(&g1, big.NewInt(123456789))
	base2.ScalarMultiplication(&g2, big.NewInt(987654321))
	all := scalarsAround(12, 7000)
	for _, n := range []int{0, 1, 2, 3, 17, 100, 1000, len(all)} {
		got1, want1 := BatchScalarMultiplicationG1(&base1, all[:n]), stockBatchScalarMultiplicationG1(&base1, all[:n])
		for i := range want1 {
			if got1[i] != want1[i] {
				t.Fatalf("G1, %d scalars: the one at %d", n, i)
			}
		}
		got2, want2 := BatchScalarMultiplicationG2(&base2, all[:n]), stockBatchScalarMultiplicationG2(&base2, all[:n])
		for i := range want2 {
			if got2[i] != want2[i] {
				t.Fatalf("G2, %d scalars: the one at %d", n, i)
			}
		}
		if len(got1) != n || len(got2) != n {
			t.Fatalf("%d and %d points for %d scalars", len(got1), len(got2), n)
		}
	}
}

func TestBatchScalarMultiplication_OfInfinityIsInfinity(t *testing.T) {
	scalars := scalarsAround(2, 1)
	for _, point := range BatchScalarMultiplicationG1(&G1Affine{}, scalars) {
		if !point.IsInfinity() {
			t.Fatal("G1")
		}
	}
	for _, point := range BatchScalarMultiplicationG2(&G2Affine{}, scalars) {
		if !point.IsInfinity() {
			t.Fatal("G2")
		}
	}
}

func benchmarkScalars(b *testing.B) []fr.Element {
	scalars := make([]fr.Element, b.N)
	for i := range scalars {
		scalars[i].SetRandom()
	}
	b.ResetTimer()
	return scalars
}

func BenchmarkFixedBaseG1(b *testing.B) {
	_, _, g, _ := Generators()
	BatchScalarMultiplicationG1(&g, benchmarkScalars(b))
}

func BenchmarkStockBaseG1(b *testing.B) {
	_, _, g, _ := Generators()
	stockBatchScalarMultiplicationG1(&g, benchmarkScalars(b))
}

func BenchmarkFixedBaseG2(b *testing.B) {
	_, _, _, g := Generators()
	BatchScalarMultiplicationG2(&g, benchmarkScalars(b))
}

func BenchmarkStockBaseG2(b *testing.B) {
	_, _, _, g := Generators()
	stockBatchScalarMultiplicationG2(&g, benchmarkScalars(b))
}
