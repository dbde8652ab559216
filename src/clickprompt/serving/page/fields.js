// One input for each field of the model.

import { withItem } from "./values.js";

const SIDES = { user: "User", context: "Context", item: "Item" };

/** Inputs of a model's fields, grouped by side. */
export class Inputs {
  /** `onInput(field, text)` is told what was typed. */
  constructor(home, fields, itemNote, onInput) {
    this.parts = new Map();
    home.replaceChildren();
    for (const [side, title] of Object.entries(SIDES)) {
      const some = fields.filter((field) => field.side === side);
      if (some.length === 0) continue;
      const group = document.createElement("fieldset");
      const legend = document.createElement("legend");
      legend.textContent = title;
      group.append(legend);
      if (side === "item" && itemNote) group.append(note(itemNote));
      group.append(...some.map((field) => this.#part(field, fields.indexOf(field), onInput)));
      home.append(group);
    }
  }

  #part(field, number, onInput) {
    const id = `field-${number}`;
    const part = document.createElement("div");
    part.className = "field";
    part.dataset.field = field.name;
    const label = document.createElement("label");
    label.htmlFor = id;
    label.textContent = field.name;
    const input = document.createElement(field.kind === "list" ? "textarea" : "input");
    input.id = id;
    input.spellcheck = false;
    input.placeholder = "missing";
    input.setAttribute("aria-describedby", `${id}-mark ${id}-hint`);
    const mark = note("");
    mark.id = `${id}-mark`;
    mark.classList.add("mark");
    const hint = note(hintOf(field));
    hint.id = `${id}-hint`;
    part.append(label, input);
    if (!field.input) input.disabled = true;
    else if (field.kind === "list") part.append(...itemChoice(field, input));
    else if (field.kind === "numeric") Object.assign(input, { type: "number", step: "any" });
    else input.type = "search"; // it can be cleared at a touch
    if (field.kind === "list") input.rows = field.separator ? 1 : 3;
    else if (field.examples.length) part.append(suggestions(field, input));
    part.append(mark, hint);
    input.addEventListener("input", () => onInput(field, input.value));
    this.parts.set(field.name, { input, mark });
    return part;
  }

  /** Put texts into the inputs; those that hold them already, such as the one being typed in, are left alone. */
  show(texts) {
    for (const [name, { input }] of this.parts) {
      if (input.value !== (texts[name] ?? "")) input.value = texts[name] ?? "";
    }
  }

  /** Name and place of the first input that holds what is no number. */
  firstBad() {
    for (const [name, { input }] of this.parts) if (input.validity.badInput) return name;
    return undefined;
  }

  /** Mark fields, by name, with a text each. */
  mark(texts, isProblem = false) {
    for (const [name, { input, mark }] of this.parts) {
      mark.textContent = texts[name] ?? "";
      input.setAttribute("aria-invalid", String(isProblem && name in texts));
    }
  }
}

function note(text) {
  const element = document.createElement("p");
  element.className = "note";
  element.textContent = text;
  return element;
}

function hintOf(field) {
  if (!field.input) return "Always scored as this; it is not known before ranking.";
  if (field.kind !== "list") return "";
  const most = field.max_items ? ` The ${field.keep} ${field.max_items} count.` : "";
  const how = field.separator ? `Items parted by “${field.separator}”.` : "One item a line, or parted by commas.";
  return how + most;
}

function suggestions(field, input) {
  const list = document.createElement("datalist");
  list.id = `${input.id}-examples`;
  list.append(...field.examples.map((example) => new Option("", example)));
  input.setAttribute("list", list.id);
  return list;
}

/** A menu that adds an item to a list. */
function itemChoice(field, input) {
  if (field.examples.length === 0) return [];
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", `Add an item to ${field.name}`);
  choice.append(new Option("Add an item…", ""), ...field.examples.map((item) => new Option(item)));
  choice.addEventListener("change", () => {
    input.value = withItem(field, input.value, choice.value);
    choice.value = "";
    input.dispatchEvent(new Event("input"));
  });
  return [choice];
}
