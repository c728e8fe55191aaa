// A worker with the model: it is told the program and its data once, and then
// asked.

importScripts("wasm_exec.js");

onmessage = async event => {
  const [program, data] = event.data, go = new Go();
  const instance = await WebAssembly.instantiate(program, go.importObject);
  // The program calls ready when it has read the data, with what answers.
  globalThis.data = new Uint8Array(data);
  globalThis.ready = answer => {
    delete globalThis.data;
    onmessage = event => postMessage(answer(...event.data));
    postMessage("ready");
  };
  await go.run(instance);
};
