// The table of candidates: ranked by score, one of them chosen to be edited and explained.

import { onOneLine, percent } from "./values.js";

export class Candidates {
  /** `onChange` is called when another candidate is chosen, or one is removed. */
  constructor(table, fields, starts, onChange) {
    this.head = table.tHead;
    this.body = table.tBodies[0];
    this.fields = fields;
    this.onChange = onChange;
    this.next = 0;
    this.all = [];
    this.rows = new Map(); // a candidate's id → its <tr>
    this.head.replaceChildren(headOf(fields));
    starts.forEach((texts) => this.add(texts));
    this.chosen = this.all[0];
  }

  /** A new candidate with these texts; the caller asks for scores. */
  add(texts) {
    const candidate = { id: this.next++, texts: { ...texts }, score: undefined };
    this.all.push(candidate);
    this.rows.set(candidate.id, this.#rowOf(candidate));
    return candidate;
  }

  replaceAll(rows) {
    this.all = [];
    this.rows.clear();
    rows.forEach((texts) => this.add(texts));
    this.chosen = this.all[0];
  }

  #remove(candidate) {
    const order = this.#ranked();
    const place = order.indexOf(candidate);
    const neighbour = order[place + 1] ?? order[place - 1];
    this.all = this.all.filter((other) => other !== candidate);
    this.rows.delete(candidate.id);
    if (this.chosen === candidate) this.chosen = neighbour;
    this.onChange();
    this.rows.get(neighbour.id).querySelector("button").focus();
  }

  #ranked() {
    return [...this.all].sort((a, b) => (b.score ?? -1) - (a.score ?? -1) || a.id - b.id);
  }

  /** Place of the chosen one, from 1. */
  get rank() {
    return this.#ranked().indexOf(this.chosen) + 1;
  }

  /** Show scores, one for each candidate in the order of `all`; without any, what is known stays. */
  show(scores) {
    if (scores !== undefined) this.all.forEach((candidate, place) => (candidate.score = scores[place]));
    const focused = document.activeElement;
    const most = Math.max(...this.all.map((candidate) => candidate.score ?? 0), 1e-12);
    const ranked = this.#ranked();
    ranked.forEach((candidate, place) => this.#fill(candidate, place + 1, most));
    this.body.replaceChildren(...ranked.map((candidate) => this.rows.get(candidate.id)));
    if (this.body.contains(focused)) focused.focus({ preventScroll: true }); // moving a row takes the focus away
  }

  #fill(candidate, rank, most) {
    const row = this.rows.get(candidate.id);
    const [choice, score, ...cells] = row.cells;
    const radio = choice.querySelector("input");
    radio.checked = candidate === this.chosen;
    radio.setAttribute("aria-label", `Edit and explain candidate ${rank}`);
    row.classList.toggle("chosen", radio.checked);
    choice.querySelector(".rank").textContent = rank;
    row.querySelector("button").disabled = this.all.length === 1;
    row.querySelector("button").setAttribute("aria-label", `Remove candidate ${rank}`);
    const data = score.querySelector("data");
    data.value = candidate.score ?? "";
    data.textContent = candidate.score === undefined ? "" : percent(candidate.score);
    score.querySelector(".bar").style.width = `${(100 * (candidate.score ?? 0)) / most}%`;
    this.fields.forEach((field, place) => {
      const text = onOneLine(candidate.texts[field.name] ?? "");
      cells[place].textContent = text || "missing";
      cells[place].title = text;
      cells[place].classList.toggle("missing", text === "");
    });
  }

  #rowOf(candidate) {
    const row = document.createElement("tr");
    const choice = row.insertCell();
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "chosen" });
    label.append(radio, element("span", "rank"));
    choice.append(label);
    const score = row.insertCell();
    const track = element("span", "track");
    track.append(element("span", "bar"));
    score.append(document.createElement("data"), track);
    score.className = "number";
    for (const field of this.fields) row.insertCell().className = field.kind === "numeric" ? "number" : "";
    const remove = element("button", "remove");
    Object.assign(remove, { type: "button", textContent: "×", title: "Remove" });
    row.insertCell().append(remove);
    const choose = () => { this.chosen = candidate; this.onChange(); };
    radio.addEventListener("change", choose);
    row.addEventListener("click", (event) => { if (!event.target.closest("label, button")) choose(); });
    remove.addEventListener("click", () => this.#remove(candidate));
    return row;
  }
}

function headOf(fields) {
  const row = document.createElement("tr");
  const add = (name, isNumber) => {
    const cell = element("th", isNumber ? "number" : "");
    Object.assign(cell, { scope: "col", textContent: name });
    row.append(cell);
  };
  add("Rank", false);
  add("Score", true);
  fields.forEach((field) => add(field.name, field.kind === "numeric"));
  row.insertCell();
  return row;
}

function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}
