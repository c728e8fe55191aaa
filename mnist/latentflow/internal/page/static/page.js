// What all parts share: the elements, the API, pictures, numbers and words.

import {answer} from "./answer.js";

export const el = id => document.getElementById(id);

// ask sends a body to a route below /api and returns its answer.
export async function ask(route, body, signal) {
  const start = performance.now(), a = await answer(route, body === undefined ? undefined : JSON.stringify(body), signal);
  if (a.error) {
    const {given, want, do: todo} = a.error;
    throw new Error(`Given ${given}, want ${want}: ${todo}.`);
  }
  a.here = performance.now() - start;
  return a;
}

// patience is how long, in milliseconds, an answer may keep a newer question waiting.
const patience = 150;

// newest returns a function that asks, and shows the answer. While one question
// is under way, only the newest other one waits; one that is slow is aborted.
export function newest(route, show, status) {
  let flight = null, waiting, since = 0;
  async function run() {
    while (waiting !== undefined) {
      const body = waiting;
      waiting = undefined;
      flight = new AbortController();
      since = performance.now();
      try {
        const answer = await ask(route, body, flight.signal);
        status.classList.remove("problem");
        show(answer, body);
      } catch (error) {
        if (error.name !== "AbortError") {
          say(status, error.message, "problem");
        }
      }
    }
    flight = null;
  }
  return body => {
    waiting = body;
    if (!flight) {
      run();
    } else if (performance.now() - since > patience) {
      flight.abort();
    }
  };
}

// grayOf are the bytes of pictures in base64.
export const grayOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

// paint draws pictures of h x w as black ink into a canvas, in so many columns.
export function paint(canvas, gray, h, w, columns = 1) {
  const n = gray.length / (h * w), rows = Math.ceil(n / columns);
  canvas.width = columns * w;
  canvas.height = rows * h;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < gray.length; i++) {
    const tile = Math.floor(i / (h * w)), p = i % (h * w);
    const x = tile % columns * w + p % w, y = Math.floor(tile / columns) * h + Math.floor(p / w);
    image.data[4 * (y * canvas.width + x) + 3] = gray[i];
  }
  context.putImageData(image, 0, 0);
}

export const percent = p => p > 0.9995 && p < 1 ? "> 99.9 %" : p > 0 && p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";
export const number = (v, digits = 2) => v.toFixed(digits).replace("-", "−");
export const likeliest = p => p.indexOf(Math.max(...p));

// showReading writes what the model says of a digit, and returns it in words.
export function showReading(part, a) {
  const p = a.p_value < 0.001 ? "below 0.001" : a.p_value.toFixed(3);
  el(part + "-density").textContent = number(a.log_density, 1) + " nats";
  el(part + "-p").textContent = p;
  let words = `Log-density ${number(a.log_density, 1)} nats, p-value ${p}.`;
  if (a.posterior) {
    const k = likeliest(a.posterior), text = `${k}, ${percent(a.posterior[k])}`;
    el(part + "-class").textContent = text;
    words = `Reads as ${text}. ${words}`;
  } else {
    el(part + "-class").parentElement.hidden = true;
  }
  el(part + "-time").textContent = tookText(a);
  return words;
}

// tookText says how long an answer took, here and on the server.
export const tookText = a => `computed in ${a.milliseconds.toFixed(1)} ms, here after ${a.here.toFixed(0)} ms`;

// say puts words into a live region.
export function say(status, words, kind) {
  clearTimeout(status.later);
  status.classList.toggle("problem", kind === "problem");
  status.textContent = words;
}

// sayLater does so when nothing has moved for a while: a screen reader is not to
// read what a slider passes.
export function sayLater(status, words) {
  clearTimeout(status.later);
  status.later = setTimeout(() => say(status, words), 500);
}

// slider makes a row of a label, a range and its value.
export function slider(id, label, name, change) {
  const row = document.createElement("div"), range = document.createElement("input");
  const text = document.createElement("label"), value = document.createElement("span");
  row.className = "slider";
  value.className = "value";
  text.htmlFor = range.id = id;
  text.append(...label);
  Object.assign(range, {type: "range", min: -4, max: 4, step: 0.05});
  range.setAttribute("aria-label", name);
  range.addEventListener("input", () => change(range.valueAsNumber));
  row.append(text, range, value);
  return {row, show(v) {
    range.value = v;
    value.textContent = number(v);
    range.setAttribute("aria-valuetext", number(v) + " standard deviations");
  }};
}
