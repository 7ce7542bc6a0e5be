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
  const products = dual ? gram(z, dies, parameters) : gram(transpose(z, dies, parameters), parameters, dies);
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

function transpose(a: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(a.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c * rows + r] = a[r * columns + c];
  }
  return result;
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
