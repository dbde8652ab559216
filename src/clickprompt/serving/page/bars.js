// Which fields moved the score: one bar a field, right of the middle where its value raised it.

import { onOneLine, pointsLike } from "./values.js";

/** Show changes by field, the largest first, in an <ol>; `texts` are the values as typed. */
export function showBars(list, fields, changes, texts) {
  const shown = fields.filter((field) => field.name in changes);
  shown.sort((a, b) => Math.abs(changes[b.name].change) - Math.abs(changes[a.name].change));
  const most = Math.max(...shown.map((field) => Math.abs(changes[field.name].change)), 1e-12);
  const points = pointsLike(most);
  list.replaceChildren(...shown.map((field) => {
    const change = changes[field.name].change;
    return barOf(field, change, (50 * Math.abs(change)) / most, points(change), texts[field.name] ?? "");
  }));
}

function barOf(field, change, width, points, text) {
  const item = document.createElement("li");
  item.dataset.field = field.name;
  item.dataset.change = change;
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = field.name;
  const value = document.createElement("span");
  value.className = "value";
  value.textContent = onOneLine(text) || "missing";
  value.title = value.textContent;
  const track = document.createElement("span");
  track.className = "track";
  const bar = document.createElement("span");
  bar.className = change < 0 ? "bar down" : "bar up";
  bar.style.width = `${width}%`;
  track.append(bar);
  const amount = document.createElement("span");
  amount.className = "amount";
  amount.textContent = points;
  item.append(name, value, track, amount);
  return item;
}
