// The page: which model, what it is told, what it answers.

import { ask, hasToken, useToken } from "./api.js";
import { showBars } from "./bars.js";
import { Candidates } from "./candidates.js";
import { commandOf } from "./command.js";
import { Inputs } from "./fields.js";
import { Menus } from "./models.js";
import { rowsOf } from "./paste.js";
import { percent, rowOf, startText } from "./values.js";

const WAIT = 120; // milliseconds without a key before the server is asked
const STARTS = 3; // candidates to begin with

const at = (id) => document.getElementById(id);
const main = document.querySelector("main");
const menus = new Menus(at("model"), at("version"), at("faults"), () => trying(describe));
let shown; // what is on the page, as `show` makes it
let turn = 0;
let running = new AbortController();
let waiting;

at("row").addEventListener("submit", (event) => event.preventDefault());
at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(at("token").value);
  at("sign-in").hidden = true;
  trying(start);
});
at("add").addEventListener("click", () => {
  shown.candidates.chosen = shown.candidates.add(shown.candidates.chosen.texts);
  refresh();
});
at("paste-add").addEventListener("click", () => paste(false));
at("paste-replace").addEventListener("click", () => paste(true));
trying(start);

async function start() {
  await menus.load();
  await describe();
}

/** Fields of the chosen model, with inputs for them; what was typed stays in fields of the same name. */
async function describe() {
  const choice = menus.choice;
  const { fields } = await ask(`v1/examples?${new URLSearchParams(choice)}`);
  show(choice, fields);
  await refresh();
}

function show(choice, fields) {
  const before = shown;
  const items = fields.filter((field) => field.side === "item" && field.input);
  const own = items.length ? items : fields.filter((field) => field.input); // no field is an item's: rows are ranked
  const shared = fields.filter((field) => field.input && !own.includes(field));
  const textsOf = (some, typed, place) =>
    Object.fromEntries(some.map((field) => [field.name, typed?.[field.name] ?? startText(field, place)]));
  const texts = textsOf(shared, before?.texts, 0);
  const constant = fields.filter((field) => !field.input).map((field) => [field.name, String(field.score_as)]);
  const typed = before?.candidates.all.map((one) => one.texts) ?? Array(STARTS).fill(undefined);
  const starts = typed.map((one, place) => textsOf(own, one, place));
  const candidates = new Candidates(document.querySelector("#ranking table"), own, starts, refresh);
  const itemNote = items.length ? "Of the candidate that is chosen in the table." : "";
  const inputs = new Inputs(at("fields"), fields, itemNote, (field, text) => {
    (own.includes(field) ? candidates.chosen.texts : texts)[field.name] = text;
    clearTimeout(waiting);
    waiting = setTimeout(refresh, WAIT);
  });
  shown = { choice, fields, shared, own, texts, constant: Object.fromEntries(constant), inputs, candidates };
}

/** Ask for scores and reasons; an answer that a newer question overtook is dropped. */
async function refresh() {
  const mine = ++turn;
  clearTimeout(waiting);
  running.abort();
  running = new AbortController();
  main.classList.add("stale");
  await trying(() => answer(running.signal, () => mine === turn), () => mine === turn);
}

async function answer(signal, isLatest) {
  const { choice, fields, shared, own, texts, constant, inputs, candidates } = shown;
  const chosen = { ...constant, ...texts, ...candidates.chosen.texts };
  candidates.show();
  inputs.show(chosen);
  const bad = inputs.firstBad();
  if (bad !== undefined) {
    inputs.mark({ [bad]: "not a number" }, true);
    throw new Error(`${bad}: expected a number.`);
  }
  const context = rowOf(shared, texts);
  const request = { ...choice, context, candidates: candidates.all.map((one) => rowOf(own, one.texts)) };
  at("command").textContent = commandOf(new URL("v1/score", document.baseURI).href, request);
  const began = performance.now();
  const row = { ...context, ...rowOf(own, candidates.chosen.texts) };
  const reasons = ask("v1/explain", { ...choice, row }, signal);
  reasons.catch(() => {}); // told below, after the scores
  const { scores, model, version } = await ask("v1/score", request, signal);
  const took = Math.ceil(performance.now() - began);
  if (!isLatest()) return;
  candidates.show(scores);
  const data = Object.assign(document.createElement("data"), { value: candidates.chosen.score });
  data.textContent = percent(candidates.chosen.score);
  at("score").replaceChildren(data);
  const place = `Candidate ${candidates.rank} of ${scores.length}`;
  at("about").textContent = `${place} · ${model}, version ${version} · ${took} ms`;
  const { fields: changes, unseen } = await reasons;
  if (!isLatest()) return;
  showBars(at("bars"), fields, changes, chosen);
  inputs.mark(Object.fromEntries(unseen.map((name) => [name, "not seen in training"])));
  main.classList.remove("stale");
  if (!menus.has(model, version)) await menus.load();
}

function paste(instead) {
  try {
    const { rows, note } = rowsOf(at("pasted").value, shown.own);
    if (instead) shown.candidates.replaceAll(rows);
    else rows.forEach((row) => shown.candidates.add(row));
    at("paste-note").textContent = note;
    at("pasted").value = "";
    refresh();
  } catch (error) {
    at("paste-note").textContent = error.message;
  }
}

/** Do something; where it fails, say so in words, or ask for a token. */
async function trying(something, matters = () => true) {
  try {
    await something();
    if (!matters()) return;
    at("problem").hidden = true;
    main.hidden = false;
  } catch (error) {
    if (error.name === "AbortError" || !matters()) return;
    const refused = error.status === 401;
    at("sign-in").hidden = !refused;
    at("problem").hidden = refused && !hasToken();
    at("problem").textContent = refused ? "The server does not know this token." : error.message;
    if (refused) at("token").focus();
    if (error.status === 404 && shown !== undefined) await lookAgain();
  }
}

/** A version is gone: take the newest where it was chosen. */
async function lookAgain() {
  await trying(async () => {
    await menus.load();
    if (JSON.stringify(menus.choice) !== JSON.stringify(shown.choice)) await describe();
    else throw new Error(at("problem").textContent);
  });
}
