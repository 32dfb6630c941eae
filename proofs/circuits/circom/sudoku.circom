pragma circom 2.2.0;

// Somebody knows the solution of this Sudoku, and does not say it.
//
// A digit is written as nine bits, of which one is set: the k-th for the digit k + 1. A row, column or box has all nine digits
// when each of its nine cells has one and no two have the same.
template Sudoku() {
    // Row by row; zero where the puzzle is empty.
    signal input puzzle[81];
    signal input solution[81];
    signal is[81][9];

    for (var cell = 0; cell < 81; cell++) {
        var bits = 0;
        var digit = 0;
        for (var k = 0; k < 9; k++) {
            is[cell][k] <-- solution[cell] == k + 1;
            is[cell][k] * (is[cell][k] - 1) === 0;
            bits += is[cell][k];
            digit += (k + 1) * is[cell][k];
        }
        bits === 1;
        digit === solution[cell];
        // What the puzzle gives is kept.
        puzzle[cell] * (puzzle[cell] - solution[cell]) === 0;
    }

    for (var k = 0; k < 9; k++) {
        for (var group = 0; group < 9; group++) {
            var row = 0;
            var column = 0;
            var box = 0;
            var corner = 27 * (group \ 3) + 3 * (group % 3);
            for (var i = 0; i < 9; i++) {
                row += is[9 * group + i][k];
                column += is[9 * i + group][k];
                box += is[corner + 9 * (i \ 3) + i % 3][k];
            }
            row === 1;
            column === 1;
            box === 1;
        }
    }
}

component main {public [puzzle]} = Sudoku();
