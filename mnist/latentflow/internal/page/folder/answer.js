// The API, by the model in WebAssembly: no server is asked but for files.

// What is there once, in all workers: the program and its data.
const program = WebAssembly.compileStreaming(unpacked("page.wasm.gz", "application/wasm"));
const data = fetched("data.zip").then(r => r.arrayBuffer());

async function fetched(name) {
  const response = await fetch(name);
  if (!response.ok) {
    throw new Error(`${name}: status ${response.status}; the folder is to be there as it was written`);
  }
  return response;
}

async function unpacked(name, type) {
  const stream = (await fetched(name)).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream, {headers: {"Content-Type": type}});
}

// lane returns a function that asks a worker of its own, one question at a time.
// Of those that wait, one that is aborted is not asked.
function lane() {
  const worker = new Worker("worker.js");
  const ready = Promise.all([program, data]).then(exchange);
  let turn = ready;
  ready.catch(() => {}); // whoever asks is told

  function exchange(message) {
    return new Promise((resolve, reject) => {
      worker.onmessage = event => resolve(event.data);
      worker.onerror = event => reject(new Error(event.message));
      worker.postMessage(message);
    });
  }
  return (route, body, signal) => {
    const asked = turn.then(async () => {
      await ready;
      signal?.throwIfAborted();
      return exchange([route, body]);
    });
    turn = asked.catch(() => {});
    return asked;
  };
}

// What takes long does not keep a slider waiting.
const quick = lane(), slow = lane();

export async function answer(route, body = "", signal) {
  const asked = (route === "walk" || route === "field" ? slow : quick)(route, body, signal);
  return JSON.parse(await (signal ? Promise.race([asked, aborted(signal)]) : asked));
}

const aborted = signal => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
