// The field: digits over a plane of the latent space, zoomed and moved.

import {el, grayOf, newest, number, paint, sayLater, tookText} from "./page.js";

const side = 9; // digits across
const home = {x: 0, y: 0, step: 0.6};

export function showField(model, move) {
  const tiles = el("tiles"), status = el("field-status"), view = {...home};
  const strongest = model.effects.map((_, j) => j).sort((a, b) => model.effects[b] - model.effects[a]);
  const axis = {x: strongest[0], y: strongest[1]}; // where most is to be seen
  let visible = false, old = true;
  paint(tiles, new Uint8Array(side * side * model.height * model.width), model.height, model.width, side); // has its size at once

  const send = newest("field", (a, asked) => {
    paint(tiles, grayOf(a.pixels), model.height, model.width, side);
    el("field-time").textContent = `${side * side} digits ` + tookText(a);
    const half = asked.step * side / 2, [x, y] = asked.centre;
    const range = (name, c) => `latent ${name + 1} from ${number(c - half)} to ${number(c + half)}`;
    const middle = Math.floor(side * side / 2);
    const reads = a.class ? `; the middle one reads as ${a.class[middle]}` : "";
    sayLater(status, `To the right ${range(asked.x, x)}, upwards ${range(asked.y, y)}${reads}.`);
    ring();
  }, status);

  function draw() {
    ring();
    old = !visible || !move.point.latent;
    if (!old) {
      send({digit: move.point.digit, latent: move.point.latent, x: axis.x, y: axis.y, centre: [view.x, view.y], step: view.step, columns: side, rows: side});
    }
  }

  // ring marks the point, where it is within the field.
  function ring() {
    const here = el("here"), u = move.point.latent;
    if (!u) return;
    const x = 0.5 + (u[axis.x] - view.x) / (view.step * side), y = 0.5 - (u[axis.y] - view.y) / (view.step * side);
    here.hidden = !(x >= 0 && x <= 1 && y >= 0 && y <= 1);
    here.style.left = 100 * x + "%";
    here.style.top = 100 * y + "%";
  }

  const far = v => Math.min(Math.max(v, -20), 20);
  // zoom by a factor, with the place (x, y) of the view, from -1/2 to 1/2, kept.
  function zoom(factor, x = 0, y = 0) {
    const step = Math.min(Math.max(view.step / factor, 0.002), 2);
    view.x = far(view.x + x * side * (view.step - step));
    view.y = far(view.y - y * side * (view.step - step));
    view.step = step;
    draw();
  }
  function pan(x, y) { // in digits
    view.x = far(view.x + x * view.step);
    view.y = far(view.y + y * view.step);
    draw();
  }
  function pick(x, y) {
    const latent = move.point.latent.slice();
    latent[axis.x] = view.x + x * side * view.step;
    latent[axis.y] = view.y - y * side * view.step;
    move.goTo({latent});
  }
  const reset = () => { Object.assign(view, home); draw(); };

  const at = e => {
    const r = tiles.getBoundingClientRect();
    return [(e.clientX - r.left) / r.width - 0.5, (e.clientY - r.top) / r.height - 0.5];
  };
  const fingers = new Map();
  let moved = 0;
  tiles.addEventListener("pointerdown", e => {
    if (e.button > 0) return;
    tiles.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, at(e));
    if (fingers.size === 1) moved = 0;
  });
  tiles.addEventListener("pointermove", e => {
    const before = fingers.get(e.pointerId), now = at(e);
    if (!before) return;
    const gap = () => { const [a, b] = [...fingers.values()]; return Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 0.01); };
    const wide = fingers.size === 2 ? gap() : 0;
    fingers.set(e.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (fingers.size === 2) {
      moved = 1;
      const [a, b] = [...fingers.values()];
      zoom(gap() / wide, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    } else if (moved > 0.02) {
      pan((before[0] - now[0]) * side, (now[1] - before[1]) * side);
    }
  });
  tiles.addEventListener("pointerup", e => {
    if (fingers.delete(e.pointerId) && moved <= 0.02 && move.point.latent) pick(...at(e));
  });
  tiles.addEventListener("pointercancel", e => fingers.delete(e.pointerId));
  tiles.addEventListener("wheel", e => {
    if (document.activeElement !== tiles && !e.ctrlKey) return;
    e.preventDefault();
    zoom(Math.exp(-Math.sign(e.deltaY) * Math.min(Math.abs(e.deltaY), 100) / 400), ...at(e));
  }, {passive: false});

  const keys = {
    ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, 1), ArrowDown: () => pan(0, -1),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": reset, Enter: () => pick(0, 0),
  };
  tiles.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    keys[e.key]();
    e.preventDefault();
  });
  for (const [id, key] of Object.entries({"zoom-in": "+", "zoom-out": "-", "pan-left": "ArrowLeft", "pan-right": "ArrowRight", "pan-up": "ArrowUp", "pan-down": "ArrowDown", "field-reset": "0"})) {
    el(id).addEventListener("click", keys[key]);
  }

  for (const name of ["x", "y"]) {
    const select = el("field-" + name);
    for (let j = 0; j < model.latent; j++) {
      select.append(new Option(`latent ${j + 1}`, j, j === axis[name], j === axis[name]));
    }
    select.addEventListener("change", () => {
      const other = name === "x" ? "y" : "x", v = Number(select.value);
      if (v === axis[other]) { // both would be one: they change places
        axis[other] = axis[name];
        el("field-" + other).value = axis[other];
      }
      axis[name] = v;
      draw();
    });
  }
  move.tell(draw);
  // Out of sight, nothing is drawn.
  new IntersectionObserver(seen => {
    visible = seen.at(-1).isIntersecting;
    if (visible && old) draw();
  }, {rootMargin: "100px"}).observe(tiles);
}
