// The digit that moves: sliders in both spaces, temperature, classes and draws.

import {el, grayOf, newest, number, paint, sayLater, showReading, slider} from "./page.js";

// moveDigit sets up the part, and returns what the others need of it: the point,
// a way to go elsewhere, and to be told.
export function moveDigit(model) {
  const listeners = [], latents = [], axes = [];
  const point = {digit: model.classes ? Math.min(7, model.classes - 1) : undefined, latent: null, embedding: null};
  let seeded = true; // the point is the seed's draw, and nothing has moved it
  let unit = null; // the latent at temperature 1

  const send = newest("digit", show, el("move-status"));
  const seed = () => Math.max(0, Math.floor(el("seed").valueAsNumber) || 0);
  const temperature = () => el("temperature").valueAsNumber;

  function show(a, asked) {
    point.latent = a.latent;
    point.embedding = a.embedding;
    if (!asked.latent || !unit) {
      unit = a.latent.map(v => v / temperature());
    }
    a.latent.forEach((v, j) => latents[j].show(v));
    a.embedding.forEach((v, j) => axes[j].show(v));
    paint(el("digit"), grayOf(a.pixels), model.height, model.width);
    const words = showReading("move", a);
    el("digit").setAttribute("aria-label", "The digit. " + words);
    sayLater(el("move-status"), words);
    for (const tell of listeners) {
      tell(point);
    }
  }

  function draw() {
    seeded = true;
    showCommand();
    send({digit: point.digit, seed: seed(), temperature: temperature()});
  }

  function goTo(place) { // {latent}, or {embedding}, and perhaps {digit}
    seeded = false;
    if (place.digit !== undefined) {
      point.digit = place.digit;
      const button = el("digits").querySelector(`input[value="${place.digit}"]`);
      if (button) button.checked = true;
    }
    if (place.latent) {
      point.latent = place.latent;
      unit = place.latent.map(v => v / temperature());
    }
    showCommand();
    send({digit: point.digit, latent: place.latent, embedding: place.embedding});
  }

  function showCommand() {
    const digit = point.digit === undefined ? "" : ` -digit ${point.digit}`;
    el("command").textContent = `go run ./mnist/latentflow sample -model ${model.name} -n 1${digit} -seed ${seed()} -temperature ${temperature()}`;
    el("command-line").classList.toggle("moved", !seeded);
    el("command-line").firstElementChild.textContent = seeded ? "The same digit:" : "Moved from:";
  }

  for (let j = 0; j < model.latent; j++) {
    latents.push(slider(`latent-${j + 1}`, [`${j + 1}`], `latent ${j + 1}`, v => {
      if (point.latent) goTo({latent: point.latent.with(j, v)});
    }));
    const share = document.createElement("small");
    share.textContent = (100 * model.shares[j]).toFixed(0) + " %";
    share.title = "share of the variance of the test digits";
    axes.push(slider(`axis-${j + 1}`, [`${j + 1}`, share], `axis ${j + 1}, ${share.textContent} of the variance`, v => {
      if (point.embedding) {
        point.embedding = point.embedding.with(j, v);
        goTo({embedding: point.embedding});
      }
    }));
  }
  el("latent").append(...latents.map(s => s.row));
  el("embedding").append(...axes.map(s => s.row));

  for (let k = 0; k < model.classes; k++) {
    const label = document.createElement("label"), radio = document.createElement("input"), text = document.createElement("span");
    Object.assign(radio, {type: "radio", name: "digit", value: k, checked: k === point.digit});
    text.textContent = k;
    radio.addEventListener("change", () => {
      point.digit = k;
      seeded ? draw() : goTo({latent: point.latent});
    });
    label.append(radio, text);
    el("digits").append(label);
  }
  el("temperature").addEventListener("input", () => {
    el("temperature-value").textContent = number(temperature());
    if (seeded || !unit) {
      draw();
    } else {
      const kept = unit;
      goTo({latent: unit.map(v => v * temperature())});
      unit = kept;
    }
  });
  el("another").addEventListener("click", () => {
    el("seed").value = seed() + 1;
    draw();
  });
  el("seed").addEventListener("change", draw);
  el("centre").addEventListener("click", () => goTo({latent: Array(model.latent).fill(0)}));
  draw();
  return {point, goTo, tell: f => listeners.push(f)};
}
