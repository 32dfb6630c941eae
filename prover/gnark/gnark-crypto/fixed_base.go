package bn254

// Multiples of one point, for many scalars.
//
// A scalar is written in signed digits of c bits, from the lowest window on, and a table has what each digit of each
// window stands for: row j holds d 2^(c j) base for d = 1 .. 2^(c-1). A multiple is then one addition for each window and
// no doubling. Additions are affine, 6 multiplications each, since those of many scalars share one inversion; all of them
// look at the same row of the table, which stays in the processor's cache meanwhile.
//
// Besides the result this takes some megabytes, whatever the number of scalars.

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/internal/fptower"
	"github.com/consensys/gnark-crypto/internal/parallel"
)

// How many scalars are worked on together: enough for the inversion not to count, few enough for their points to stay in
// the cache.
const fixedBaseBatch = 2048

// The largest windows: with them a row of the table has 256 kB.
const (
	fixedBaseMaxWindowG1 = 13
	fixedBaseMaxWindowG2 = 12
)

// fixedBaseWindow returns the size of windows that makes the least work for n scalars: an addition for each entry of the
// table, which is made one by one and so costs about three times as much, and one for each window of each scalar.
func fixedBaseWindow(n, largest int) int {
	best, least := 2, -1
	for c := 2; c <= largest; c++ {
		cost := fixedBaseWindows(c) * (3<<(c-1) + n)
		if least < 0 || cost < least {
			best, least = c, cost
		}
	}
	return best
}

// fixedBaseWindows returns how many windows of c bits a scalar has: one bit more than the scalar, for the last carry.
func fixedBaseWindows(c int) int {
	return (fr.Bits + c) / c
}

// fixedBaseDigits writes the digits of the scalars, in -2^(c-1)+1 .. 2^(c-1), window by window: that of window j and
// scalar i is digits[j len(scalars) + i].
func fixedBaseDigits(scalars []fr.Element, c int, digits []int32) {
	windows, mask, half := fixedBaseWindows(c), uint64(1)<<c-1, int32(1)<<(c-1)
	for i := range scalars {
		bits := scalars[i].Bits()
		carry := int32(0)
		for j := 0; j < windows; j++ {
			at := j * c
			word, shift := at/64, at%64
			value := bits[word] >> shift
			if shift+c > 64 && word+1 < len(bits) {
				value |= bits[word+1] << (64 - shift)
			}
			digit := int32(value&mask) + carry
			carry = 0
			if digit > half {
				digit -= 2 * half
				carry = 1
			}
			digits[j*len(scalars)+i] = digit
		}
	}
}

// BatchScalarMultiplicationG1 multiplies the same base by all scalars
// and return resulting points in affine coordinates.
func BatchScalarMultiplicationG1(base *G1Affine, scalars []fr.Element) []G1Affine {
	toReturn := make([]G1Affine, len(scalars))
	if len(scalars) == 0 || base.IsInfinity() {
		return toReturn
	}
	c := fixedBaseWindow(len(scalars), fixedBaseMaxWindowG1)
	table := fixedBaseTableG1(base, c)
	parallel.Execute(len(scalars), func(start, end int) {
		work := newFixedBaseWorkG1(c)
		for ; start < end; start += fixedBaseBatch {
			stop := min(start+fixedBaseBatch, end)
			work.multiply(table, scalars[start:stop], toReturn[start:stop])
		}
	})
	return toReturn
}

// fixedBaseTableG1 returns the rows of the table one after the other.
func fixedBaseTableG1(base *G1Affine, c int) []G1Affine {
	windows, half := fixedBaseWindows(c), 1<<(c-1)
	table := make([]G1Affine, 0, windows*half)
	row := make([]G1Jac, half)
	var first G1Jac
	first.FromAffine(base)
	for j := 0; j < windows; j++ {
		row[0] = first
		for d := 1; d < half; d++ {
			row[d] = row[d-1]
			row[d].AddAssign(&first)
		}
		// 2^(c (j+1)) base is twice the last of the row.
		first = row[half-1]
		first.DoubleAssign()
		table = append(table, fixedBaseAffineG1(row)...)
	}
	return table
}

// fixedBaseWorkG1 is what one worker needs besides its part of the result.
type fixedBaseWorkG1 struct {
	c      int
	digits []int32
	// The additions of one window: to which scalar's sum, which point, the difference of the abscissae, and the product of
	// the differences before it.
	to       []int32
	summands []G1Affine
	lambda   []fp.Element
	products []fp.Element
}

func newFixedBaseWorkG1(c int) *fixedBaseWorkG1 {
	return &fixedBaseWorkG1{
		c:        c,
		digits:   make([]int32, fixedBaseWindows(c)*fixedBaseBatch),
		to:       make([]int32, 0, fixedBaseBatch),
		summands: make([]G1Affine, 0, fixedBaseBatch),
		lambda:   make([]fp.Element, 0, fixedBaseBatch),
		products: make([]fp.Element, 0, fixedBaseBatch),
	}
}

// multiply adds the multiples of at most fixedBaseBatch scalars to sums, which are at infinity before.
func (w *fixedBaseWorkG1) multiply(table []G1Affine, scalars []fr.Element, sums []G1Affine) {
	windows, half := fixedBaseWindows(w.c), 1<<(w.c-1)
	digits := w.digits[:windows*len(scalars)]
	fixedBaseDigits(scalars, w.c, digits)
	for j := 0; j < windows; j++ {
		w.add(table[j*half:(j+1)*half], digits[j*len(scalars):(j+1)*len(scalars)], sums)
	}
}

// add adds what the digits stand for in one row of the table.
func (w *fixedBaseWorkG1) add(row []G1Affine, digits []int32, sums []G1Affine) {
	w.to, w.summands = w.to[:0], w.summands[:0]
	w.lambda, w.products = w.lambda[:0], w.products[:0]
	var product, difference fp.Element
	product.SetOne()
	for i, digit := range digits {
		if digit == 0 {
			continue
		}
		var summand G1Affine
		if digit > 0 {
			summand = row[digit-1]
		} else {
			summand.Neg(&row[-digit-1])
		}
		if summand.IsInfinity() {
			continue
		}
		if sums[i].IsInfinity() {
			sums[i] = summand
			continue
		}
		difference.Sub(&summand.X, &sums[i].X)
		if difference.IsZero() {
			// A doubling, or the sum of a point and its negative.
			var sum G1Jac
			sum.FromAffine(&sums[i])
			sum.AddMixed(&summand)
			sums[i].FromJacobian(&sum)
			continue
		}
		w.to = append(w.to, int32(i))
		w.summands = append(w.summands, summand)
		w.lambda = append(w.lambda, difference)
		w.products = append(w.products, product)
		product.Mul(&product, &difference)
	}

	var inverse, slope, t fp.Element
	inverse.Inverse(&product)
	for k := len(w.to) - 1; k >= 0; k-- {
		sum, summand := &sums[w.to[k]], &w.summands[k]
		slope.Mul(&inverse, &w.products[k])
		inverse.Mul(&inverse, &w.lambda[k])
		t.Sub(&summand.Y, &sum.Y)
		slope.Mul(&slope, &t)
		// x = slope² - x1 - x2, y = slope (x1 - x) - y1
		t.Square(&slope)
		t.Sub(&t, &sum.X).Sub(&t, &summand.X)
		sum.X.Sub(&sum.X, &t)
		sum.X.Mul(&sum.X, &slope)
		sum.Y.Sub(&sum.X, &sum.Y)
		sum.X = t
	}
}

// BatchScalarMultiplicationG2 multiplies the same base by all scalars
// and return resulting points in affine coordinates.
func BatchScalarMultiplicationG2(base *G2Affine, scalars []fr.Element) []G2Affine {
	toReturn := make([]G2Affine, len(scalars))
	if len(scalars) == 0 || base.IsInfinity() {
		return toReturn
	}
	c := fixedBaseWindow(len(scalars), fixedBaseMaxWindowG2)
	table := fixedBaseTableG2(base, c)
	parallel.Execute(len(scalars), func(start, end int) {
		work := newFixedBaseWorkG2(c)
		for ; start < end; start += fixedBaseBatch {
			stop := min(start+fixedBaseBatch, end)
			work.multiply(table, scalars[start:stop], toReturn[start:stop])
		}
	})
	return toReturn
}

// fixedBaseTableG2 returns the rows of the table one after the other.
func fixedBaseTableG2(base *G2Affine, c int) []G2Affine {
	windows, half := fixedBaseWindows(c), 1<<(c-1)
	table := make([]G2Affine, 0, windows*half)
	row := make([]G2Jac, half)
	var first G2Jac
	first.FromAffine(base)
	for j := 0; j < windows; j++ {
		row[0] = first
		for d := 1; d < half; d++ {
			row[d] = row[d-1]
			row[d].AddAssign(&first)
		}
		// 2^(c (j+1)) base is twice the last of the row.
		first = row[half-1]
		first.DoubleAssign()
		table = append(table, fixedBaseAffineG2(row)...)
	}
	return table
}

// fixedBaseWorkG2 is what one worker needs besides its part of the result.
type fixedBaseWorkG2 struct {
	c      int
	digits []int32
	// The additions of one window: to which scalar's sum, which point, the difference of the abscissae, and the product of
	// the differences before it.
	to       []int32
	summands []G2Affine
	lambda   []fptower.E2
	products []fptower.E2
}

func newFixedBaseWorkG2(c int) *fixedBaseWorkG2 {
	return &fixedBaseWorkG2{
		c:        c,
		digits:   make([]int32, fixedBaseWindows(c)*fixedBaseBatch),
		to:       make([]int32, 0, fixedBaseBatch),
		summands: make([]G2Affine, 0, fixedBaseBatch),
		lambda:   make([]fptower.E2, 0, fixedBaseBatch),
		products: make([]fptower.E2, 0, fixedBaseBatch),
	}
}

// multiply adds the multiples of at most fixedBaseBatch scalars to sums, which are at infinity before.
func (w *fixedBaseWorkG2) multiply(table []G2Affine, scalars []fr.Element, sums []G2Affine) {
	windows, half := fixedBaseWindows(w.c), 1<<(w.c-1)
	digits := w.digits[:windows*len(scalars)]
	fixedBaseDigits(scalars, w.c, digits)
	for j := 0; j < windows; j++ {
		w.add(table[j*half:(j+1)*half], digits[j*len(scalars):(j+1)*len(scalars)], sums)
	}
}

// add adds what the digits stand for in one row of the table.
func (w *fixedBaseWorkG2) add(row []G2Affine, digits []int32, sums []G2Affine) {
	w.to, w.summands = w.to[:0], w.summands[:0]
	w.lambda, w.products = w.lambda[:0], w.products[:0]
	var product, difference fptower.E2
	product.SetOne()
	for i, digit := range digits {
		if digit == 0 {
			continue
		}
		var summand G2Affine
		if digit > 0 {
			summand = row[digit-1]
		} else {
			summand.Neg(&row[-digit-1])
		}
		if summand.IsInfinity() {
			continue
		}
		if sums[i].IsInfinity() {
			sums[i] = summand
			continue
		}
		difference.Sub(&summand.X, &sums[i].X)
		if difference.IsZero() {
			// A doubling, or the sum of a point and its negative.
			var sum G2Jac
			sum.FromAffine(&sums[i])
			sum.AddMixed(&summand)
			sums[i].FromJacobian(&sum)
			continue
		}
		w.to = append(w.to, int32(i))
		w.summands = append(w.summands, summand)
		w.lambda = append(w.lambda, difference)
		w.products = append(w.products, product)
		product.Mul(&product, &difference)
	}

	var inverse, slope, t fptower.E2
	inverse.Inverse(&product)
	for k := len(w.to) - 1; k >= 0; k-- {
		sum, summand := &sums[w.to[k]], &w.summands[k]
		slope.Mul(&inverse, &w.products[k])
		inverse.Mul(&inverse, &w.lambda[k])
		t.Sub(&summand.Y, &sum.Y)
		slope.Mul(&slope, &t)
		// x = slope² - x1 - x2, y = slope (x1 - x) - y1
		t.Square(&slope)
		t.Sub(&t, &sum.X).Sub(&t, &summand.X)
		sum.X.Sub(&sum.X, &t)
		sum.X.Mul(&sum.X, &slope)
		sum.Y.Sub(&sum.X, &sum.Y)
		sum.X = t
	}
}

func fixedBaseAffineG1(points []G1Jac) []G1Affine {
	return BatchJacobianToAffineG1(points)
}

// G2 has no such function, and few points are converted here.
func fixedBaseAffineG2(points []G2Jac) []G2Affine {
	affine := make([]G2Affine, len(points))
	for i := range points {
		affine[i].FromJacobian(&points[i])
	}
	return affine
}
