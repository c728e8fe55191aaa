# A scorer in Python, FastAPI and ONNX Runtime, with the routes that
# benchmarks/serve asks. Needs fastapi, uvicorn, uvloop, httptools, orjson,
# numpy and onnxruntime.
#
#   go run ./benchmarks/serve -onnx flow.onnx
#   FLOW=flow.onnx uvicorn --app-dir benchmarks/serve fastapi_peer:app --port 8090 --workers 2
#   go run ./benchmarks/serve -flow -host 127.0.0.1:8090
import os
import resource

import numpy as np
import onnxruntime
import orjson
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # a row is too little to share
session = onnxruntime.InferenceSession(os.environ["FLOW"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
app = FastAPI()


def log_density(rows):
    return session.run(["log_prob"], {name: np.asarray(rows, np.float32)})[0].reshape(-1)


async def lines(request):
    """Blocks of 1,024 rows, of a body in NDJSON as it comes."""
    rest, rows = b"", []
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        rows += [orjson.loads(line) for line in whole]
        while len(rows) >= 1024:
            yield rows[:1024]
            rows = rows[1024:]
    if rows:
        yield rows


async def answers(request):
    async for rows in lines(request):
        yield b"".join(b'{"log_density":%r}\n' % v for v in log_density(rows).tolist())


class Streamed(StreamingResponse):
    """One that leaves the request's body to its own reader while it answers."""

    async def __call__(self, scope, receive, send):
        await self.stream_response(send)


@app.post("/v1/score")
async def score(request: Request):
    if request.headers["content-type"].startswith("application/x-ndjson"):
        return Streamed(answers(request), media_type="application/x-ndjson")
    row = orjson.loads(await request.body())
    return Response(orjson.dumps({"log_density": float(log_density([row])[0])}), media_type="application/json")


@app.get("/metrics")
def metrics():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # at most so far
    return PlainTextResponse("\nbijou_memory_system_bytes %d\n" % most)

