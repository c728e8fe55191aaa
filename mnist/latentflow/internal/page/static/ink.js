// Digits drawn by hand: the pad, and what the model says of them.

import {el, grayOf, likeliest, newest, paint, percent, say, sayLater, showReading} from "./page.js";

const near = 0.006; // points nearer to each other are one
const most = 4500; // points of a drawing

export function drawDigits(model, move) {
  const paper = el("paper"), status = el("ink-status"), rows = [];
  const strokes = []; // of points [x, y], from 0 to 1
  const pen = {x: 0.5, y: 0.3, down: false, shown: false}; // the keyboard's
  let answer = null;

  for (let k = 0; k < model.classes; k++) {
    const row = document.createElement("li"), name = document.createElement("span");
    const bar = document.createElement("span"), value = document.createElement("span");
    name.textContent = k;
    bar.className = "bar";
    value.className = "value";
    value.textContent = "–";
    row.append(name, bar, value);
    rows.push({row, bar, value});
  }
  el("bars").append(...rows.map(r => r.row));

  const send = newest("ink", (a, asked) => {
    if (!asked.strokes || strokes.length) show(a, asked);
  }, status);

  function show(a) {
    answer = a;
    paint(el("seen"), grayOf(a.pixels), model.height, model.width);
    paint(el("back"), grayOf(a.reconstruction), model.height, model.width);
    let words = showReading("ink", a);
    if (a.label !== undefined) {
      words = `A test digit, labelled ${a.label}. ${words}`;
    }
    el("seen").setAttribute("aria-label", "What the model sees. " + words);
    el("back").setAttribute("aria-label", "Its reconstruction");
    (a.posterior || []).forEach((p, k) => {
      rows[k].bar.style.setProperty("--p", p);
      rows[k].value.textContent = percent(p);
      rows[k].row.classList.toggle("best", k === likeliest(a.posterior));
    });
    el("take").disabled = false;
    sayLater(status, words);
  }

  function sketch() {
    const context = paper.getContext("2d"), size = paper.width;
    context.clearRect(0, 0, size, size);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = size * 0.06;
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y], i) => i ? context.lineTo(x * size, y * size) : context.moveTo(x * size, y * size));
      const [x, y] = stroke.at(-1);
      context.lineTo(x * size, y * size);
      context.stroke();
    }
    if (pen.shown) {
      context.lineWidth = size * 0.008;
      context.beginPath();
      context.arc(pen.x * size, pen.y * size, size * 0.035, 0, 2 * Math.PI);
      context.stroke();
      if (!pen.down) { // a ring is a lifted pen, a cross within it a lowered one
        return;
      }
      context.strokeStyle = "#fff";
      context.beginPath();
      context.moveTo((pen.x - 0.02) * size, pen.y * size);
      context.lineTo((pen.x + 0.02) * size, pen.y * size);
      context.moveTo(pen.x * size, (pen.y - 0.02) * size);
      context.lineTo(pen.x * size, (pen.y + 0.02) * size);
      context.stroke();
      context.strokeStyle = "#000";
    }
  }

  function changed() {
    sketch();
    if (strokes.length) send({strokes});
  }

  function addPoint(x, y) {
    const stroke = strokes.at(-1), last = stroke.at(-1);
    if (strokes.reduce((n, s) => n + s.length, 0) >= most) return;
    if (!last || Math.hypot(x - last[0], y - last[1]) >= near) {
      stroke.push([x, y]);
      changed();
    }
  }

  function clear() {
    strokes.length = 0;
    pen.down = false;
    sketch();
    say(status, "The pad is empty.");
  }

  function undo() {
    strokes.pop();
    pen.down = false;
    strokes.length ? changed() : clear();
  }

  let pointer = null;
  const at = e => {
    const r = paper.getBoundingClientRect();
    return [(e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height].map(v => Math.min(Math.max(v, 0), 1));
  };
  paper.addEventListener("pointerdown", e => {
    if (pointer !== null || e.button > 0) return;
    pointer = e.pointerId;
    paper.setPointerCapture(pointer);
    pen.shown = pen.down = false;
    if (strokes.length < 200) strokes.push([]);
    addPoint(...at(e));
  });
  paper.addEventListener("pointermove", e => {
    if (e.pointerId !== pointer) return;
    for (const one of e.getCoalescedEvents?.() ?? [e]) addPoint(...at(one));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    paper.addEventListener(end, e => {
      if (e.pointerId === pointer) pointer = null;
    });
  }

  const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  paper.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (ways[e.key]) {
      const step = e.shiftKey ? 0.01 : 0.04;
      pen.x = Math.min(Math.max(pen.x + step * ways[e.key][0], 0), 1);
      pen.y = Math.min(Math.max(pen.y + step * ways[e.key][1], 0), 1);
      pen.shown = true;
      pen.down ? addPoint(pen.x, pen.y) : sketch();
    } else if (e.key === " ") {
      pen.shown = true;
      pen.down = !pen.down;
      if (pen.down) {
        strokes.push([]);
        addPoint(pen.x, pen.y);
      }
      sketch();
      say(status, pen.down ? "Pen lowered." : "Pen lifted.");
    } else if (e.key === "Backspace") {
      undo();
    } else if (e.key === "Delete") {
      clear();
    } else {
      return;
    }
    e.preventDefault();
  });
  paper.addEventListener("blur", () => { pen.shown = false; sketch(); });

  el("clear").addEventListener("click", clear);
  el("undo").addEventListener("click", undo);
  el("test").addEventListener("click", () => {
    strokes.length = 0;
    sketch();
    send({test: Math.floor(Math.random() * model.tests)});
  });
  el("take").addEventListener("click", () => {
    move.goTo({embedding: answer.embedding, digit: answer.posterior ? likeliest(answer.posterior) : undefined});
    el("move").scrollIntoView();
  });

  const fit = () => {
    paper.width = paper.height = Math.round(280 * Math.min(window.devicePixelRatio || 1, 3));
    sketch();
  };
  fit();
}
