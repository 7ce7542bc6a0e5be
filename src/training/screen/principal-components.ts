import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Eigenvalues and eigenvectors of a covariance matrix, largest first. */
export interface PrincipalComponents {
  /** Variance along each component; at most min(dies, parameters) of them. */
  readonly variances: Float64Array;
  /** Component i as float64 [parameters], of length 1. */
  direction(i: number): Float64Array;
}

/**
 * Principal components of standard scores z, float64 [dies, parameters] row-major, about 0.
 * With fewer dies than parameters the dies' Gram matrix is decomposed instead, which has the same
 * non-zero eigenvalues and is smaller. Signs are fixed (the largest entry is positive), so that the
 * same data gives the same bytes.
 */
export function principalComponents(z: Float64Array, dies: number, parameters: number): PrincipalComponents {
  const dual = dies < parameters;
  const size = dual ? dies : parameters;
  const products = dual ? gram(z, dies, parameters) : gramOfColumns(z, dies, parameters);
  const symmetric = Matrix.from1DArray(
    size,
    size,
    products.map((sum) => sum / (dies - 1)),
  );
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, {
    assumeSymmetric: true,
  });
  // ml-matrix sorts ascending.
  const variances = Float64Array.from(realEigenvalues.toReversed(), (value) => Math.max(0, value));
  return {
    variances,
    direction(i) {
      const vector = Float64Array.from(eigenvectorMatrix.getColumn(size - 1 - i));
      return normalise(dual ? combineRows(z, vector, parameters) : vector);
    },
  };
}

/** Products of every two rows of a, float64 [rows, columns]: float64 [rows, rows], symmetric. */
function gram(a: Float64Array, rows: number, columns: number): Float64Array {
  const products = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    const left = a.subarray(i * columns, (i + 1) * columns);
    for (let j = 0; j <= i; j++) {
      const right = j * columns;
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += left[c] * a[right + c];
      products[i * rows + j] = sum;
      products[j * rows + i] = sum;
    }
  }
  return products;
}

/** Rows that are gone over together: of 512 columns they stay in the processor's second cache. */
const BLOCK_ROWS = 64;

/**
 * Products of every two columns of a, float64 [rows, columns]: float64 [columns, columns], symmetric. Each sum is taken row by
 * row, as over the columns of a transposed copy, which would take as much memory again.
 */
function gramOfColumns(a: Float64Array, rows: number, columns: number): Float64Array {
  const products = new Float64Array(columns * columns);
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const to = Math.min(rows, from + BLOCK_ROWS);
    for (let i = 0; i < columns; i++) {
      const sums = products.subarray(i * columns, i * columns + i + 1);
      for (let row = from; row < to; row++) addScaled(sums, a, row * columns, a[row * columns + i]);
    }
  }
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < i; j++) products[j * columns + i] = products[i * columns + j];
  return products;
}

function addScaled(sums: Float64Array, a: Float64Array, from: number, factor: number): void {
  for (let j = 0; j < sums.length; j++) sums[j] = sums[j] + factor * a[from + j];
}

function combineRows(a: Float64Array, weights: Float64Array, columns: number): Float64Array {
  const sum = new Float64Array(columns);
  weights.forEach((weight, r) => {
    for (let c = 0; c < columns; c++) sum[c] = sum[c] + weight * a[r * columns + c];
  });
  return sum;
}

function normalise(vector: Float64Array): Float64Array {
  let largest = 0;
  let square = 0;
  for (const entry of vector) {
    if (Math.abs(entry) > Math.abs(largest)) largest = entry;
    square += entry * entry;
  }
  const factor = (largest < 0 ? -1 : 1) / Math.sqrt(square);
  return vector.map((entry) => entry * factor);
}
