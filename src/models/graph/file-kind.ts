/** What a file is that is no ONNX model, and how to come to one. */
interface FileKind {
  /** The middle of a sentence: "model.onnx is ...". */
  readonly what: string;
  readonly cure: string;
}

const EXPORT_TORCH = 'export the model with torch.onnx.export';

/** Files of zip archives that say what wrote them, in the order in which they are looked for. */
const ZIP_KINDS: readonly (readonly [name: string, kind: FileKind])[] = [
  ['archive_format', { what: 'a PyTorch ExportedProgram (.pt2)', cure: EXPORT_TORCH }],
  ['serialized_exported_program', { what: 'a PyTorch ExportedProgram (.pt2)', cure: EXPORT_TORCH }],
  ['constants.pkl', { what: 'a TorchScript archive (.pt)', cure: EXPORT_TORCH }],
  ['data.pkl', { what: 'a PyTorch checkpoint (.pt)', cure: EXPORT_TORCH }],
  [
    'model.weights.h5',
    { what: 'a Keras model (.keras)', cure: "export it with model.export(path, format='onnx')" },
  ],
  ['model.ini', { what: 'an H2O MOJO', cure: 'convert it with onnxmltools.convert_h2o' }],
  [
    'TransformerChain',
    { what: 'an ML.NET model (.zip)', cure: 'save it with mlContext.Model.ConvertToOnnx' },
  ],
  ['.npy', { what: 'a NumPy archive (.npz)', cure: 'it holds arrays and no graph' }],
];

/** Beginnings of binary files: bytes as latin-1 text, at an offset. */
const MAGICS: readonly (readonly [offset: number, magic: string, kind: FileKind])[] = [
  [0, '\x89HDF\r\n\x1a\n', { what: 'an HDF5 file (.h5, Keras)', cure: 'convert it with tf2onnx' }],
  [4, 'TFL3', { what: 'a TensorFlow Lite model', cure: 'convert it with tf2onnx --tflite' }],
  [
    4,
    'ORTM',
    { what: 'a model in ORT format (.ort)', cure: 'use the .onnx file that it was converted from' },
  ],
  [0, '\x1f\x8b', { what: 'a gzip file', cure: 'decompress it' }],
  [0, '\x28\xb5\x2f\xfd', { what: 'a Zstandard file', cure: 'decompress it' }],
  [0, '\xfd7zXZ\0', { what: 'an xz file', cure: 'decompress it' }],
  [0, 'BZh', { what: 'a bzip2 file', cure: 'decompress it' }],
  [0, '\x93NUMPY', { what: 'a NumPy array (.npy)', cure: 'it holds an array and no graph' }],
  [
    0,
    'CBM1',
    { what: 'a CatBoost model (.cbm)', cure: "save it with model.save_model(path, format='onnx')" },
  ],
  [0, 'GGUF', { what: 'a GGUF file', cure: 'it holds weights and no ONNX graph' }],
  [257, 'ustar', { what: 'a tar archive', cure: 'unpack it' }],
  [0, '\x7fELF', { what: 'a program (ELF)', cure: 'expected an ONNX model' }],
];

/** Beginnings of text files, after white space. */
const TEXTS: readonly (readonly [start: RegExp, kind: FileKind])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\/spec\//,
    { what: 'a Git LFS pointer and not the model itself', cure: 'fetch it with git lfs pull' },
  ],
  [
    /^\{\s*"?(learner|version)"?\s*:/,
    { what: 'an XGBoost model in JSON', cure: 'convert it with onnxmltools.convert_xgboost' },
  ],
  [
    /^\{[\s\S]{0,200}"(irVersion|opsetImport|producerName)"/,
    { what: 'an ONNX model as JSON', cure: 'write it with onnx.save(model, path)' },
  ],
  [/^[{[]/, { what: 'a JSON file', cure: 'expected an ONNX model' }],
  [
    /^tree\r?\nversion=/,
    { what: 'a LightGBM model in text', cure: 'convert it with onnxmltools.convert_lightgbm' },
  ],
  [
    /^(#[^\n]*\n\s*)*(ir_version|producer_name|producer_version|opset_import|graph|doc_string|model_version|domain)\s*[:{<]/,
    {
      what: 'an ONNX model as protobuf text',
      cure: "read it with onnx.load(path, format='textproto') and write it with onnx.save(model, path)",
    },
  ],
  [
    /^<\s*ir_version|^[A-Za-z_]\w*\s*\([^)]*\)\s*=>/,
    {
      what: 'an ONNX model in the text of onnx.parser',
      cure: 'write it with onnx.save(onnx.parser.parse_model(text), path)',
    },
  ],
  [/^<!doctype html|^<html/i, { what: 'a web page: the download went wrong', cure: 'fetch the file itself' }],
  [/^<\?xml|^<PMML|^<net/i, { what: 'an XML file (PMML, OpenVINO)', cure: 'export the model as ONNX' }],
];

/** safetensors: eight bytes of the header's length, then the header in JSON. */
const SAFETENSORS = {
  what: 'a safetensors file',
  cure: 'it holds weights and no graph: export the model as ONNX',
};

const PICKLED_TORCH = '\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';

const LOOKED_AT = 4096;

/**
 * What a file is, if it is one that people take for an ONNX model, and what to do then: the end of a sentence
 * that begins with the file's name.
 * @param bytes the whole file, or its beginning with its end (zip archives list their files there)
 * @returns undefined for what may be an ONNX model
 */
export function otherFileKind(bytes: Uint8Array): string | undefined {
  const kind = kindOf(bytes);
  return kind && `is ${kind.what}, expected an ONNX model: ${kind.cure}`;
}

/** Whether a file stands for one that Git LFS keeps elsewhere. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, 64)).startsWith('version https://git-lfs.github.com/spec/');
}

function kindOf(bytes: Uint8Array): FileKind | undefined {
  if (bytes.length === 0) return { what: 'empty', cure: 'copy it again' };
  const start = latin1(bytes.subarray(0, LOOKED_AT));
  if (start.startsWith('PK\x03\x04')) return zipKind(bytes);
  const magic = MAGICS.find(([offset, text]) => start.startsWith(text, offset));
  if (magic !== undefined) return magic[2];
  if (isPickle(bytes)) return pickleKind(start);
  if (/^[\s\S]{8}\{"/.test(start) && start.slice(0, 8).endsWith('\0\0\0')) return SAFETENSORS;
  if (/^\0+$/.test(start)) return { what: 'filled with zeros', cure: 'copy it again' };
  return TEXTS.find(([pattern]) => pattern.test(start.replace(/^(\xef\xbb\xbf)?\s+/, '')))?.[1];
}

function zipKind(bytes: Uint8Array): FileKind {
  const names = latin1(bytes.subarray(0, LOOKED_AT)) + latin1(bytes.subarray(-65_536));
  const known = ZIP_KINDS.find(([name]) => names.includes(name));
  return known?.[1] ?? { what: 'a zip archive', cure: 'unpack it' };
}

/** A pickle of protocol 2 or later. */
function isPickle([first, protocol = 0]: Uint8Array): boolean {
  return first === 0x80 && protocol >= 2 && protocol <= 5;
}

function pickleKind(start: string): FileKind {
  if (start.includes(PICKLED_TORCH)) return { what: 'a PyTorch checkpoint (.pt)', cure: EXPORT_TORCH };
  return {
    what: 'a Python pickle (.pkl, joblib)',
    cure: 'convert the model in Python with skl2onnx.to_onnx or onnxmltools; diegate runs no pickles',
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
