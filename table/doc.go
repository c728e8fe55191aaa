// Package table models tables of mixed columns: numbers, whole and rounded ones,
// categories, yes and no, times, and cells that are missing.
//
// A Schema says what the columns are. Infer makes one of the data itself, in one
// pass and bounded memory, by these rules, in their order:
//
//   - A cell that is empty, or one of the missing markers, is missing. A column
//     of nothing else is left out.
//   - Two words that mean no and yes (false and true, f and t, no and yes, n and
//     y, off and on, in any case; 0 and 1) are Boolean.
//   - Numbers are Integer where no cell has a decimal point or an exponent, else
//     Real. Digits behind a zero (007) are text, and so are whole numbers beyond
//     2^53, which float64 does not hold. A column of whole numbers that counts
//     its rows (each one more than the last) is left out.
//   - Cells that all fit a layout of package time in Layouts are Time; the
//     first that fits all of them counts, so that 01/02/2006 is read month first.
//   - A few words among numbers are a mistake that is reported: where nine cells
//     in ten are numbers, and there are more of them than a category has values.
//   - All else is Category. One with more than InferOptions.MaxCategories values, or
//     whose rows are nearly all different (more than half as many values as
//     cells, beyond 20), identifies rows or is free text, and is left out.
//
// Of a column of numbers or times it is inferred, too:
//
//   - Step, the largest number that all values are multiples of, as far as their
//     decimals go; 0, for values that are taken as they are, where the column's
//     standard deviation has more than 2^18 steps.
//     Reals with more than 1,024 steps in their range are looked at once more: a
//     grid of another Step and an Origin, as of counts that were standardised, is
//     found where all values lie on it.
//   - Lower and Upper: 0 where no value of fifty or more is negative; 1 where
//     they stay in [0, 1] and come within 0.01 of both ends.
//   - Atoms, the values that many rows share: all values where there are 30 at
//     most, each in five rows on average. Of other columns, a value in 0.5 % of
//     the rows, in four at least: on a grid, if it is also twice as frequent
//     as the mean of the five steps on either side, beyond chance.
//   - Offset and Scale: mean and standard deviation of the values that are no
//     atoms (of all, where all are).
//
// What is inferred is replaced, column by column and field by field, by
// InferOptions.Given.
//
// Encode makes one number of each cell, for a model: a category's index, 0 or 1,
// (value - Offset)/Scale, or Missing; Decode is its inverse, in the column's own
// format. Readers and writers stream CSV and NDJSON, also in gzip.
package table
