// The page: asks what the model is, and sets up the parts.

import {ask, el, say} from "./page.js";
import {moveDigit} from "./move.js";
import {drawDigits} from "./ink.js";
import {walkDigits} from "./walk.js";
import {showField} from "./field.js";

try {
  const model = await ask("model");
  document.documentElement.classList.toggle("without-classes", model.classes === 0);
  const told = model.classes ? `told which of ${model.classes} classes to draw` : "told no class";
  el("about").textContent = `${model.name}: a flow over embeddings of ${model.latent} numbers, ${told}; ${model.tests.toLocaleString("en")} test digits.`;
  const move = moveDigit(model);
  drawDigits(model, move);
  walkDigits(model);
  if (model.latent > 1) {
    showField(model, move);
  } else {
    el("field").hidden = true;
  }
} catch (error) {
  say(el("about"), "The page could not start: " + error.message, "problem");
}
