// The walk between two digits, with a slider and a way to play it.

import {el, grayOf, newest, number, paint, sayLater, tookText} from "./page.js";

const steps = 33;
const pace = 60; // milliseconds a step

export function walkDigits(model) {
  const ends = {from: {digit: model.classes ? 3 % model.classes : undefined, seed: 11}, to: {digit: model.classes ? 8 % model.classes : undefined, seed: 12}};
  const status = el("walk-status"), along = el("along");
  let frames = null, walk = null, playing = 0, way = 1;
  paint(el("strip"), new Uint8Array(9 * model.height * model.width), model.height, model.width, 9); // has its size at once

  const send = newest("walk", a => {
    const gray = grayOf(a.pixels), size = model.height * model.width;
    walk = a;
    frames = Array.from({length: steps}, (_, i) => gray.subarray(i * size, (i + 1) * size));
    const strip = new Uint8Array(9 * size);
    for (let i = 0; i < 9; i++) {
      strip.set(frames[i * (steps - 1) / 8], i * size);
    }
    paint(el("strip"), strip, model.height, model.width, 9);
    el("walk-time").textContent = `${steps} digits ` + tookText(a);
    show();
  }, status);

  const ask = () => send({from: {...ends.from, temperature: 0.8}, to: {...ends.to, temperature: 0.8}, steps});

  function show() {
    if (!frames) return;
    const i = along.valueAsNumber, share = `${Math.round(100 * i / (steps - 1))} %`;
    const words = `${share} of the way: ` + (walk.class ? `reads as ${walk.class[i]}, ` : "") + `log-density ${number(walk.log_density[i], 1)} nats.`;
    el("along-value").textContent = share;
    along.setAttribute("aria-valuetext", share + " of the way");
    paint(el("step"), frames[i], model.height, model.width);
    el("step").setAttribute("aria-label", "A digit of the walk, " + words);
    playing ? status.textContent = "" : sayLater(status, words);
  }

  function tick() {
    const i = along.valueAsNumber;
    if (i + way < 0 || i + way >= steps) way = -way;
    along.value = i + way;
    show();
  }

  el("play").addEventListener("click", () => {
    if (playing) {
      clearInterval(playing);
      playing = 0;
    } else {
      playing = setInterval(tick, pace);
    }
    el("play").textContent = playing ? "Pause" : "Play";
    show();
  });
  along.max = steps - 1;
  along.addEventListener("input", show);
  for (const end of ["from", "to"]) {
    for (let k = 0; k < model.classes; k++) {
      el(end).append(new Option(k, k, k === ends[end].digit, k === ends[end].digit));
    }
    el(end).addEventListener("change", () => {
      ends[end].digit = Number(el(end).value);
      ask();
    });
    el(end + "-another").addEventListener("click", () => {
      ends[end].seed += 2;
      ask();
    });
  }
  ask();
}
