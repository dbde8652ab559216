// Between what stands in an input, always a text, and the value that the server is sent.

/** Value of a field's text; undefined where it is empty, which means missing. Throws where it cannot be one. */
export function valueOf(field, text) {
  if (text.trim() === "") return undefined;
  if (field.kind === "numeric") {
    const number = Number(text);
    if (!Number.isFinite(number)) throw new Error(`${field.name}: “${text.trim()}” is not a number.`);
    return number;
  }
  return field.kind === "list" ? listOf(field, text) : text;
}

/** A text cell, which the server splits, where the field has a separator; else items. */
function listOf(field, text) {
  return field.separator ? text : itemsOf(text);
}

/** Items of a text: one a line, or parted by commas where it is a single line. */
function itemsOf(text) {
  const items = text.split(text.includes("\n") ? "\n" : ",").map((item) => item.trim());
  return items.filter((item) => item !== "");
}

/** Row of a set of fields: values by name, without the missing ones. */
export function rowOf(fields, texts) {
  const row = {};
  for (const field of fields) {
    const value = valueOf(field, texts[field.name] ?? "");
    if (value !== undefined) row[field.name] = value;
  }
  return row;
}

/** Items as an input holds them. */
function joined(field, items) {
  return field.separator ? items.join(field.separator) : items.map((item) => `${item}\n`).join("");
}

/** A list's text with one item more. */
export function withItem(field, text, item) {
  const held = text.trim() === "" ? [] : field.separator ? [text.trim()] : itemsOf(text);
  return joined(field, [...held, item]);
}

/** Text that an input of the field starts with: its example number `place`, of a list its first two items. */
export function startText(field, place = 0) {
  const examples = field.examples;
  if (examples.length === 0) return "";
  if (field.kind === "list") return joined(field, examples.slice(place, place + 2));
  return String(examples[place % examples.length]);
}

/** What an input holds, for a place that has a line. */
export function onOneLine(text) {
  return text.trim().replaceAll("\n", " · ");
}

const significant = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

/** 0.01234 → "1.23 %" */
export function percent(probability) {
  return `${significant.format(100 * probability)} %`;
}

/** Writes changes, 0.0123 as "+1.23", all with as many decimals as give the largest three digits. */
export function pointsLike(most) {
  const decimals = Math.min(Math.max(2 - Math.floor(Math.log10(100 * most)), 1), 8);
  const format = new Intl.NumberFormat("en", {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "exceptZero",
  });
  return (change) => format.format(100 * change).replace("-", "−");
}
