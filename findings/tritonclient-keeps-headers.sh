#!/usr/bin/env bash
# tritonclient 2.73.0 (Python, HTTP): infer() writes its own headers into the dictionary that the caller passes as `headers`.
# A dictionary that is shared between calls, as one with a credential usually is, keeps `Content-Encoding: gzip` of one packed
# request, and `Inference-Header-Content-Length` of one with binary tensors; the next request is sent plain, and says that it
# is packed. A server that believes it answers 400.
#
# Output seen, of a server that writes down what it is told:
#   1st request: content-encoding gzip, body begins with 1f8b
#   2nd request: content-encoding gzip, body begins with 7b22
#
# Needs Python 3 with venv, and PyPI. Ends with 1 where the client behaves otherwise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "tritonclient[http]==2.73.0" numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import tritonclient.http as http

seen = []


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        seen.append((self.headers.get("content-encoding"), body[:2].hex()))
        answer = json.dumps({"model_name": "m", "model_version": "1", "outputs": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = http.InferenceServerClient(f"127.0.0.1:{server.server_port}")
tensor = http.InferInput("x", [1, 2], "FP32")
tensor.set_data_from_numpy(np.ones((1, 2), np.float32), binary_data=False)
headers = {"authorization": "Bearer of-the-caller"}
client.infer("m", [tensor], headers=headers, request_compression_algorithm="gzip")
client.infer("m", [tensor], headers=headers)
for place, (encoding, begin) in zip(("1st", "2nd"), seen):
    print(f"{place} request: content-encoding {encoding}, body begins with {begin}")
client.close()
server.shutdown()
sys.exit(0 if seen == [("gzip", "1f8b"), ("gzip", "7b22")] else 1)
END
