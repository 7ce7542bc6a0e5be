// ONNX Runtime reports usage to its maker unless this is set before its library loads, and loading
// is what importing onnxruntime-node does: this module is imported before it.
process.env.ORT_DISABLE_TELEMETRY = '1';
